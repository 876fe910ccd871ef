"""From what changed networks put out to the tables of `break`: probes, their scores and paired differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lab.embeddings import embed, pixels_embedding
from lab.experiments.ablation.intervention_contrasts import contrast_table
from lab.experiments.ablation.intervention_outputs import InterventionOutputs, PlannedIntervention
from lab.experiments.ablation.probe_data import ProbeData, cached_probe, curve_layers
from lab.experiments.base import PartialResults
from lab.layers import Layer
from lab.models import LoadedModel, load_model
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.differences import simultaneous
from lab.stats.intervals import Interval, correctness


@dataclass(frozen=True, eq=False)
class ProbedChange:
    """What the frozen probe and a refit one say of one change, the draws of a random change one after the other along
    the repeats: probabilities `(R·draws, N, K)`."""

    outputs: tuple[InterventionOutputs, ...]
    frozen: np.ndarray
    refitted: np.ndarray

    @property
    def change(self) -> PlannedIntervention:
        return self.outputs[0].change


def intervention_tables(
    layers: Sequence[Layer],
    material: ProbeData,
    seen: list[InterventionOutputs],
    partial_results: PartialResults,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    """Return the tables `changes`, `curve` and `contrasts`; the first of `seen` is the intact network."""
    last, intact = layers[-1].name, seen[0]
    sound = [one for one in seen if last in one.vectors]
    progress("Asking the frozen probe", 0, 1, "probes")
    frozen = material.carried_over(intact.vectors[last], [one.vectors[last] for one in sound])
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    at_layer: dict[tuple[str, str, str], np.ndarray] = {}
    curves, refitted = [], []
    for number, one in enumerate(sound):
        progress("Fitting probes to every layer", number, len(sound), "changes")
        for layer in layers:
            if layer.name not in one.vectors:
                continue
            readings = _refitted(material, one, layer, intact, known, partial_results)
            if one.change.draw == 0:
                at_layer[one.change.name, one.change.place, layer.name] = readings
                curves.append(_curve_row(material, one.change, layer, one.vectors[layer.name].shape[1], readings))
            if layer.name == last:
                refitted.append(readings)
    probed = _merged(sound, frozen, refitted)
    changes = [_change_row(material, one, probed[0]) for one in probed]
    for kind, intervals in _at_once(material, probed).items():
        for row, interval in zip(changes, intervals, strict=True):
            row |= interval.columns(kind)
    whole = {(one.change.name, one.change.place) for one in sound}
    lost = {(one.change.name, one.change.place): one for one in seen if last not in one.vectors}
    changes += [_lost_row(one) for at, one in lost.items() if at not in whole]
    contrasts = contrast_table(
        material,
        {(one.change.name, one.change.place): correctness(one.frozen, material.labels) for one in probed},
        {at: correctness(readings, material.labels) for at, readings in at_layer.items()},
    )
    return {"changes": pd.DataFrame(changes), "curve": pd.DataFrame(curves), "contrasts": contrasts}


def _merged(
    sound: Sequence[InterventionOutputs], frozen: Sequence[np.ndarray], refitted: Sequence[np.ndarray]
) -> list[ProbedChange]:
    """Put the draws of each change together."""
    at: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(sound):
        at.setdefault((one.change.name, one.change.place), []).append(index)
    return [
        ProbedChange(
            tuple(sound[k] for k in draws),
            np.concatenate([frozen[k] for k in draws]),
            np.concatenate([refitted[k] for k in draws]),
        )
        for draws in at.values()
    ]


def _at_once(material: ProbeData, probed: Sequence[ProbedChange]) -> dict[str, list[Interval]]:
    """Return by column the differences that findings rest on, with intervals that hold for all changes at once."""
    frozen = np.stack([correctness(one.frozen, material.labels) for one in probed])
    refitted = np.stack([correctness(one.refitted, material.labels) for one in probed])
    nothing = Interval(0.0, 0.0, 0.0)
    boot = material.resamples
    found = {"carried_above": simultaneous(boot, frozen - material.chance)}
    for name, rows in (
        ("carried_gap", frozen - frozen[0]),
        ("refitted_gap", refitted - refitted[0]),
        ("recovered", refitted - frozen),
    ):
        broken = simultaneous(boot, rows[1:]) if len(rows) > 1 else []
        found[name] = [nothing, *broken]  # the intact network is no test
    return found


def control_readings(
    model: LoadedModel, material: ProbeData, compute: Compute, progress: Progress
) -> dict[str, np.ndarray]:
    """Return the probabilities `(R, N, K)` of a probe of raw pixels and of the untrained twin's last layer."""
    found = {"pixels": pixels_embedding(material.images, progress=progress)}
    if not model.ref.untrained:
        twin = load_model(model.ref.twin(), device=compute.device)
        last = curve_layers(twin)[-1]
        found["untrained"] = embed(twin, material.images, [last], compute=compute, progress=progress)[last.name]
    return {name: material.refitted(vectors) for name, vectors in found.items()}


def control_table(material: ProbeData, readings: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return what is read without the network's training, or without the network: the floor of all curves."""
    rows: list[dict[str, Any]] = [{"control": "chance", "accuracy": material.chance}]
    for name, probabilities in readings.items():
        rows.append({"control": name, **material.scores(probabilities).interval.columns("accuracy", "ci")})
    return pd.DataFrame(rows, columns=["control", "accuracy", "ci_low", "ci_high"])


def _refitted(
    material: ProbeData,
    one: InterventionOutputs,
    layer: Layer,
    intact: InterventionOutputs,
    known: dict[str, tuple[np.ndarray, np.ndarray]],
    partial_results: PartialResults,
) -> np.ndarray:
    """Return a refit probe's probabilities; before the change a layer is as in the intact network, and read once."""
    vectors = one.vectors[layer.name]
    if one is not intact and layer.name in known and np.array_equal(known[layer.name][0], vectors):
        return known[layer.name][1]
    draw = f"/{one.change.draw}" if one.change.draw else ""
    key = f"{material.images.fingerprint}/{one.change.name}/{one.change.place}/{layer.name}{draw}"
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


def _change_row(material: ProbeData, one: ProbedChange, intact: ProbedChange) -> dict[str, Any]:
    draws = len(one.outputs)
    row = {**_named(one.change), "draws": draws}
    for name, found in (("carried", one.frozen), ("refitted", one.refitted)):
        row |= material.scores(found).interval.columns(name)
        each = [material.scores(part).accuracy for part in np.split(found, draws)]
        row |= {f"{name}_least": min(each), f"{name}_most": max(each)}
    before = np.tile(intact.frozen.argmax(axis=2), (draws, 1))
    row |= material.agreement(one.frozen.argmax(axis=2), before).columns("agree")
    own = [output.logits.argmax(axis=1) for output in one.outputs if output.logits is not None]
    if own and intact.outputs[0].logits is not None:
        same = np.broadcast_to(intact.outputs[0].logits.argmax(axis=1), (len(own), len(own[0])))
        row |= material.agreement(np.stack(own), same).columns("top1")
    return row


def _lost_row(one: InterventionOutputs) -> dict[str, Any]:
    return {**_named(one.change), "problem": one.problem}


def _named(change: PlannedIntervention) -> dict[str, Any]:
    target = change.target
    return {
        "intervention": change.name,
        "place": change.place,
        "change": change.title,
        "possible": change.possible,
        "depth": target.depth if target else math.nan,
        "made_to_fit": bool(target and target.refitted),
        "problem": "",
    }
