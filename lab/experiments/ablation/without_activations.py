"""Without the non-linearity: activations become the identity, from the front to a depth. What is left to be read?

tables   depths    one row per depth up to which activations were taken out: how many, accuracy of a reader fitted
                   anew to the last layer (`refitted`) and of the intact network's reader (`carried`), intervals,
                   paired differences to the intact network; how far the network is from an affine map (`bend`, 0
                   when the image's midpoint gives the outputs' midpoint), and how many directions hold 99 % of
                   what the last layer's vectors do (`directions`)
         curve     one row per depth and layer: accuracy of a reader fitted there anew, and the layer's `bend`
         controls  chance and raw pixels
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.activations import record
from lab.errors import LabError
from lab.experiments.ablation.intervention_tables import control_table
from lab.experiments.ablation.probe_data import (
    ProbeData,
    cached_probe,
    changed_vectors,
    curve_layers,
    open_probe_data,
    share_of,
)
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.ablation.without_activations_findings import findings
from lab.experiments.base import PartialResults, Result
from lab.experiments.manifest import result_with_findings
from lab.interventions import anatomy
from lab.interventions.table import identity_activations
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress, silent
from lab.settings import Compute

PAIRS = 6
HELD = 0.99
NOTHING = "none"


@dataclass(frozen=True)
class WithoutActivationsRequest(ProbeDataRequest):
    """Which network and images."""

    experiment: ClassVar[str] = "without_activations"

    def title(self) -> str:
        """Return what is looked at."""
        return f"{self.network} without its activations, on {self.data}"


@dataclass(frozen=True, eq=False)
class LinearisedDepth:
    """Activations taken out up to `depth`: the layer there, how many they are, and what the network puts out then."""

    layer: str
    depth: float
    removed: int
    vectors: dict[str, np.ndarray]
    bends: dict[str, float]
    problem: str = ""


def run(
    request: WithoutActivationsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what is left at every depth; raises LabError for a network whose activations are not modules."""
    material, model = open_probe_data(request, progress, compute)
    acting = anatomy(model).activations
    if not acting:
        raise LabError(f"{request.model} has no activation that is a module of its own, so none can be taken out")
    layers = curve_layers(model)
    cuts = _all_depths(model, material, layers, [depth for _, depth in acting], compute, progress)
    tables = {
        **_tables(layers, material, cuts, partial_results if partial_results is not None else {}, progress),
        "controls": control_table(model, material, compute, progress),
    }
    problems = [f"up to {cut.layer}: {cut.problem}" for cut in cuts if cut.problem]
    hashes = material.hashes(model)
    return result_with_findings(
        request,
        tables,
        findings(tables, len(acting)),
        hashes=hashes,
        problems=problems,
        activations=len(acting),
        notes=list(material.images.notes),
    )


def bend(one: np.ndarray, other: np.ndarray, middle: np.ndarray) -> float:
    """Return how far a map is from affine: the distance of the midpoint's output from the outputs' midpoint, relative
    to half the outputs' distance; 0 for an affine map. Arrays `(P, ...)` of P pairs, averaged over them."""
    flat = [values.reshape(len(values), -1).astype(np.float64) for values in (one, other, middle)]
    off = np.linalg.norm(flat[2] - (flat[0] + flat[1]) / 2, axis=1)
    half = np.linalg.norm(flat[0] - flat[1], axis=1) / 2
    return float(np.mean(off / np.maximum(half, 1e-300)))


def directions(vectors: np.ndarray, held: float = HELD) -> int:
    """Return how many principal directions hold a share of the variance of `(N, D)` vectors, each scaled alike."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    scale = centred.std(axis=0)
    centred = centred[:, scale > 0] / scale[scale > 0]
    values = np.linalg.svd(centred, compute_uv=False) ** 2
    share = np.cumsum(values) / max(float(values.sum()), 1e-300)
    return int(np.searchsorted(share, held) + 1) if len(values) else 0


def _all_depths(
    model: LoadedModel,
    material: ProbeData,
    layers: tuple[Layer, ...],
    acting: list[float],
    compute: Compute,
    progress: Progress,
) -> list[LinearisedDepth]:
    places: list[tuple[str, float]] = [(NOTHING, -1.0)]
    for layer in layers:
        if sum(at <= layer.depth for at in acting) > sum(at <= places[-1][1] for at in acting):
            places.append((layer.name, layer.depth))
    if sum(at <= places[-1][1] for at in acting) < len(acting):
        places.append((layers[-1].name, 1.0))
    cuts = []
    for number, (name, depth) in enumerate(places):
        label = "The intact network" if name == NOTHING else f"No activations up to {name}"
        shown = share_of(progress, f"{label} ({number + 1} of {len(places)})", number, len(places))
        shown("", 0, len(material.images), "images")
        removed = sum(at <= depth for at in acting)
        cuts.append(_one_depth(model, material, layers, name, depth, removed, compute, shown))
    return cuts


def _one_depth(
    model: LoadedModel,
    material: ProbeData,
    layers: tuple[Layer, ...],
    name: str,
    depth: float,
    removed: int,
    compute: Compute,
    progress: Progress,
) -> LinearisedDepth:
    change = "" if name == NOTHING else f"identity/{depth:.6f}"
    with identity_activations(model, depth):
        try:
            found = changed_vectors(model, material, layers, change, compute=compute, progress=progress)
        except LabError as error:
            if name == NOTHING:
                raise
            return LinearisedDepth(name, depth, removed, {}, {}, str(error))
        return LinearisedDepth(name, max(depth, 0.0), removed, dict(found), _bends(model, material, layers))


def _bends(model: LoadedModel, material: ProbeData, layers: tuple[Layer, ...]) -> dict[str, float]:
    """Return each layer's `bend` over a few pairs of images and the images halfway between them."""
    import torch

    count = min(2 * PAIRS, len(material.images) // 2 * 2)
    chosen = np.linspace(0, len(material.images) - 1, count).astype(int)
    pixels = torch.stack([pixels_for(material.images, int(index), model.preprocessing) for index in chosen])
    batch = normalised(pixels, model.preprocessing).to(model.device)
    one, other = batch[: count // 2], batch[count // 2 :]
    with torch.inference_mode(), record(model.module, layers, lambda a, layer: a.float().cpu().numpy()) as taken:
        put_out = []
        for images in (one, other, (one + other) / 2):
            model.module(images)
            put_out.append(dict(taken))
    return {layer.name: bend(*(found[layer.name] for found in put_out)) for layer in layers}


def _tables(
    layers: tuple[Layer, ...],
    material: ProbeData,
    cuts: list[LinearisedDepth],
    partial_results: PartialResults,
    progress: Progress,
) -> dict[str, pd.DataFrame]:
    last = layers[-1].name
    sound = [cut for cut in cuts if not cut.problem]
    carried = material.carried_over(sound[0].vectors[last], [cut.vectors[last] for cut in sound])
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    intact = np.empty(0)
    for number, (cut, over) in enumerate(zip(sound, carried, strict=True)):
        progress("Reading every layer anew", number, len(sound), "depths")
        for layer in layers:
            key = f"{material.images.fingerprint}/{cut.depth:.6f}/{cut.layer}/{layer.name}"
            vectors = cut.vectors[layer.name]
            readings = cached_probe(partial_results, key, lambda vectors=vectors: material.refitted(vectors))  # type: ignore[misc]
            curves.append(_curve_row(material, cut, layer, readings))
            if layer.name == last:
                intact = readings if cut.layer == NOTHING else intact
                rows.append(_row(material, cut, last, over, carried[0], readings, intact))
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
    material: ProbeData,
    cut: LinearisedDepth,
    last: str,
    carried: np.ndarray,
    carried_intact: np.ndarray,
    refitted: np.ndarray,
    refitted_intact: np.ndarray,
) -> dict[str, Any]:
    row: dict[str, Any] = {"up_to": cut.layer, "depth": cut.depth, "removed": cut.removed}
    for name, found, before in (("carried", carried, carried_intact), ("refitted", refitted, refitted_intact)):
        row |= material.columns(name, found, before)
    return {**row, "bend": cut.bends[last], "directions": directions(cut.vectors[last])}
