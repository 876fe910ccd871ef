"""The exact patch of a position: the rows and columns of the image that its value can depend on, to the pixel.

A NaN reaches a position through any operation or it does not, whatever the weights are. One pass with a NaN at pixel
(k, k) tells which rows of positions row k of the image reaches and which columns column k, for all layers and at the
borders too. Nothing outside a patch has any influence; every row and column at its edge can have some.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.folding import faster_copy
from lab.activations.partial_forward import forward_through
from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.layers import Layer
from lab.models import LoadedModel
from lab.partial_results import PartialResultsFolder
from lab.progress import Progress, silent
from lab.settings import cache_dir
from lab.shortages import in_smaller_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

REACH_VERSION = 1
BATCH = 16
CUT = "cut by the border"


@dataclass(frozen=True)
class Crop:
    """A patch: rows `top` to `bottom` and columns `left` to `right` (not included), and what is to be known of it.

    status: how the layer's field is known ("exact", "upper bound", "global", "unknown"), or "cut by the border" where
    part of the field lies outside the picture.
    """

    top: int
    left: int
    bottom: int
    right: int
    status: str

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """Return the patch of an image `(H, W, 3)`."""
        return pixels[self.top : self.bottom, self.left : self.right]


@dataclass(frozen=True, eq=False)
class Reach:
    """First and end of what each row `(H, 2)` and column `(W, 2)` of a layer's positions depends on."""

    layer: Layer
    rows: np.ndarray
    columns: np.ndarray

    def crop(self, row: int, column: int) -> Crop:
        """Return the patch that a position can depend on."""
        (top, bottom), (left, right) = self.rows[row].tolist(), self.columns[column].tolist()
        status: str = self.layer.receptive_field_status
        whole = (self.layer.receptive_field_height, self.layer.receptive_field_width)
        if status in ("exact", "upper bound") and (bottom - top < whole[0] or right - left < whole[1]):
            status = CUT
        return Crop(top, left, bottom, right, status)


def reach(model: LoadedModel, layers: Sequence[Layer], *, progress: Progress = silent) -> dict[str, Reach]:
    """Return what the positions of each layer can depend on, from the cache or by one pass per pixel of a diagonal."""
    cache = PartialResultsFolder(cache_dir("exemplars"))
    keys = {layer.name: _key(model, layer) for layer in layers}
    found = {layer.name: cache[keys[layer.name]] for layer in layers if keys[layer.name] in cache}
    missing = [layer for layer in layers if layer.name not in found]
    if missing:
        size = (model.preprocessing.height, model.preprocessing.width)
        module = faster_copy(model.module, missing, (3, *size)) if model.device == "cpu" else model.module

        def passed(batch: int) -> list[tuple[str, np.ndarray, np.ndarray]]:
            return measured(module, missing, size, progress, batch)

        for name, rows, columns in in_smaller_batches(BATCH, passed, str(model.ref)):
            cache[keys[name]] = found[name] = {"rows": rows, "columns": columns}
    return {layer.name: Reach(layer, found[layer.name]["rows"], found[layer.name]["columns"]) for layer in layers}


def measured(
    module: nn.Module, layers: Sequence[Layer], size: tuple[int, int], progress: Progress = silent, batch: int = BATCH
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return per layer its name and the reach of its rows and columns, on images of `size` (H, W)."""
    import torch

    height, width = size
    hit: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {layer.name: [] for layer in layers}

    def spread(activation: Tensor, layer: Layer) -> None:
        nan = maps(activation, layer).isnan().any(dim=1)
        hit[layer.name].append((nan.any(dim=2).cpu().numpy(), nan.any(dim=1).cpu().numpy()))

    places = np.arange(max(height, width))
    with torch.inference_mode(), record(module, layers, spread):
        for start in range(0, len(places), batch):
            progress("Measuring what each position sees", start, len(places), "pixels")
            images = _with_nan(places[start : start + batch], size).contiguous(memory_format=torch.channels_last)
            forward_through(module, hit, images)
    return [
        (name, _extent(np.concatenate(rows), places % height), _extent(np.concatenate(columns), places % width))
        for name, (rows, columns) in ((name, zip(*parts, strict=True)) for name, parts in hit.items())
    ]


def _with_nan(places: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Return gray images, each with one pixel of a diagonal that is NaN; the shorter side is passed again."""
    import torch

    images = torch.full((len(places), 3, *size), 0.5)
    for image, place in zip(images, places.tolist(), strict=True):
        image[:, place % size[0], place % size[1]] = torch.nan
    return images


def _extent(hit: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return first and end `(positions, 2)` of the `pixels` that reach each position, by hits `(pixels, positions)`."""
    first = np.where(hit, pixels[:, None], pixels.max() + 1).min(axis=0)
    end = np.where(hit, pixels[:, None] + 1, 0).max(axis=0)
    return np.stack([np.minimum(first, end), end], axis=1)


def _key(model: LoadedModel, layer: Layer) -> str:
    how = model.preprocessing
    return json.dumps([model.weights_digest, how.height, how.width, layer.name, "reach", REACH_VERSION])
