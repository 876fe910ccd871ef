"""One pass over an image set for all channels of all chosen layers: extremes with their places, and what each image
reaches. Kept on disk by content, shard by shard, so a pass that was ended goes on.

An exemplar is a *place* in an image: the position where a channel is strongest (weakest) there; an image counts once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.folding import faster_copy
from lab.activations.partial_forward import forward_through
from lab.activations.pooling import check_positions, maps
from lab.activations.recording import record
from lab.embeddings.streaming import pixel_batches
from lab.errors import LabError
from lab.exemplars.topk import Extremes, Watcher
from lab.images.types import ImageSet
from lab.layers import Layer
from lab.models import LoadedModel
from lab.models.preprocess import PREPROCESSING_VERSION, normalised
from lab.partial_results import Arrays, PartialResultsFolder
from lab.progress import Progress, silent
from lab.settings import Compute, cache_dir
from lab.shortages import in_smaller_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

SCAN_VERSION = 1  # raise when the same images and weights give other extremes
KEPT = 12  # strongest and weakest images of each channel
SHARD = 1024  # images between two times that what was found is kept


@dataclass(frozen=True, eq=False)
class Scan:
    """What one layer's channels do on an image set: `high` and `low` extremes, `means` and `peaks` `(N, C)`.

    `low` holds true values, from the smallest up. `width` is the number of positions in a row.
    """

    high: Extremes
    low: Extremes
    means: np.ndarray
    peaks: np.ndarray
    width: int

    def place(self, extremes: Extremes, channel: int, rank: int) -> tuple[int, int, int]:
        """Return image, row and column of an extreme."""
        row, column = divmod(int(extremes.place[channel, rank]), self.width)
        return int(extremes.image[channel, rank]), row, column


def scan(
    model: LoadedModel,
    images: ImageSet,
    layers: Sequence[Layer],
    *,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
    kept: int = KEPT,
) -> dict[str, Scan]:
    """Return the scan of each layer by name; layers that are in the cache already cost nothing.

    Raises LabError when a layer's positions are not known, it puts out NaN, or an image cannot be decoded any more.
    """
    for layer in layers:
        if layer.layout != "NC":
            check_positions(layer, "finding exemplars")
    cache = PartialResultsFolder(cache_dir("exemplars"))
    starts = range(0, len(images), SHARD)
    parts: dict[str, list[Scan]] = {layer.name: [] for layer in layers}
    for start in starts:
        indices = list(range(start, min(start + SHARD, len(images))))
        keys = {layer.name: _key(model, images, layer.name, indices, kept) for layer in layers}
        found = {name: cache[key] for name, key in keys.items() if key in cache}
        missing = [layer for layer in layers if layer.name not in found]
        if missing:
            for name, arrays in _found(model, images, missing, indices, compute, progress, kept).items():
                cache[keys[name]] = found[name] = arrays
        for layer in layers:
            parts[layer.name].append(_from_arrays(found[layer.name]))
    return {name: _joined(several) for name, several in parts.items()}


def _found(
    model: LoadedModel,
    images: ImageSet,
    layers: Sequence[Layer],
    indices: Sequence[int],
    compute: Compute,
    progress: Progress,
    kept: int,
) -> dict[str, Arrays]:
    """Return what `one_pass` does, in smaller batches if memory asks for it: what was seen before counts anew."""

    def passed(batch: int) -> dict[str, Arrays]:
        return one_pass(model, images, layers, indices, replace(compute, batch_size=batch), progress, kept)

    return in_smaller_batches(compute.images, passed, str(model.ref))


def one_pass(
    model: LoadedModel,
    images: ImageSet,
    layers: Sequence[Layer],
    indices: Sequence[int],
    compute: Compute,
    progress: Progress,
    kept: int = KEPT,
) -> dict[str, Arrays]:
    """Return what one forward pass over some images shows of each layer, as arrays by layer name."""
    how = model.preprocessing
    module = model.module
    if model.device == "cpu":
        module = faster_copy(module, layers, how.input_size)
    watching = Watching(layers, kept)
    stage = f"{model.ref.short}: looking for exemplars"
    for positions, pixels in pixel_batches(images, indices, how, compute.images):
        progress(stage, positions[0], indices[-1] + 1, "images")
        watching(module, normalised(pixels.to(model.device), how), np.array(positions))
    progress(stage, indices[-1] + 1, indices[-1] + 1, "images")
    return watching.arrays()


class Watching:
    """Passes batches through a network, as far as the last of its layers, and takes them in as they come out."""

    def __init__(self, layers: Sequence[Layer], kept: int = KEPT) -> None:
        self.layers = tuple(layers)
        self.watchers = {layer.name: Watcher(layer.channels, kept) for layer in layers}

    def __call__(self, module: nn.Module, batch: Tensor, images: np.ndarray) -> None:
        """Pass a batch `(N, 3, H, W)`, of which the first `len(images)` count, numbered by `images`."""
        import torch

        def take_in(activation: Tensor, layer: Layer) -> None:
            self.watchers[layer.name].take_in(maps(activation, layer), images)

        with torch.inference_mode(), record(module, self.layers, take_in):
            forward_through(module, self.watchers, batch.contiguous(memory_format=torch.channels_last))

    def arrays(self) -> dict[str, Arrays]:
        """Return what was seen so far; raises LabError for a layer with NaN."""
        return {name: _arrays(name, watcher) for name, watcher in self.watchers.items()}


def _arrays(name: str, watcher: Watcher) -> Arrays:
    means, peaks = np.concatenate(watcher.means), np.concatenate(watcher.peaks)
    if not (np.isfinite(means).all() and np.isfinite(peaks).all()):
        raise LabError(f"layer {name} puts out NaN or infinite numbers on these images; leave it out")
    high, low = watcher.high, watcher.low
    return {
        **{f"high.{part}": getattr(high, part) for part in ("value", "image", "place")},
        **{f"low.{part}": getattr(low, part) for part in ("value", "image", "place")},
        "means": means,
        "peaks": peaks,
        "width": np.array(watcher.width),
    }


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> Scan:
    high, low = (
        Extremes(*(arrays[f"{end}.{part}"] for part in ("value", "image", "place"))) for end in ("high", "low")
    )
    return Scan(high, low, arrays["means"], arrays["peaks"], int(arrays["width"]))


def _joined(parts: Sequence[Scan]) -> Scan:
    high, low = parts[0].high, parts[0].low
    for part in parts[1:]:
        high, low = high.merged(part.high), low.merged(part.low)
    low = Extremes(-low.value, low.image, low.place)
    means, peaks = (np.concatenate([getattr(part, name) for part in parts]) for name in ("means", "peaks"))
    return Scan(high, low, means, peaks, parts[0].width)


def _key(model: LoadedModel, images: ImageSet, layer: str, indices: Sequence[int], kept: int) -> str:
    digests = hashlib.sha256("\n".join(images.digests[index] for index in indices).encode()).hexdigest()
    how = model.preprocessing.as_dict()
    versions = [SCAN_VERSION, PREPROCESSING_VERSION]
    return json.dumps([model.weights_digest, how, layer, indices[0], digests, kept, versions], sort_keys=True)
