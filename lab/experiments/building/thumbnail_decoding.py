"""Is the rest of the image lost? A thumbnail of it, read linearly off every layer.

tables   rebuilt   one row per network, layer, pooling and control: R² of the thumbnail's pixels, out of fold, with its
                   interval over images; untrained twins are one row
         contrasts differences between layers, poolings and controls, paired by image, at once for each kind
         matched   the same layers by random sets of equally many of their numbers
         learning  R² of the first and last layer and of raw pixels by how many images the readout learns from
         pictures  a few held-out images and what is read of them at every layer
         images    which images took part

Two poolings: a grid of averages keeps where things are, a single average does not. Controls: untrained twins (at the
grid, several random starts); the same layers with the images shuffled; raw pixels (the most that so many images can
teach such a readout) and the mean colour alone (the least that any picture gives away).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import embed
from lab.encode import png
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, PartialResults, Request, model_option, option
from lab.experiments.building.decoding_contrasts import SHARES, equal_widths, fewer_images
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
from lab.experiments.building.thumbnail_scores import ScoredThumbnails
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import ImageSet, open_image_set, short_name
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
        return f"What {self.model.split('@')[0]} keeps of {short_name(self.data)}"


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
    seed: int


def run(
    request: ThumbnailRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how much of a thumbnail every layer still holds; raises LabError for fewer than 20 images."""
    question = _decode(request, progress, compute)
    kept = partial_results if partial_results is not None else {}
    found = ScoredThumbnails(question.boot)
    pictures = _controls(question, found)
    hashes = {"images": question.images.fingerprint}
    for network, digest in decoded_networks(request.model, request.layers):
        hashes[network.name] = digest
        for pooling in POOLINGS if network.number < 1 else (GRID,):
            pictures += _decode_layers(network, pooling, question, found, progress, compute, kept)
    tables = {
        "rebuilt": found.rebuilt(),
        "contrasts": found.contrasts(GRID),
        "matched": found.table("matched"),
        "learning": found.table("learning"),
        "pictures": pd.DataFrame(pictures),
        "images": question.images.table(),
    }
    return result_with_findings(
        request,
        tables,
        findings(tables, len(question.images)),
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
        images,
        pixels,
        coarser(pixels, SIDE),
        folds,
        boot,
        shuffled(len(images), request.seed),
        tuple(every.tolist()),
        request.seed,
    )


def _controls(question: _DecodingTask, found: ScoredThumbnails) -> list[dict[str, Any]]:
    """Score raw pixels and the mean colour, and return the images as they are."""
    for control, given in (("pixels", question.pixels), ("mean colour", coarser(question.pixels, 1))):
        where = _place("", "", np.nan, "", control, given.shape[1])
        found.add(where, read_out(given, question.targets, question.folds))
        if control == "pixels":
            _learn(question, found, where, given)
    return _pictures(question, "", "", 0.0, "", question.targets)


def _learn(question: _DecodingTask, found: ScoredThumbnails, where: dict[str, Any], given: np.ndarray) -> None:
    """Score readouts that learn from fewer images."""
    for share in SHARES:
        groups = question.images.groups
        readout = fewer_images(given, question.targets, question.folds, groups, share, question.seed)
        found.add_to("learning", {**where, "share": share}, [readout])


def _decode_layers(
    network: DecodedNetwork,
    pooling: str,
    question: _DecodingTask,
    found: ScoredThumbnails,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
) -> list[dict[str, Any]]:
    layers = tuple(layer for layer in network.layers if pooling == "avg" or layer.layout == "NC" or layer.height)
    vectors = embed(network.name, question.images, layers, pooling=pooling, compute=compute, progress=progress)
    dims = {layer.name: vectors[layer.name].shape[1] for layer in layers}
    pictures = []
    for number, layer in enumerate(layers):
        progress(f"Reading the thumbnail off {network.name} ({pooling})", number, len(layers), "layers")
        given, key = vectors[layer.name], f"{network.name}/{layer.name}/{pooling}"
        place = (network.name, layer.name, layer.depth, pooling)
        readout = _cached(f"{key}/real", given, question, "real", partial_results)
        if network.twin:
            found.add(_place(*place, "untrained", dims[layer.name]), readout)
            continue
        found.add(_place(*place, "real", dims[layer.name]), readout)
        shuffled_one = _cached(f"{key}/shuffled", given, question, "shuffled", partial_results)
        found.add(_place(*place, "shuffled", dims[layer.name]), shuffled_one)
        pictures += _pictures(question, *place, readout.predictions)
        if pooling != GRID:
            continue
        width = min(dims.values())
        sets = equal_widths(given, question.targets, question.folds, width, question.seed)
        found.add_to("matched", _place(*place, "matched", width), sets)
        if layer in (layers[0], layers[-1]):
            _learn(question, found, _place(*place, "real", dims[layer.name]), given)
    return pictures


def _cached(
    key: str, vectors: np.ndarray, question: _DecodingTask, control: str, partial_results: PartialResults
) -> Readout:
    """Return a layer's readout, from the pieces if it is there."""
    targets = question.targets[question.order] if control == "shuffled" else question.targets
    kept = partial_results.get(key)
    if kept is not None:
        return Readout(targets, kept["predictions"], kept["means"])
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
