"""The images of a training: decoded once into one tensor that is kept in the cache, and dealt into three parts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.embeddings.streaming import in_order
from lab.errors import LabError
from lab.images import ImageSet
from lab.models import Preprocessing
from lab.models.preprocess import PREPROCESSING_VERSION, pixels_for
from lab.partial_results import PartialResultsFolder
from lab.probing.splits import grouped_folds, usable_folds
from lab.progress import Progress
from lab.settings import cache_dir

if TYPE_CHECKING:
    from torch import Tensor

FOLDS = 7  # one tests, one validates, five train
FEWEST_FOLDS = 3
MOST_KEPT = 400_000_000  # bytes: larger sets are decoded each time


@dataclass(frozen=True)
class Parts:
    """Positions of the images that train, that say when to stop, and that are looked at only once, at the end."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """Positions of all images that no step was computed from."""
        return np.sort(np.concatenate([self.validation, self.test]))


def deal(images: ImageSet, seed: int) -> Parts:
    """Return the parts: stratified, copies and near-copies together, the same for the same seed.

    Raises LabError when a class has fewer than 3 different images.
    """
    folds = usable_folds(images.labels, images.groups, FOLDS, classes=images.classes)
    if folds < FEWEST_FOLDS:
        raise LabError(
            f"a class of {images.spec} has {folds} different images; training needs 3 or more a class, one each to "
            "train, to validate and to test"
        )
    fold = grouped_folds(images.labels, images.groups, folds, seed=seed)
    return Parts(np.flatnonzero(fold >= 2), np.flatnonzero(fold == 1), np.flatnonzero(fold == 0))


def load_pixels(images: ImageSet, how: Preprocessing, progress: Progress) -> Tensor:
    """Return every image as the network sees it, uint8 `(N, 3, H, W)`, from the cache where it is kept."""
    import torch

    size = len(images) * 3 * how.height * how.width
    identity = repr((PREPROCESSING_VERSION, images.fingerprint, how.height, how.interpolation, how.crop_pct))
    key = hashlib.sha256(identity.encode()).hexdigest()
    kept = PartialResultsFolder(cache_dir("pixels"))
    found = kept.get(key) if size <= MOST_KEPT else None
    if found is not None and len(found["pixels"]) == len(images):
        return torch.from_numpy(found["pixels"])
    pixels = _decoded(images, how, progress)
    if size <= MOST_KEPT:
        kept[key] = {"pixels": pixels.numpy()}
    return pixels


def _decoded(images: ImageSet, how: Preprocessing, progress: Progress) -> Tensor:
    import torch

    pixels = torch.empty((len(images), 3, how.height, how.width), dtype=torch.uint8)
    ahead = in_order(lambda index: pixels_for(images, index, how), range(len(images)), limit=64)
    for index, image in enumerate(ahead):
        progress("Preparing images", index, len(images), "images")
        pixels[index] = image
    return pixels
