"""From the vectors of networks without activations to the tables of `linear`: probes, differences, variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.ablation.probe_data import ProbeData, cached_probe
from lab.experiments.base import PartialResults
from lab.experiments.building.ridge_decoding import read_out
from lab.layers import Layer
from lab.progress import Progress
from lab.stats.differences import simultaneous
from lab.stats.intervals import Interval, correctness

HELD = 0.99
NOTHING = "none"


@dataclass(frozen=True, eq=False)
class LinearisedDepth:
    """Activations taken out up to `depth`: the layer there, how many they are, and what the network puts out then."""

    layer: str
    depth: float
    removed: int
    vectors: dict[str, np.ndarray]
    bends: dict[str, float]
    problem: str = ""


def depth_tables(
    layers: tuple[Layer, ...],
    material: ProbeData,
    cuts: list[LinearisedDepth],
    pixels: np.ndarray,
    colours: np.ndarray,
    partial_results: PartialResults,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    """Return the tables `depths` and `curve` from what the network puts out at every depth, the intact one first; the
    probabilities of a probe of raw pixels, and the images' average colours, are what it is compared with."""
    last = layers[-1].name
    sound = [cut for cut in cuts if not cut.problem]
    carried = material.carried_over(sound[0].vectors[last], [cut.vectors[last] for cut in sound])
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    refitted: list[np.ndarray] = []
    for number, (cut, over) in enumerate(zip(sound, carried, strict=True)):
        progress("Fitting probes to every layer", number, len(sound), "depths")
        for layer in layers:
            key = f"{material.images.fingerprint}/{cut.depth:.6f}/{cut.layer}/{layer.name}"
            vectors = cut.vectors[layer.name]
            readings = cached_probe(partial_results, key, lambda vectors=vectors: material.refitted(vectors))  # type: ignore[misc]
            curves.append(_curve_row(material, cut, layer, readings))
            if layer.name == last:
                refitted.append(readings)
                rows.append(_row(material, cut, last, colours, over, readings))
    for name, intervals in _at_once(material, carried, refitted, pixels).items():
        for row, interval in zip(rows, intervals, strict=True):
            row |= interval.columns(name)
    return {"depths": pd.DataFrame(rows), "curve": pd.DataFrame(curves)}


def _curve_row(material: ProbeData, cut: LinearisedDepth, layer: Layer, readings: np.ndarray) -> dict[str, Any]:
    return {
        "up_to": cut.layer,
        "up_to_depth": cut.depth,
        "layer": layer.name,
        "depth": layer.depth,
        **material.scores(readings).interval.columns("accuracy", "ci"),
        "bend": cut.bends[layer.name],
    }


def _row(
    material: ProbeData, cut: LinearisedDepth, last: str, colours: np.ndarray, carried: np.ndarray, refitted: np.ndarray
) -> dict[str, Any]:
    row: dict[str, Any] = {"up_to": cut.layer, "depth": cut.depth, "removed": cut.removed}
    for name, found in (("carried", carried), ("refitted", refitted)):
        row |= material.scores(found).interval.columns(name)
    vectors = cut.vectors[last]
    row |= {"bend": cut.bends[last], "directions": directions(vectors)}
    return {**row, **colours_explain(material, colours, vectors).columns("colours")}


def colours_explain(material: ProbeData, colours: np.ndarray, vectors: np.ndarray) -> Interval:
    """Return the share of the variance of vectors `(N, D)`, each dimension scaled alike, that the images' average
    colours `(N, 3)` explain linearly, out of fold, over images."""
    scale = vectors.std(axis=0)
    scaled = (vectors[:, scale > 0] / scale[scale > 0]).astype(np.float64)
    return read_out(colours, scaled, material.splits[0]).interval(material.resamples)


def _at_once(
    material: ProbeData, carried: list[np.ndarray], refitted: list[np.ndarray], pixels: np.ndarray
) -> dict[str, list[Interval]]:
    """Return by column the differences that findings rest on, with intervals that hold for all depths at once."""
    frozen, fitted = (np.stack([correctness(one, material.labels) for one in each]) for each in (carried, refitted))
    boot, floor = material.resamples, correctness(pixels, material.labels)
    found = {
        "above_chance": simultaneous(boot, fitted - material.chance),
        "above_pixels": simultaneous(boot, fitted - floor),
    }
    for name, rows in (("carried_gap", frozen), ("refitted_gap", fitted)):
        changed = simultaneous(boot, rows[1:] - rows[0]) if len(rows) > 1 else []
        found[name] = [Interval(0.0, 0.0, 0.0), *changed]
    return found


def directions(vectors: np.ndarray, held: float = HELD) -> int:
    """Return how many principal directions hold a share of the variance of `(N, D)` vectors, each scaled alike."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    scale = centred.std(axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    share = np.cumsum(values) / max(float(values.sum()), 1e-300)
    return int(np.searchsorted(share, held) + 1) if len(values) else 0
