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

from lab.errors import LabError, nearest
from lab.images.decode import thumbnail

MEMORY = "memory:"  # before the name of images that were given from Python


def from_python(spec: str) -> bool:
    """Tell whether a spec stands for images that were given from Python; `memory://` is an address."""
    return spec.startswith(MEMORY) and not spec.startswith(f"{MEMORY}//")


@dataclass(frozen=True)
class ImageRecord:
    """One usable image: `id` is unique in its set (a relative path), `digest` names its content (hex
    SHA-256), images that share a `group` never straddle a split.

    `part` is that of a split which was given ("train", "validation", "test", "" for none), `factors` are the values of
    the set's factors; `value` is the number to be predicted, `labels` are the classes that an image with several
    belongs to, where that is the question.
    """

    id: str
    label: int
    digest: str
    group: int
    width: int
    height: int
    part: str = ""
    factors: tuple[str, ...] = ()
    value: float | None = None
    labels: tuple[int, ...] = ()


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

    `factor_names` are those of what else is known of each image (`ImageRecord.factors`), such as its site; `grouped`
    says that groups came with the images, the first factor, rather than being copies that were found.
    `opened` is what `open_image_set` was asked for, None for images that no name stands for.
    """

    spec: str
    classes: tuple[str, ...]
    records: tuple[ImageRecord, ...]
    source: PixelSource = field(repr=False, compare=False)
    quarantined: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    grouped: bool = False
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
    def parts(self) -> tuple[str, ...]:
        """Part of the given split per image, "" where none was given."""
        return tuple(record.part for record in self.records)

    @property
    def values(self) -> np.ndarray:
        """The number to be predicted per image, float64, shape `(N,)`; nan where there is none."""
        return np.array([np.nan if record.value is None else record.value for record in self.records])

    @property
    def label_matrix(self) -> np.ndarray:
        """Whether each image belongs to each class, where it may be to several, bool, shape `(N, K)`."""
        found = np.zeros((len(self), len(self.classes)), dtype=bool)
        for row, record in enumerate(self.records):
            found[row, list(record.labels)] = True
        return found

    def factor(self, name: str) -> tuple[str, ...]:
        """Return the value of a factor per image; raises LabError when the set has none of this name."""
        if name not in self.factor_names:
            known = ", ".join(self.factor_names) or "none: a table of labels (CSV) can have more columns"
            raise LabError(f"{self.spec} has no factor {name!r}{nearest(name, self.factor_names)}; it has {known}")
        place = self.factor_names.index(name)
        return tuple(record.factors[place] for record in self.records)

    @property
    def digests(self) -> tuple[str, ...]:
        """Content digest per image."""
        return tuple(record.digest for record in self.records)

    @property
    def fingerprint(self) -> str:
        """Hex digest of every image's id, class and content: two sets with the same one hold the same
        images."""
        rows = (f"{r.id}\0{self.classes[r.label]}\0{r.digest}\0{r.group}{_more(r)}" for r in self.records)
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


def _more(record: ImageRecord) -> str:
    """Return what a table tells of an image, for the fingerprint; nothing for an image that none tells of."""
    told: tuple[object, ...] = (record.part, record.factors, record.value)
    if record.labels:
        told = (*told, record.labels)
    return "" if told == ("", (), None) else f"\0{told!r}"


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
