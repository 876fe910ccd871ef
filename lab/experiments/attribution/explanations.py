"""Which explanation is right, and where? Rungs of the ladder whose drawing says which part the class depends on.

On each rung a probe is fitted at every layer, and its decisions on other drawings are explained: by attribution
methods (gradient × activation is the probe's own direction), a concept vector, an exemplar patch. Right is a map that
lies on what differs more than the area, an edge detector and untrained twins do, at a layer that reads the rung.

tables   explanations  one row per rung, method and layer
         probes        accuracy of the probes; capability: which method is valid where
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.attributions.methods import METHODS, named
from lab.attributions.probe_methods import PROBE_METHODS
from lab.experiments.attribution.columns import EXPLANATIONS
from lab.experiments.attribution.request import ExplanationsRequest
from lab.experiments.attribution.score import scored
from lab.experiments.attribution.score_findings import finds
from lab.experiments.attribution.score_tables import TRAINED
from lab.experiments.base import PartialResults, Result
from lab.experiments.manifest import result_with_findings
from lab.progress import Progress, silent
from lab.settings import Compute

MOST = 3  # explanations that a sentence names


def run(
    request: ExplanationsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return which explanations are right on each rung; raises LabError as `attribution_score`."""
    kept = partial_results if partial_results is not None else {}
    methods = (*named(request.method), *PROBE_METHODS.values())
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in EXPLANATIONS}
    hashes: dict[str, str] = {}
    for number, rung in enumerate(request.rungs):
        progress("Explaining rungs", number, len(request.rungs), "rungs")
        asked = request.of_rung(rung)
        tables, found = scored(asked, methods, progress, compute, kept, sets=len(request.rungs))
        hashes |= {name if name == asked.model else f"{rung} {name}": value for name, value in found.items()}
        tables["explanations"] = judged(tables["summary"], tables["probes"])
        for name, rows in parts.items():
            rows.append(tables[name].assign(rung=rung)[list(EXPLANATIONS[name].columns)])
    joined = {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}
    return result_with_findings(request, joined, findings(joined), hashes=hashes)


def judged(summary: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """Return a rung's rows of the network itself, with the accuracy explained and whether the explanation is right."""
    read = probes[probes["role"] == TRAINED].set_index("layer")[["accuracy", "ci_low", "ci_high"]]
    own = summary[summary["role"] == TRAINED].join(read, on="layer")
    return own.assign(right=[bool(finds(row)) and row["ci_low"] > 0.5 for row in own.to_dict("records")])


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say for each rung which explanations are right, and which is right most often."""
    table = tables["explanations"]
    said = [_on(str(rung), own) for rung, own in table.groupby("rung", sort=False)]
    read = table[table["ci_low"] > 0.5]
    if read.empty:
        return said
    counts = read.groupby("method", sort=False)["right"].agg(["sum", "size"]).sort_values("sum", ascending=False)
    told = [f"{method_title(str(name))} {row['sum']} of {row['size']}" for name, row in counts.iterrows()]
    return [f"Right explanations, of the pairs of rung and layer at which it is read: {', '.join(told)}.", *said]


def _on(rung: str, own: pd.DataFrame) -> str:
    if not (own["ci_low"] > 0.5).any():
        return f"On {rung} there is nothing to explain: no layer's probe is clearly above chance."
    right = own[own["right"]].sort_values("over_area", ascending=False)
    if right.empty:
        return f"On {rung} no explanation is shown to be right at any layer."
    best = right.drop_duplicates("method").head(MOST)
    told = [
        f"{method_title(row['method'])} at {row['layer']} ({row['share']:.0%} of it on {row['area']:.0%} of the "
        "picture)"
        for row in best.to_dict("records")
    ]
    return f"On {rung} {right['method'].nunique()} of {own['method'].nunique()} are right somewhere: {', '.join(told)}."


def method_title(method: str) -> str:
    """Return what people call a method, an attribution or one that only a probe has."""
    return (METHODS.get(method) or PROBE_METHODS[method]).title
