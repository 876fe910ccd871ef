"""Which explanation is right, and where? Rungs of the ladder whose drawing says which part the class depends on.

On each rung a probe is fitted at every layer, and its decisions on other drawings are explained: by attribution
methods (gradient × activation is the probe's own direction), a concept vector, an exemplar patch. Right is a map that
lies on what differs more than the area, an edge detector and untrained twins do, at a layer that reads the rung. Images
optimised for the probe's direction have no place: they are right where a reader tells for which class they were made
(`lab.experiments.attribution.optimised`).

tables   explanations      one row per rung, method and layer
         optimised         how often a reader is right about pairs of optimised images; optimised_images: one pair
         probes            accuracy of the probes; capability: which method is valid where
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.attributions.methods import METHODS, named
from lab.attributions.probe_methods import PROBE_METHODS
from lab.experiments.attribution.columns import EXPLANATIONS
from lab.experiments.attribution.optimised import CONTROLS, TITLE, Optimiser
from lab.experiments.attribution.optimised import METHOD as OPTIMISED
from lab.experiments.attribution.request import ExplanationsRequest
from lab.experiments.attribution.score import scored
from lab.experiments.attribution.score_findings import finds
from lab.experiments.attribution.score_tables import TRAINED
from lab.experiments.base import PartialResults
from lab.experiments.manifest import result_with_findings
from lab.experiments.number_text import ranged
from lab.experiments.result import Result
from lab.models import ModelRef
from lab.names import listed
from lab.progress import Progress, silent
from lab.settings import Compute

MOST = 3  # explanations that a sentence names
CONTROL_NAMES = ("random directions", "untrained twins")


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
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in ("explanations", "probes", "capability")}
    hashes: dict[str, str] = {}
    optimiser = Optimiser(request, compute, progress, kept)
    for number, rung in enumerate(request.rungs):
        progress("Explaining rungs", number, len(request.rungs), "rungs")
        asked = request.of_rung(rung)
        tables, found = scored(asked, methods, progress, compute, kept, sets=len(request.rungs))
        hashes |= {name if name == asked.model else f"{rung} {name}": value for name, value in found.items()}
        tables["explanations"] = judged(tables["summary"], tables["probes"])
        for name, rows in parts.items():
            rows.append(tables[name].assign(rung=rung)[list(EXPLANATIONS[name].columns)])
        own = tables["explanations"]
        optimiser.take(rung, list(own.loc[own["ci_low"] > 1 / 2, "layer"].unique()))
    joined = {name: pd.concat(rows, ignore_index=True) for name, rows in parts.items()}
    joined = with_optimised(joined, optimiser)
    if request.reader:
        hashes[str(optimiser.reader.ref)] = optimiser.reader.weights_digest
    return result_with_findings(request, joined, [*findings(joined), *together(optimiser)], hashes=hashes)


def together(optimiser: Optimiser) -> list[str]:
    """Say how often a reader is right about optimised images of all rungs and layers."""
    if not list(optimiser.rows()):
        return []
    found = {what: optimiser.together(what) for what in CONTROLS}
    own, *controls = [ranged(one.columns(what), what) for what, one in found.items() if one]
    clear = "" if found["told"] and found["told"].low > 1 / 2 else ", not clearly more than chance"
    return [
        f"Over all layers {optimiser.reader.ref.short} tells {own} of pairs of optimised images right{clear}; "
        f"{_controls(controls)}."
    ]


def _controls(shares: Sequence[str]) -> str:
    """Return what optimised images are held against, one share each for the controls that there are."""
    return ", ".join(f"{name} {share}" for share, name in zip(shares, CONTROL_NAMES, strict=False))


def with_optimised(tables: Mapping[str, pd.DataFrame], optimiser: Optimiser) -> dict[str, pd.DataFrame]:
    """Return the tables with what was found of optimised images, which are a method among the others."""
    found = {"optimised": list(optimiser.rows()), "optimised_images": list(optimiser.images())}
    more = {name: pd.DataFrame(rows, columns=list(EXPLANATIONS[name].columns)) for name, rows in found.items()}
    told = more["optimised"]
    read = tables["probes"].query("twin < 0")[["rung", "layer", "accuracy", "ci_low", "ci_high"]]
    own = told.assign(method=OPTIMISED, images=2 * told["pairs"], right=told["told_low"] > 1 / 2)
    own = own[["rung", "method", "layer", "depth", "images", "right"]].merge(read, on=["rung", "layer"])
    added = {"explanations": own, "capability": pd.DataFrame(optimiser.capable)}
    joined = {name: _joined(table, added.get(name)) for name, table in tables.items()}
    return {**joined, **more}


def _joined(table: pd.DataFrame, more: pd.DataFrame | None) -> pd.DataFrame:
    """Return a table with further rows, which may leave columns of numbers out."""
    if more is None or more.empty:
        return table
    whole = pd.concat([table, more.reindex(columns=table.columns)], ignore_index=True)
    return whole.astype({name: bool for name in ("right", "valid") if name in whole})


def judged(summary: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """Return a rung's rows of the network itself, with the accuracy explained and whether the explanation is right."""
    read = probes[probes["role"] == TRAINED].set_index("layer")[["accuracy", "ci_low", "ci_high"]]
    own = summary[summary["role"] == TRAINED].join(read, on="layer")
    return own.assign(right=[bool(finds(row)) and row["ci_low"] > 0.5 for row in own.to_dict("records")])


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say for each rung which explanations are right, and which is right most often."""
    table = tables["explanations"]
    maps = table[table["method"] != OPTIMISED]  # which puts nothing anywhere
    unread = [rung for rung, own in table.groupby("rung", sort=False) if not (own["ci_low"] > 0.5).any()]
    said = [_right(str(rung), own) for rung, own in maps[maps["right"]].groupby("rung", sort=False)]
    wrong = [rung for rung, own in maps.groupby("rung", sort=False) if not (rung in unread or own["right"].any())]
    said += [f"On {listed(wrong)} no map is shown to be right."] if wrong else []
    said += [f"On {listed(unread)} there is nothing to explain: no probe is clearly above chance."] if unread else []
    said += _told(tables["optimised"])
    read = table[table["ci_low"] > 0.5]
    if read.empty:
        return said
    counts = read.groupby("method", sort=False)["right"].agg(["sum", "size"]).sort_values("sum", ascending=False)
    told = [f"{method_title(str(name))} {row['sum']} of {row['size']}" for name, row in counts.iterrows() if row["sum"]]
    none = int((counts["sum"] == 0).sum())
    told += [f"the other {none} never" if told else f"none of {none} ever"] if none else []
    return [f"Right explanations, of pairs of rung and layer: {', '.join(told)}.", *said]


def _right(rung: str, right: pd.DataFrame) -> str:
    best = right.sort_values("over_area", ascending=False).drop_duplicates("method").head(MOST)
    told = [
        f"{method_title(row['method'])} at {row['layer']} ({row['share']:.0%} of it on {row['area']:.0%} of the "
        "picture)"
        for row in best.to_dict("records")
    ]
    return f"Right on {rung}: {', '.join(told)}."


def _told(table: pd.DataFrame) -> list[str]:
    """Say where a reader tells optimised images apart."""
    if table.empty:
        return []
    who = ModelRef.parse(table["reader"].iloc[0]).short
    said, unclear = [], []
    for rung, own in table.groupby("rung", sort=False):
        told = [f"{row['layer']} ({ranged(row, 'told')})" for _, row in own[own["told_low"] > 1 / 2].iterrows()]
        if told:
            luck = _controls([f"{own[what].mean():.0%}" for what in CONTROLS[1:] if own[what].notna().all()])
            said.append(f"On {rung} {who} tells optimised images apart at {', '.join(told)}; {luck}.")
        else:
            unclear.append(rung)
    none = f"On {listed(unclear)} {who} is not shown to tell optimised images apart at any layer." if unclear else ""
    return [*said, *filter(None, [none])]


def method_title(method: str) -> str:
    """Return what people call a method, an attribution or one that only a probe has."""
    return TITLE if method == OPTIMISED else (METHODS.get(method) or PROBE_METHODS[method]).title
