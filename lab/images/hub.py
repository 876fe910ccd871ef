"""Two well-known image sets, downloaded once in the same layout as torchvision's and read without it.

A torchvision download that is already in `cache/datasets` is used as it is. CIFAR-10's files are pickles; they are
read by an unpickler that only knows bytes with a shape, so nothing in them is ever executed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from lab.errors import LabError
from lab.images.arrays import image_set_of_arrays
from lab.images.assemble import assemble
from lab.images.download import Archive, download
from lab.images.folder import FileReader, file_version
from lab.images.layout import Layout, Member, select_classes
from lab.images.types import ImageSet
from lab.progress import Progress
from lab.settings import cache_dir


@dataclass(frozen=True)
class Published:
    """A published set: its name for people, its folder in torchvision's layout, its archives, files it must have."""

    title: str
    folder: str
    archives: tuple[Archive, ...]
    files: tuple[str, ...]


# Addresses and MD5s are torchvision's own (a test compares them).
OXFORD_PETS: Final = Published(
    "Oxford-IIIT Pet",
    "oxford-iiit-pet",
    (
        Archive(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
            "5c4f3ee8e5d25df40f4fd59a7f44e54c",
            "oxford-iiit-pet",
        ),
        Archive(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
            "95a8c909bbe2e81eed6a22bccdf3f68f",
            "oxford-iiit-pet",
        ),
    ),
    ("annotations/trainval.txt", "annotations/test.txt", "images"),
)
_BATCHES: Final = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
CIFAR10: Final = Published(
    "CIFAR-10",
    "cifar-10-batches-py",
    (Archive("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),),
    _BATCHES,
)
# fmt: off
CIFAR10_CLASSES: Final = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)
# fmt: on
CIFAR10_DESCRIPTION: Final = "60,000 photographs of 32 × 32 pixels in ten classes; 0.2 GB, downloaded once."
PETS_DESCRIPTION: Final = "7,349 photographs of cats and dogs; 0.8 GB, downloaded once."
SPECIES: Final = ("cat", "dog")
# fmt: off
BREEDS: Final = (
    "Abyssinian", "American Bulldog", "American Pit Bull Terrier", "Basset Hound", "Beagle", "Bengal", "Birman",
    "Bombay", "Boxer", "British Shorthair", "Chihuahua", "Egyptian Mau", "English Cocker Spaniel", "English Setter",
    "German Shorthaired", "Great Pyrenees", "Havanese", "Japanese Chin", "Keeshond", "Leonberger", "Maine Coon",
    "Miniature Pinscher", "Newfoundland", "Persian", "Pomeranian", "Pug", "Ragdoll", "Russian Blue", "Saint Bernard",
    "Samoyed", "Scottish Terrier", "Shiba Inu", "Siamese", "Sphynx", "Staffordshire Bull Terrier", "Wheaten Terrier",
    "Yorkshire Terrier",
)
# fmt: on


def open_pets(
    spec: str, classes: Sequence[str], per_class: int | None, progress: Progress, *, breeds: bool
) -> ImageSet:
    """Return Oxford-IIIT Pet (7,349 photographs) as cats and dogs, or as its 37 breeds."""
    folder = _fetched(OXFORD_PETS, progress)
    rows = [row for name in ("trainval", "test") for row in _annotations(folder / "annotations" / f"{name}.txt")]
    names = sorted({breed for _, breed, _ in rows}) if breeds else list(SPECIES)
    chosen = select_classes(names, classes, spec)
    labels = {name: label for label, name in enumerate(chosen)}
    members = []
    for image, breed, species in sorted(rows):
        name = breed if breeds else species
        if name in labels:
            path = folder / "images" / f"{image}.jpg"
            members.append(Member(f"{name}/{image}.jpg", labels[name], _version(path), FileReader(str(path))))
    return assemble(spec, Layout(chosen, tuple(members), ()), per_class, progress)


def open_cifar10(spec: str, classes: Sequence[str], per_class: int | None, progress: Progress) -> ImageSet:
    """Return CIFAR-10 (60,000 images of 32 × 32 pixels)."""
    folder = _fetched(CIFAR10, progress)
    batches = [_batch(folder / name) for name in _BATCHES]
    images = np.concatenate([data for data, _ in batches]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = np.concatenate([labels for _, labels in batches])
    return image_set_of_arrays(spec, CIFAR10_CLASSES, images, labels, classes=classes, per_class=per_class)


def _fetched(published: Published, progress: Progress) -> Path:
    folder = cache_dir("datasets") / published.folder
    if not folder.exists():
        download(published.title, published.archives, folder, progress)
    missing = [name for name in published.files if not (folder / name).exists()]
    if missing:
        raise LabError(f"{folder} is incomplete (no {missing[0]}); delete it to download {published.title} again")
    return folder


def _annotations(path: Path) -> list[tuple[str, str, str]]:
    """Return (image name, breed, species) for every line `Abyssinian_100 1 1 1` of an annotation file."""
    rows = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 4 or words[2] not in ("1", "2") or "/" in words[0] or "\\" in words[0]:
            raise LabError(f"{path}, line {number} is not an annotation; delete {path.parents[1]} to download it again")
        breed = " ".join(part.title() for part in words[0].rsplit("_", 1)[0].split("_"))
        rows.append((words[0], breed, SPECIES[int(words[2]) - 1]))
    return rows


def _version(path: Path) -> str:
    return file_version(str(path), path.stat()) if path.is_file() else ""


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return a CIFAR batch's pixels, uint8 `(N, 3072)`, and labels, int64 `(N,)`."""
    try:
        content = _BytesOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        data, labels = content["data"].values, np.array(content["labels"], dtype=np.int64)
        sound = data.shape == (len(labels), 3072) and bool(((labels >= 0) & (labels < len(CIFAR10_CLASSES))).all())
    except Exception as error:  # a damaged pickle can raise anything
        raise LabError(f"{path} is not a CIFAR-10 file; delete its folder to download it again") from error
    if not sound:
        raise LabError(f"{path} is damaged; delete its folder to download it again")
    return data, labels


class _BytesOnly(pickle.Unpickler):
    """Unpickles dictionaries, lists, numbers, text and arrays of bytes; any other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        stand_ins = {
            ("numpy.core.multiarray", "_reconstruct"): _reconstructed,
            ("numpy", "ndarray"): _Array,
            ("numpy", "dtype"): _ByteType,
            ("_codecs", "encode"): _encoded,
        }
        stand_in = stand_ins.get((module.replace("numpy._core", "numpy.core"), name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an image set")
        return stand_in


class _ByteType:
    """Stands for a NumPy dtype, which must be uint8."""

    def __init__(self, name: str, *_: Any) -> None:
        if name not in ("u1", "|u1"):
            raise pickle.UnpicklingError(f"pixels of type {name}")

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and the like: a byte has none."""


class _Array:
    """Stands for a NumPy array while it is unpickled; `values` is the array, uint8."""

    values: np.ndarray

    def __setstate__(self, state: Any) -> None:
        _, shape, _, by_columns, content = state
        content = content.encode("latin1") if isinstance(content, str) else content
        self.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


def _reconstructed(*_: Any) -> _Array:
    return _Array()


def _encoded(text: str, encoding: str) -> bytes:
    """Stand for `_codecs.encode`, by which protocol 2 writes bytes."""
    return text.encode("latin1")
