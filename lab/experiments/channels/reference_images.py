"""Natural and random images to compare with, on any computer: crops of installed photographs and two kinds of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lab.experiments.picture import PHOTOS, offered_pictures, open_picture
from lab.images.image_signature import exact_digest
from lab.images.types import ImageRecord, ImageSet

CROPS = 24  # of each photograph
SMALLEST = 0.35  # side of a crop, as a share of the photograph's shorter side
NOISE = 32  # images of each kind


@dataclass(frozen=True, eq=False)
class Crops:
    """Cut-outs held in memory."""

    images: tuple[np.ndarray, ...]

    def pixels(self, index: int) -> np.ndarray:
        """Return crop `index`, uint8 `(S, S, 3)`."""
        return self.images[index]

    def plain_jpeg(self, index: int) -> None:
        """Return None: a crop has no file."""
        return


@cache
def photographs() -> ImageSet:
    """Return square crops of the photographs that installed packages ship, a class each; the same ones always."""
    names = [name for name in PHOTOS if f"photo:{name}" in offered_pictures()]
    records, crops = [], []
    for label, name in enumerate(names):
        whole = open_picture(f"photo:{name}").pixels(0)
        for number, crop in enumerate(_crops(whole, np.random.default_rng(label))):
            crops.append(crop)
            side = len(crop)
            records.append(ImageRecord(f"{name}/{number:02d}", label, exact_digest(crop), label, side, side))
    return ImageSet("photographs", tuple(names), tuple(records), Crops(tuple(crops)))


def noise(size: int, spectrum: np.ndarray, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Return random images, float32 `(2 N, 3, size, size)` in 0..1, and which kind each is.

    Half are white noise, half have the `spectrum` of natural images (`natural_spectrum`) and random phases.
    """
    import torch

    from lab.visualization.parametrisation import Phases
    from lab.visualization.render import generator_of, seed_of

    rng = np.random.default_rng(seed)
    white = rng.random((NOISE, 3, size, size), dtype=np.float32)
    generators = [generator_of(seed_of(seed, "noise", number)) for number in range(NOISE)]
    with torch.no_grad():
        natural = Phases.begin(generators, size, spectrum).images().numpy()
    kinds = ["white noise"] * NOISE + ["noise with a natural spectrum"] * NOISE
    return np.concatenate([white, natural]), kinds


def _crops(whole: np.ndarray, rng: np.random.Generator) -> Sequence[np.ndarray]:
    short = min(whole.shape[:2])
    found = []
    for _ in range(CROPS):
        side = int(short * rng.uniform(SMALLEST, 1.0))
        top, left = (int(rng.integers(0, length - side + 1)) for length in whole.shape[:2])
        found.append(np.ascontiguousarray(whole[top : top + side, left : left + side]))
    return found
