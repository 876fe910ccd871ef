"""Without the non-linearity: activations become the identity, from the front to a depth. What is left to be read?

tables   depths    one row per depth up to which activations were taken out: how many, accuracy of a probe refit to the
                   last layer (`refitted`) and of the intact network's frozen probe (`carried`), intervals, paired
                   differences to the intact network, chance and raw pixels that hold for all depths at once; how far
                   the network is from an affine map (`bend`, 0 when the image's midpoint gives the outputs'
                   midpoint), how many directions hold 99 % of what the last layer's vectors do (`directions`), and
                   what share of their variance the images' average colours explain (`colours`)
         curve     one row per depth and layer: accuracy of a probe refit there, and the layer's `bend`
         controls  chance, raw pixels, the untrained twin's last layer
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lab.activations import record
from lab.errors import LabError
from lab.experiments.ablation.intervention_tables import control_readings, control_table
from lab.experiments.ablation.probe_data import (
    ProbeData,
    changed_vectors,
    curve_layers,
    open_probe_data,
    share_of,
)
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.ablation.without_activations_findings import findings
from lab.experiments.ablation.without_activations_tables import NOTHING, LinearisedDepth, depth_tables
from lab.experiments.base import PartialResults
from lab.experiments.building.decoding_data import shrunk
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import short_name
from lab.interventions import anatomy
from lab.interventions.table import identity_activations
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress, silent
from lab.settings import Compute

PAIRS = 6


@dataclass(frozen=True)
class WithoutActivationsRequest(ProbeDataRequest):
    """Which network and images."""

    experiment: ClassVar[str] = "without_activations"

    def title(self) -> str:
        """Return what is looked at."""
        return f"{self.network} without its activations, on {short_name(self.data)}"


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
    readings = control_readings(model, material, compute, progress)
    colours = shrunk(material.images, model.preprocessing, 1, progress, compute)
    kept = partial_results if partial_results is not None else {}
    tables = {
        **depth_tables(layers, material, cuts, readings["pixels"], colours, kept, progress),
        "controls": control_table(material, readings),
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
