"""Is the rest of the image lost? A thumbnail of it, read linearly off every layer.

tables   rebuilt   one row per network, layer, pooling and control: R² of the thumbnail's pixels, out of fold, with its
                   interval over images
         pictures  a few held-out images and what is read of them at every layer
         images    which images took part

Two poolings: a grid of averages keeps where things are, a single average does not. Controls: the untrained twin; the
same layers with the images shuffled; raw pixels (the most that so many images can teach such a readout) and the mean
colour alone (the least that any picture gives away).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import embed
from lab.encode import png
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, PartialResults, Request, Result, model_option, option
from lab.experiments.building.decoding_data import (
    PIXEL_SIDE,
    DecodedNetwork,
    coarser,
    dealt,
    decoded_networks,
    shrunk,
    shuffled,
)
from lab.experiments.building.ridge_decoding import Readout, read_out
from lab.experiments.building.thumbnail_decoding_findings import findings
from lab.experiments.manifest import result_with_findings
from lab.images import ImageSet, open_image_set
from lab.models import card
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import Bootstrap

SIDE = 16
SHOWN = 5
LEAST = 20
GRID = "4x4"
POOLINGS = (GRID, "avg")


@dataclass(frozen=True)
class ThumbnailRequest(Request):
    """Which network, images and layers."""

    experiment: ClassVar[str] = "thumbnail"

    model: str = model_option()
    data: str = option(DEFAULT_DATA, "an image set: drawn:pets, a folder, a zip, …")
    per_class: int = option(150, "images of each class at most", least=10, most=5000)
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    seed: int = option(0, "moves the folds", least=0, most=2**31 - 1)

    def title(self) -> str:
        """Return what is looked at."""
        return f"What {self.model.split('@')[0]} keeps of {self.data}"


@dataclass(frozen=True)
class _DecodingTask:
    """What all readouts of a run share."""

    images: ImageSet
    pixels: np.ndarray
    targets: np.ndarray
    folds: np.ndarray
    boot: Bootstrap
    order: np.ndarray
    shown: tuple[int, ...]


def run(
    request: ThumbnailRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how much of a thumbnail every layer still holds; raises LabError for fewer than 20 images."""
    question = _decode(request, progress, compute)
    rows, pictures = _controls(question)
    hashes = {"images": question.images.fingerprint}
    for network, digest in decoded_networks(request.model, request.layers):
        hashes[network.name] = digest
        for pooling in POOLINGS:
            found, drawn = _decode_layers(
                network, pooling, question, progress, compute, partial_results if partial_results is not None else {}
            )
            rows += found
            pictures += drawn
    tables = {"rebuilt": pd.DataFrame(rows), "pictures": pd.DataFrame(pictures), "images": question.images.table()}
    return result_with_findings(
        request,
        tables,
        findings(tables["rebuilt"], len(question.images)),
        hashes=hashes,
        side=SIDE,
        notes=list(question.images.notes),
    )


def _decode(request: ThumbnailRequest, progress: Progress, compute: Compute) -> _DecodingTask:
    images = open_image_set(request.data, per_class=request.per_class, progress=progress)
    if len(images) < LEAST:
        raise LabError(f"{request.data} has {len(images)} images; a readout needs at least {LEAST} to learn from")
    pixels = shrunk(images, card(request.model).preprocessing, PIXEL_SIDE, progress, compute)
    folds, boot = dealt(images, request.seed)
    every = np.linspace(0, len(images) - 1, SHOWN).round().astype(int)
    return _DecodingTask(
        images, pixels, coarser(pixels, SIDE), folds, boot, shuffled(len(images), request.seed), tuple(every.tolist())
    )


def _controls(question: _DecodingTask) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of raw pixels and of the mean colour, and the images as they are."""
    rows = []
    for control, given in (("pixels", question.pixels), ("mean colour", coarser(question.pixels, 1))):
        found = read_out(given, question.targets, question.folds)
        rows.append(
            {**_place("", "", np.nan, "", control, given.shape[1]), **found.interval(question.boot).columns("r2", "ci")}
        )
    return rows, _pictures(question, "", "", 0.0, "", question.targets)


def _decode_layers(
    network: DecodedNetwork,
    pooling: str,
    question: _DecodingTask,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    layers = tuple(layer for layer in network.layers if pooling == "avg" or layer.layout == "NC" or layer.height)
    missing = [layer for layer in layers if f"{network.name}/{layer.name}/{pooling}/real" not in partial_results]
    vectors = (
        embed(network.name, question.images, layers, pooling=pooling, compute=compute, progress=progress)
        if missing
        else None
    )
    rows, pictures = [], []
    for number, layer in enumerate(layers):
        progress(f"Reading the thumbnail off {network.name} ({pooling})", number, len(layers), "layers")
        for control in ("real", "shuffled"):
            key = f"{network.name}/{layer.name}/{pooling}/{control}"
            given = vectors[layer.name] if vectors is not None else None
            found = _cached(key, given, question, control, partial_results)
            name = "untrained" if network.twin and control == "real" else control
            dim = layer.channels if pooling == "avg" else layer.channels * (16 if layer.layout != "NC" else 1)
            place = _place(network.name, layer.name, layer.depth, pooling, name, dim)
            if network.twin and control == "shuffled":
                continue
            rows.append({**place, **found.interval(question.boot).columns("r2", "ci")})
            if control == "real":
                pictures += _pictures(question, network.name, layer.name, layer.depth, pooling, found.predictions)
    return rows, pictures


def _cached(
    key: str, vectors: np.ndarray | None, question: _DecodingTask, control: str, partial_results: PartialResults
) -> Readout:
    """Return a layer's readout, from the pieces if it is there."""
    targets = question.targets[question.order] if control == "shuffled" else question.targets
    kept = partial_results.get(key)
    if kept is not None:
        return Readout(targets, kept["predictions"], kept["means"])
    assert vectors is not None
    found = read_out(vectors, targets, question.folds)
    partial_results[key] = {"predictions": found.predictions, "means": found.means}
    return found


def _place(model: str, layer: str, depth: float, pooling: str, control: str, dim: int) -> dict[str, Any]:
    return {"model": model, "layer": layer, "depth": depth, "pooling": pooling, "control": control, "dim": dim}


def _pictures(
    question: _DecodingTask, model: str, layer: str, depth: float, pooling: str, pixels: np.ndarray
) -> list[dict[str, Any]]:
    rows = []
    for index in question.shown:
        values = np.clip(pixels[index], 0, 1).reshape(3, SIDE, SIDE).transpose(1, 2, 0)
        where = {"model": model, "layer": layer, "depth": depth, "pooling": pooling}
        image = question.images.records[index].id
        rows.append({**where, "image": image, "thumbnail": png((values * 255).round().astype(np.uint8))})
    return rows
