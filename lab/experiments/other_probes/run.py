"""Is it the layer or the probe: do other kinds of probe find the same best layer, and what does each cost?

tables   accuracies   one row per kind and layer: accuracy, how far behind the kind's best layer, its cost
         best         one row per kind: its best layer, and whether the usual probe's best layer is clearly behind
         controls     chance
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import embed
from lab.experiments.ablation.probe_data import ProbeData, open_probe_data
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.base import LAYERS_HELP, PartialResults, option
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import short_name
from lab.layers import Layer, select_layers
from lab.models import LoadedModel
from lab.probing.kinds import GRID_SIDE, PROBES, ProbeInput, ProbeKind
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.depth import behind_best
from lab.stats.intervals import accuracy_interval, difference

USUAL = "logistic"
LONGEST = 6  # layers that a sentence names

Right = Mapping[str, np.ndarray]  # kind -> the share of repeats in which each image was read right, (L, N)


@dataclass(frozen=True)
class OtherProbesRequest(ProbeDataRequest):
    """Which network, images and layers, and whether the attentive probe is among the kinds."""

    experiment: ClassVar[str] = "other_probes"

    layers: str = option("stages", LAYERS_HELP)
    attentive: bool = option(True, "the attentive probe too, which sees the unpooled maps and takes most of the time")

    def title(self) -> str:
        """Return what is looked at."""
        return f"Other probes of {self.network}, on {short_name(self.data)}"


def run(
    request: OtherProbesRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what every kind of probe reads off every layer; raises LabError for input that cannot be used."""
    material, model = open_probe_data(request, progress, compute)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    kept = partial_results if partial_results is not None else {}
    kinds = [kind for kind in PROBES.values() if request.attentive or not kind.maps]
    right, rows, notes = {}, [], []
    for kind in kinds:
        own = [layer for layer in layers if not kind.maps or layer.height]
        if len(own) < len(layers):
            notes.append(
                f"{len(layers) - len(own)} layers have no known places and were not read by the {kind.title} probe"
            )
        if not own:
            continue
        found, seconds = _answers(kind, model, material, own, compute, kept, progress)
        right[kind.name] = found
        rows += _rows(kind, material, own, found, seconds)
    accuracies = pd.DataFrame(rows)
    tables = {
        "accuracies": accuracies,
        "best": pd.DataFrame(list(_best(material, accuracies, right))),
        "controls": pd.DataFrame(
            [{"control": "chance", "accuracy": material.chance, "ci_low": np.nan, "ci_high": np.nan}]
        ),
    }
    return result_with_findings(
        request, tables, findings(tables), hashes=material.hashes(model), notes=[*material.images.notes, *notes]
    )


def _answers(
    kind: ProbeKind, model: LoadedModel, material: ProbeData, layers: list[Layer], compute: Compute,
    kept: PartialResults, progress: Progress,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return who is read right, share of repeats `(L, N)`, and the seconds of fitting `(L,)`."""
    # One repeat of the attentive probe costs as much as many of the others.
    splits = material.splits[:1] if kind.maps else material.splits
    right, seconds = [], []
    for done, layer in enumerate(layers):
        progress(f"Fitting the {kind.title} probe", done, len(layers), "layers")
        key = f"{model.weights_digest}/{kind.name}/{layer.name}/{material.images.fingerprint}"
        if key not in kept:
            # Maps are large: a layer at a time is passed through the network, and kept by content.
            pooling = f"{GRID_SIDE}x{GRID_SIDE}" if kind.maps and layer.layout != "NC" else "avg"
            vectors = embed(model, material.images, [layer], pooling=pooling, compute=compute)[layer.name]
            if kind.maps:
                vectors = vectors.reshape(len(vectors), layer.channels, -1)
            given = ProbeInput(vectors, material.labels, material.groups, splits, material.seed)
            began = time.perf_counter()
            answers = kind.answers(given)
            took = time.perf_counter() - began
            kept[key] = {"right": (answers == material.labels).mean(axis=0), "seconds": np.array(took)}
        right.append(kept[key]["right"])
        seconds.append(float(kept[key]["seconds"]))
    return np.stack(right), np.array(seconds)


def _rows(
    kind: ProbeKind, material: ProbeData, layers: list[Layer], right: np.ndarray, seconds: np.ndarray
) -> list[dict[str, Any]]:
    behind, _ = behind_best(right, material.resamples)
    classes = int(material.labels.max()) + 1
    rows = []
    for layer, correct, gap, took in zip(layers, right, behind, seconds, strict=True):
        accuracy = float(material.resamples.mean(correct))
        low, high = accuracy_interval(accuracy, material.resamples.groups)
        rows.append(
            {"probe": kind.name, "layer": layer.name, "depth": layer.depth, "accuracy": accuracy, "ci_low": low,
             "ci_high": high, **gap.columns("behind"),
             "numbers": kind.size(len(material.labels), layer.channels, classes), "seconds": float(took)}
        )  # fmt: skip
    return rows


def _best(material: ProbeData, accuracies: pd.DataFrame, right: Right) -> list[dict[str, Any]]:
    """Return a row per kind; the usual probe's best layer is looked up among the layers that the kind has read."""
    tables = {str(name): rows.reset_index(drop=True) for name, rows in accuracies.groupby("probe", sort=False)}
    at = {name: int(table["accuracy"].argmax()) for name, table in tables.items()}
    usual_layer = str(tables[USUAL]["layer"][at[USUAL]])
    usual_right = right[USUAL][at[USUAL]]
    rows = []
    for name, table in tables.items():
        best = table.iloc[at[name]]
        usual = table[table["layer"] == usual_layer]
        gap = difference(material.resamples, right[name][at[name]] - usual_right)
        behind = {
            column: float(usual[column.removeprefix("usual_")].iloc[0]) if len(usual) else np.nan
            for column in ("usual_behind", "usual_behind_low", "usual_behind_high")
        }
        rows.append(
            {"probe": name, "layer": best["layer"], "depth": best["depth"], "accuracy": best["accuracy"],
             "ci_low": best["ci_low"], "ci_high": best["ci_high"], "usual_layer": usual_layer, **behind,
             "agrees": not behind["usual_behind_low"] > 0, **gap.columns("difference"), "numbers": best["numbers"],
             "seconds": float(table["seconds"].sum())}
        )  # fmt: skip
    return rows


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Say where the kinds of probe disagree about the best layer, and what each reads there."""
    rows: list[Any] = list(tables["best"].itertuples())
    usual, others = rows[0], rows[1:]
    apart = [row for row in others if not row.agrees]
    elsewhere = [row for row in others if row.agrees and row.layer != row.usual_layer]
    named = ", ".join(PROBES[row.probe].title for row in others)
    if apart:
        told = "; ".join(
            f"by the {PROBES[row.probe].title} probe it is {row.layer}, and {row.usual_layer} is clearly behind it "
            f"({row.usual_behind:.3f}, {row.usual_behind_low:.3f} to {row.usual_behind_high:.3f})"
            for row in apart
        )
        first = f"The probes disagree about the best layer: by the logistic probe it is {usual.layer}; {told}."
    else:
        first = f"No other probe ({named}) puts the logistic probe's best layer, {usual.layer}, clearly behind."
    found = [first]
    if elsewhere:
        where = ", ".join(f"{row.layer} ({PROBES[row.probe].title})" for row in elsewhere)
        found.append(f"The highest accuracy lies elsewhere, not clearly: {where}.")
    read = [
        f"{PROBES[row.probe].title} {row.accuracy:.3f} at {row.layer} ({row.difference:+z.3f}, "
        f"{row.difference_low:+z.3f} to {row.difference_high:+z.3f})"
        for row in others
    ]
    found.append(f"Against {usual.accuracy:.3f} of the logistic probe: {'; '.join(read)}.")
    return found
