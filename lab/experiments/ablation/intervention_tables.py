"""From what changed networks put out to the tables of `changes`: readers, their scores and paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.embeddings import embed, pixels_embedding
from lab.experiments.ablation.intervention_outputs import InterventionOutputs, PlannedIntervention
from lab.experiments.ablation.probe_data import ProbeData, cached_probe, curve_layers
from lab.experiments.base import PartialResults
from lab.layers import Layer
from lab.models import LoadedModel, load_model
from lab.progress import Progress
from lab.settings import Compute


def intervention_tables(
    layers: Sequence[Layer],
    material: ProbeData,
    seen: list[InterventionOutputs],
    partial_results: PartialResults,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    """Return the tables `changes` and `curve`; the first of `seen` is the intact network."""
    last, intact = layers[-1].name, seen[0]
    sound = [one for one in seen if last in one.vectors]
    progress("Reading with what was learnt on the intact network", 0, 1, "readers")
    carried = material.carried_over(intact.vectors[last], [one.vectors[last] for one in sound])
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    curves, changes = [], []
    refitted_intact = np.empty(0)
    for number, (one, over) in enumerate(zip(sound, carried, strict=True)):
        progress("Reading every layer anew", number, len(sound), "changes")
        for layer in layers:
            if layer.name not in one.vectors:
                continue
            readings = _refitted(material, one, layer, intact, known, partial_results)
            curves.append(_curve_row(material, one.change, layer, one.vectors[layer.name].shape[1], readings))
            if layer.name == last:
                refitted_intact = readings if one is intact else refitted_intact
                changes.append(_change_row(material, one, intact, over, carried[0], readings, refitted_intact))
    changes += [_lost_row(one) for one in seen if last not in one.vectors]
    return {"changes": pd.DataFrame(changes), "curve": pd.DataFrame(curves)}


def control_table(model: LoadedModel, material: ProbeData, compute: Compute, progress: Progress) -> pd.DataFrame:
    """Return what is read without the network's training, or without the network: the floor of all curves."""
    found = {"pixels": pixels_embedding(material.images, progress=progress)}
    if not model.ref.untrained:
        twin = load_model(model.ref.twin(), device=compute.device)
        last = curve_layers(twin)[-1]
        found["untrained"] = embed(twin, material.images, [last], compute=compute, progress=progress)[last.name]
    rows: list[dict[str, Any]] = [{"control": "chance", "accuracy": material.chance}]
    for name, vectors in found.items():
        score = material.scores(material.refitted(vectors))
        rows.append({"control": name, **score.interval.columns("accuracy", "ci")})
    return pd.DataFrame(rows, columns=["control", "accuracy", "ci_low", "ci_high"])


def _refitted(
    material: ProbeData,
    one: InterventionOutputs,
    layer: Layer,
    intact: InterventionOutputs,
    known: dict[str, tuple[np.ndarray, np.ndarray]],
    partial_results: PartialResults,
) -> np.ndarray:
    """Return a new reader's probabilities; before the change a layer is as in the intact network, and read once."""
    vectors = one.vectors[layer.name]
    if one is not intact and layer.name in known and np.array_equal(known[layer.name][0], vectors):
        return known[layer.name][1]
    key = f"{material.images.fingerprint}/{one.change.name}/{one.change.place}/{layer.name}"
    found = cached_probe(partial_results, key, lambda: material.refitted(vectors))
    if one is intact:
        known[layer.name] = vectors, found
    return found


def _curve_row(
    material: ProbeData, change: PlannedIntervention, layer: Layer, dim: int, readings: np.ndarray
) -> dict[str, Any]:
    return {
        "intervention": change.name,
        "place": change.place,
        "change": change.title,
        "layer": layer.name,
        "depth": layer.depth,
        "dim": dim,
        **material.scores(readings).interval.columns("accuracy", "ci"),
    }


def _change_row(
    material: ProbeData,
    one: InterventionOutputs,
    intact: InterventionOutputs,
    carried: np.ndarray,
    carried_intact: np.ndarray,
    refitted: np.ndarray,
    refitted_intact: np.ndarray,
) -> dict[str, Any]:
    row = _named(one.change)
    for name, found, before in (("carried", carried, carried_intact), ("refitted", refitted, refitted_intact)):
        row |= material.columns(name, found, before)
    row |= material.agreement(carried.argmax(axis=2), carried_intact.argmax(axis=2)).columns("agree")
    if one.logits is not None and intact.logits is not None:
        row |= material.agreement(one.logits.argmax(axis=1), intact.logits.argmax(axis=1)).columns("top1")
    return row


def _lost_row(one: InterventionOutputs) -> dict[str, Any]:
    return {**_named(one.change), "problem": one.problem}


def _named(change: PlannedIntervention) -> dict[str, Any]:
    target = change.target
    return {
        "intervention": change.name,
        "place": change.place,
        "change": change.title,
        "depth": target.depth if target else math.nan,
        "made_to_fit": bool(target and target.refitted),
        "problem": "",
    }
