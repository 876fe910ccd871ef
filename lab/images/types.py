"""What an image set is: records with classes and split groups, and a way to get each image's pixels.

Types only; how folders, zips, hub sets and drawn sets fill them is the business of their own files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.images.decode import thumbnail

MEMORY = "memory:"  # before the name of images that were given from Python


@dataclass(frozen=True)
class ImageRecord:
    """One usable image: `id` is unique in its set (a relative path), `digest` names its content (hex
    SHA-256), images that share a `group` never straddle a split."""

    id: str
    label: int
    digest: str
    group: int
    width: int
    height: int


@dataclass(frozen=True)
class Quarantined:
    """An image that was set aside, and the reason in a few words."""

    id: str
    reason: str


class PixelSource(Protocol):
    """Gives the pixels of an image set's records by position. Safe to call from several threads."""

    def pixels(self, index: int) -> np.ndarray:
        """Return image `index` upright as RGB, uint8, shape `(H, W, 3)`."""
        ...

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return the encoded bytes if they are a JPEG that any decoder turns into the same upright RGB,
        else None."""
        ...


@dataclass(frozen=True)
class ImageSet:
    """Images with classes: what every experiment looks at; `notes` are sentences on how the set was understood.

    `opened` is what `open_image_set` was asked for, None for images that no name stands for.
    """

    spec: str
    classes: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    source: PixelSource = field(repr=False, compare=False)
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()
    opened: tuple[tuple[str, ...], int | None] | None = None

    def __len__(self) -> int:
        return len(self.records)

    @property
    def labels(self) -> np.ndarray:
        """Class index per image, int64, shape `(N,)`."""
        return np.array([record.label for record in self.records], dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        """Split group per image, int64, shape `(N,)`."""
        return np.array([record.group for record in self.records], dtype=np.int64)

    @property
    def digests(self) -> tuple[str, ...]:
        """Content digest per image."""
        return tuple(record.digest for record in self.records)

    @property
    def fingerprint(self) -> str:
        """Hex digest of every image's id, class and content: two sets with the same one hold the same
        images."""
        rows = (f"{r.id}\0{self.classes[r.label]}\0{r.digest}\0{r.group}" for r in self.records)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def table(self) -> pd.DataFrame:
        """Return one row per image: image, class, group, width, height, digest."""
        return pd.DataFrame(
            {
                "image": [r.id for r in self.records],
                "class": [self.classes[r.label] for r in self.records],
                "group": [r.group for r in self.records],
                "width": [r.width for r in self.records],
                "height": [r.height for r in self.records],
                "digest": [r.digest for r in self.records],
            }
        )

    def pixels(self, index: int) -> np.ndarray:
        """Return image `index` upright as RGB, uint8, shape `(H, W, 3)`."""
        return self.source.pixels(index)

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return image `index` as a plain JPEG's bytes when its file is one, else None (see
        `PixelSource`)."""
        return self.source.plain_jpeg(index)

    @property
    def tensor_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of images that are a network's input already, None for pictures."""
        return getattr(self.source, "shape", None)

    def tensor(self, index: int) -> np.ndarray:
        """Return image `index` as a network is given it, float32 `(C, H, W)`, of images that are no pictures."""
        return np.asarray(self.source.tensor(index))  # type: ignore[attr-defined]

    def thumbnail(self, index: int) -> bytes:
        """Return image `index` as a small JPEG (longer side 96 pixels at most), from the cache where one is kept."""
        kept = getattr(self.source, "thumbnail", None)
        return kept(index) if kept is not None else thumbnail(self.pixels(index))


@dataclass(frozen=True)
class _PickedSource:
    """The pixels of some images of another source, by their positions there."""

    source: PixelSource
    positions: tuple[int, ...]

    def pixels(self, index: int) -> np.ndarray:
        return self.source.pixels(self.positions[index])

    def plain_jpeg(self, index: int) -> bytes | None:
        return self.source.plain_jpeg(self.positions[index])

    def tensor(self, index: int) -> np.ndarray:
        return np.asarray(self.source.tensor(self.positions[index]))  # type: ignore[attr-defined]

    @property
    def shape(self) -> tuple[int, int, int] | None:
        return getattr(self.source, "shape", None)

    def thumbnail(self, index: int) -> bytes:
        kept = getattr(self.source, "thumbnail", None)
        return kept(self.positions[index]) if kept is not None else thumbnail(self.pixels(index))


def picked(images: ImageSet, positions: Sequence[int] | np.ndarray) -> ImageSet:
    """Return the images at these positions, in this order."""
    chosen = tuple(int(position) for position in positions)
    records = tuple(images.records[position] for position in chosen)
    return replace(images, records=records, source=_PickedSource(images.source, chosen), opened=None)


def asked_of(
    images: ImageSet, classes: Sequence[str], per_class: int | None
) -> tuple[str, tuple[str, ...], int | None]:
    """Return the spec, the classes and the number a class that stand for images in a request.

    Images that no name stands for go by `memory:NAME#DIGEST`. Raises LabError where classes or a number are wanted of
    images that are opened already.
    """
    if tuple(classes) or per_class is not None:
        raise LabError(
            "classes and per_class choose among images while they are opened; give them to lab.open_image_set, or the "
            "images by name"
        )
    if images.opened is None:
        return f"{MEMORY}{images.spec}#{images.fingerprint[:16]}", (), None
    return images.spec, *images.opened


def balanced_positions(labels: Sequence[int], digests: Sequence[str], per_class: int | None) -> list[int]:
    """Return positions of at most `per_class` images a class, chosen by content so that the choice never
    changes.

    The order of the result is the order of the input. Ordering by digest is as good as a random draw, and
    it does not depend on a seed: another seed splits the same images anew and can reuse their embeddings.
    """
    if per_class is None:
        return list(range(len(labels)))
    taken: dict[int, int] = {}
    chosen = []
    for position in sorted(range(len(labels)), key=lambda i: (digests[i], i)):
        label = labels[position]
        if taken.get(label, 0) < per_class:
            taken[label] = taken.get(label, 0) + 1
            chosen.append(position)
    return sorted(chosen)
