"""Drawn image sets: any number of drawings of a family, each made from its own random numbers when it is looked at.

Image i of a class depends on the family, the seed, the class and i only (at another size, or more or less difficult,
it is the same drawing), so
asking for more images keeps the earlier ones. Records name their content without drawing it.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.errors import LabError, nearest
from lab.images.synthetic.faces import FACES
from lab.images.synthetic.pets import PETS
from lab.images.synthetic.rungs import RUNGS
from lab.images.synthetic.shapes import SHAPES
from lab.images.synthetic.types import Drawing, DrawnFamily
from lab.images.types import ImageRecord, ImageSet

DRAWING_VERSION = 1
"""Part of every digest, as is a family's own version."""

FAMILIES: Mapping[str, DrawnFamily] = {
    family.name: family for family in (PETS, SHAPES, FACES, *(rung.family for rung in RUNGS.values()))
}
SIZES = (32, 1024)

_KEPT = 32


@dataclass(frozen=True)
class DrawnSource:
    """Draws the images of a set when they are asked for and keeps the last few. Safe to call from several threads."""

    family: DrawnFamily
    per_class: int
    seed: int
    size: int
    difficulty: float = 0.0

    def __len__(self) -> int:
        return self.per_class * len(self.family.classes)

    def pixels(self, index: int) -> np.ndarray:
        """Return drawing `index` as RGB, uint8 `(S, S, 3)`; the caller may change it."""
        return self.drawing(index).pixels.copy()

    def plain_jpeg(self, index: int) -> None:
        """Return None: a drawing has no file."""
        return

    def drawing(self, index: int) -> Drawing:
        """Return drawing `index` with its factors and masks."""
        label, number = self._place(index)
        return _draw(self.family.name, self.seed, self.size, self.difficulty, label, number)

    def counterpart(self, index: int, label: int) -> Drawing:
        """Return drawing `index` as it would be in class `label` of the family: all else is the same.

        Never part of a set: a probe that saw both would be tested on what it learnt.
        """
        own, number = self._place(index)
        rng = _random(self.family.name, self.seed, own, number)
        return self.family.draw(rng, label, self.size, self.difficulty)

    def masks(self, index: int) -> dict[str, np.ndarray]:
        """Return the visible pixels of each part of drawing `index`, bool `(S, S)`."""
        return self.drawing(index).masks

    def factors(self) -> pd.DataFrame:
        """Return one row per drawing: image (its id), class and every other factor. Draws them all the first time."""
        return _factors(self.family.name, self.seed, self.size, self.difficulty, self.per_class).copy()

    def _place(self, index: int) -> tuple[int, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"image {index} of a set of {len(self)}")
        return divmod(index, self.per_class)


@dataclass(frozen=True)
class DrawnSet(ImageSet):
    """An image set of drawings; beside pixels it gives what they show."""

    @property
    def drawn(self) -> DrawnSource:
        """The source of the drawings."""
        assert isinstance(self.source, DrawnSource)
        return self.source

    def drawing(self, index: int) -> Drawing:
        """Return image `index` with its factors and masks."""
        return self.drawn.drawing(index)

    def masks(self, index: int) -> dict[str, np.ndarray]:
        """Return the visible pixels of each part of image `index`, bool `(S, S)`."""
        return self.drawn.masks(index)

    def factors(self) -> pd.DataFrame:
        """Return one row per image: image (its id), class and every other factor."""
        return self.drawn.factors()


def draw_set(name: str, per_class: int, *, seed: int = 0, size: int = 224, difficulty: float | None = None) -> DrawnSet:
    """Return `per_class` drawings of each class of family `name`, squares of `size` pixels.

    `difficulty` is from 0 to 1; None is the family's own. Nothing is drawn before it is looked
    at. Raises LabError for an unknown family or a number out of range.
    """
    if name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise LabError(f"there is no drawn set {name!r}{nearest(name, FAMILIES)}; the drawn sets are {known}")
    _check("per_class", per_class, 1, 1_000_000)
    _check("seed", seed, 0, 2**63 - 1)
    _check("size", size, *SIZES)
    family = FAMILIES[name]
    level = family.difficulty if difficulty is None else difficulty
    if not 0 <= level <= 1:
        raise LabError(f"difficulty of a drawn set is {level:g}; it must be from 0 to 1")
    source = DrawnSource(family, per_class, seed, size, level)
    redrawn = [f"version {family.version}"] if family.version > 1 else []
    identity: tuple[str | float, ...] = (name, seed, size, *([level] if level else []), *redrawn)
    records = tuple(
        ImageRecord(_id(kind, i), label, _digest(*identity, kind, i), label * per_class + i, size, size)
        for label, kind in enumerate(family.classes)
        for i in range(per_class)
    )
    return DrawnSet(_spec(family, seed, size, level), family.classes, records, source)


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise LabError(f"{name} of a drawn set is {number}; it must be from {least} to {most}")


def _spec(family: DrawnFamily, seed: int, size: int, difficulty: float) -> str:
    options = ([f"seed={seed}"] if seed else []) + ([f"size={size}"] if size != 224 else [])
    options += [f"difficulty={difficulty:g}"] if difficulty != family.difficulty else []
    return f"drawn:{family.name}" + (f"?{'&'.join(options)}" if options else "")


def _id(kind: str, number: int) -> str:
    return f"{kind}/{kind}-{number:04d}"


def _digest(*identity: str | float) -> str:
    return hashlib.sha256(repr(("drawn", DRAWING_VERSION, *identity)).encode()).hexdigest()


def _random(name: str, seed: int, label: int, number: int) -> np.random.Generator:
    entropy = (zlib.crc32(name.encode()), seed, label, number)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@functools.lru_cache(maxsize=_KEPT)
def _draw(name: str, seed: int, size: int, difficulty: float, label: int, number: int) -> Drawing:
    return FAMILIES[name].draw(_random(name, seed, label, number), label, size, difficulty)


@functools.lru_cache(maxsize=4)
def _factors(name: str, seed: int, size: int, difficulty: float, per_class: int) -> pd.DataFrame:
    rows = [
        {"image": _id(kind, number), **_draw(name, seed, size, difficulty, label, number).factors}
        for label, kind in enumerate(FAMILIES[name].classes)
        for number in range(per_class)
    ]
    return pd.DataFrame(rows)
