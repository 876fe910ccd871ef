"""What is read off the checkpoints of a training: every layer probed on images that no step was computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.activations import Extractor
from lab.experiments.base import PartialResults
from lab.experiments.training.filters import filters_at
from lab.experiments.training.train import held_out_of, input_of
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.probing.probes import fit_probes, make_splits, shuffled_labels
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.intervals import correctness
from lab.training.pixels import load_pixels
from lab.weights.trained import Trained

if TYPE_CHECKING:
    from torch import Tensor

FOLDS, REPEATS = 5, 2
PIXELS_SIDE = 16  # raw pixels are shrunk to so many a side for their control
BATCH = 32


@dataclass(frozen=True)
class HeldOutImages:
    """The images that no step was computed from: pixels uint8 `(n, 3, H, W)`, labels, groups, ids, and the folds."""

    pixels: Tensor
    labels: np.ndarray
    groups: np.ndarray
    names: list[str]
    classes: tuple[str, ...]
    splits: np.ndarray
    seed: int


@dataclass(frozen=True)
class CheckpointReadout:
    """What was read off one checkpoint: arrays by name, and rows about its first filters."""

    step: int
    layers: tuple[Layer, ...]
    reading: Mapping[str, np.ndarray]
    filters: tuple[dict[str, Any], ...]


def held_out_images(trained: Trained, seed: int, progress: Progress) -> HeldOutImages:
    """Return the images that `trained` learnt nothing from, and folds to probe them in, which follow from the seed."""
    import torch

    progress("Opening the images", 0, 1, "steps")
    images, parts = held_out_of(trained.about, progress)
    every = load_pixels(images, input_of(int(trained.about["input"]["size"])), progress)
    chosen = parts.held_out
    labels, groups = images.labels[chosen], images.groups[chosen]
    splits = make_splits(labels, groups, folds=FOLDS, repeats=REPEATS, seed=seed, classes=images.classes)
    names = [images.records[index].id for index in chosen]
    return HeldOutImages(every[torch.from_numpy(chosen)], labels, groups, names, images.classes, splits, seed)


def checkpoints(
    trained: Trained,
    steps: list[int],
    layers: str,
    held: HeldOutImages,
    partial_results: PartialResults,
    progress: Progress,
    compute: Compute,
) -> Iterator[CheckpointReadout]:
    """Yield what each checkpoint knows, from the pieces where it was read before."""
    for number, step in enumerate(steps):
        tell = partial(progress, "Reading the checkpoints", number, len(steps), "checkpoints")
        tell()
        model, chosen = _opened(trained.ref(step), layers, compute.device)
        key = f"{step}/{model.weights_digest}"
        if key not in partial_results:
            partial_results[key] = _read(model, chosen, held, tell)
        yield CheckpointReadout(step, chosen, partial_results[key], tuple(filters_at(model.module, step)))


def _opened(ref: str, layers: str, device: str) -> tuple[LoadedModel, tuple[Layer, ...]]:
    model = load_model(ref, device=device)
    return model, select_layers(model.layers, layers, exclusions=model.card.exclusions)


def _read(
    model: LoadedModel, layers: tuple[Layer, ...], held: HeldOutImages, tell: Callable[[], None]
) -> dict[str, np.ndarray]:
    """Return, per layer, the correctness `(2, n)` of probe and shuffled labels, and the last layer's embedding."""
    extract = Extractor(model, layers)
    batches = []
    for start in range(0, len(held.labels), BATCH):
        tell()
        batches.append(extract(held.pixels[start : start + BATCH]))
    vectors = {layer.name: np.concatenate([batch[layer.name] for batch in batches]) for layer in layers}
    found: dict[str, np.ndarray] = {"embedding": vectors[layers[-1].name]}
    for layer in layers:
        tell()
        found[f"layer/{layer.name}"] = fitted(vectors[layer.name], held)
    return found


def fitted(embedding: np.ndarray, held: HeldOutImages) -> np.ndarray:
    """Return, per image, how often the probe and the one of shuffled labels were right, `(2, n)`."""
    shuffled = shuffled_labels(held.labels, held.groups, held.splits, seed=held.seed)
    both = np.stack([np.repeat(held.labels[None], REPEATS, axis=0), shuffled])
    probes = fit_probes(embedding, both, held.splits, held.groups, dimensions=(None,), seed=held.seed)
    pairs = ((0, held.labels), (1, shuffled))
    return np.stack([correctness(probes[None, index].probabilities, labels) for index, labels in pairs])


def shrunk(held: HeldOutImages) -> np.ndarray:
    """Return the images' pixels as an embedding, float32 `(n, 3 * PIXELS_SIDE ** 2)`."""
    from torch.nn.functional import adaptive_avg_pool2d

    return adaptive_avg_pool2d(held.pixels.float() / 255, PIXELS_SIDE).flatten(1).numpy()
