"""Images as a network and its untrained twin see and embed them: what the questions about lost facts have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lab.embeddings.streaming import pixel_batches
from lab.experiments.twins import TWINS
from lab.images import ImageSet
from lab.layers import Layer, select_layers
from lab.models import ModelRef, card
from lab.models.preprocess import Preprocessing
from lab.probing.splits import grouped_folds
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.intervals import Bootstrap, bootstrap

PIXEL_SIDE = 32
FOLDS = 5


@dataclass(frozen=True)
class DecodedNetwork:
    """One network that is looked into: its name, which untrained twin it is (from 0; -1 for none), and its layers."""

    name: str
    number: int
    layers: tuple[Layer, ...]

    @property
    def twin(self) -> bool:
        return self.number >= 0


def decoded_networks(model: str, layers: str) -> Iterator[tuple[DecodedNetwork, str]]:
    """Yield the network and, unless it is untrained itself, its twins with random weights; with its weights' digest.

    Of weights trained here there is one twin, what training began with.
    """
    ref = ModelRef.parse(model)
    twins = () if ref.untrained else dict.fromkeys(ref.twin(seed) for seed in range(TWINS))
    for number, each in enumerate((ref, *twins), start=-1):
        known = card(each)
        chosen = select_layers(known.layers, layers, exclusions=known.exclusions)
        yield DecodedNetwork(str(each), number, chosen), known.weights_digest


def shrunk(images: ImageSet, how: Preprocessing, side: int, progress: Progress, compute: Compute) -> np.ndarray:
    """Return images as the network sees them, cropped and all, at `side` × `side`, float32 0..1 `(N, 3·side²)`."""
    import torch

    rows = np.empty((len(images), 3 * side * side), np.float32)
    for positions, pixels in pixel_batches(images, range(len(images)), how, compute.images):
        small = torch.nn.functional.adaptive_avg_pool2d(pixels.float() / 255, side)
        rows[positions] = small.flatten(1).numpy()[: len(positions)]
        progress("Looking at the images", positions[-1] + 1, len(images), "images")
    return rows


def coarser(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return pixels `(N, 3·S²)` averaged to `(N, 3·side²)`; `side` divides S."""
    own = round((pixels.shape[1] / 3) ** 0.5)
    blocks = pixels.reshape(len(pixels), 3, side, own // side, side, own // side)
    return np.asarray(blocks.mean(axis=(3, 5)).reshape(len(pixels), -1))


def dealt(images: ImageSet, seed: int) -> tuple[np.ndarray, Bootstrap]:
    """Return the test fold of each image `(N,)` and the resamples that intervals are taken from."""
    groups, labels = images.groups, images.labels
    folds = min(FOLDS, len(np.unique(groups)))
    return grouped_folds(labels, groups, folds, seed=seed), bootstrap(groups, labels, seed=seed)


def shuffled(count: int, seed: int) -> np.ndarray:
    """Return a random order of `count` images."""
    return np.random.default_rng((seed, 0x5AFF)).permutation(count)
