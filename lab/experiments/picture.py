"""One picture by a line of text: a photograph that comes with an installed library, one image of a set, or a file.

    photo:china | photo:flower | photo:hopper      scikit-learn's and matplotlib's sample photographs
    drawn:pets#3 | FOLDER#cat/001.jpg              image of a set: its number (of 6 a class of a drawn one) or its id
    upload:3f2a…                                   a picture that was uploaded to this computer, by its content
    /path/to/photo.jpg                             a file

Torch-free; `lab.experiments.model_and_picture` makes it what a network takes.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.errors import LabError, nearest
from lab.images import ImageRecord, ImageSet, open_image_set, settled, stamp
from lab.images.arrays import ArraySource
from lab.images.decode import DecodeError, decode
from lab.images.image_signature import exact_digest
from lab.images.uploads import is_upload, upload_name, uploaded_file
from lab.roots import permitted

DEFAULT_PICTURE = "photo:flower"
PICTURE_HELP = "photo:NAME, SET#NUMBER (drawn:pets#0), or an image file"
MOST_DRAWN = 5000  # of each class, of which one is named by its id
DRAWN_AHEAD = 6  # a numbered image of a drawn set is one of so many


@dataclass(frozen=True)
class Photo:
    """A photograph that an installed library ships: its package, its file there, what it shows."""

    package: str
    file: str
    title: str


PHOTOS: dict[str, Photo] = {
    "flower": Photo("sklearn", "datasets/images/flower.jpg", "A flower (photograph from scikit-learn)"),
    "china": Photo("sklearn", "datasets/images/china.jpg", "A temple (photograph from scikit-learn)"),
    "hopper": Photo("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "Grace Hopper (photograph from matplotlib)"),
}


def offered_pictures() -> dict[str, str]:
    """Return the pictures that are on this computer without any upload: spec and title."""
    photos = {f"photo:{name}": photo.title for name, photo in PHOTOS.items() if _photo_path(photo) is not None}
    drawn = {"drawn:pets#0": "A cat, drawn here", f"drawn:pets#{DRAWN_AHEAD}": "A dog, drawn here"}
    return {**photos, **drawn}


def open_picture(spec: str) -> ImageSet:
    """Return an image set whose only image is the one that `spec` names; raises LabError when there is none."""
    name, mark, which = spec.rpartition("#")
    if mark and not os.path.isfile(spec):
        return _of_set(name, which, spec)
    return _of_file(_file(spec), spec)


def pictures_beside(spec: str, count: int) -> list[ImageSet]:
    """Return `count` pictures, the one that `spec` names first: others of its set, else photographs and drawings that
    are on this computer. Fewer when there are not so many."""
    first = open_picture(spec)
    name, mark, which = spec.rpartition("#")
    if mark and not os.path.isfile(spec):
        images = set_of_picture(name, which)
        ids = [record.id for record in images.records]
        own = int(which) if which.isdecimal() else ids.index(which)
        rest = [index for index in range(len(ids)) if index != own]
        picked = np.linspace(0, len(rest) - 1, min(count - 1, len(rest))).round().astype(int).tolist()
        return [first, *(_single(f"{name}#{rest[k]}", images.pixels(rest[k])) for k in picked)]
    photos = [f"photo:{name}" for name, photo in PHOTOS.items() if _photo_path(photo) is not None]
    numbers = [half + k for k in range(DRAWN_AHEAD) for half in (0, DRAWN_AHEAD)]
    others = [one for one in (*photos, *(f"drawn:pets#{number}" for number in numbers)) if one != spec]
    return [first, *(open_picture(one) for one in others[: count - 1])]


def settled_picture(spec: str) -> str:
    """Return a spec that means the same from every folder (`lab.images.settled`)."""
    name, mark, which = spec.rpartition("#")
    if mark and not os.path.isfile(spec):
        return f"{settled(name)}#{which}"
    return spec if spec.startswith("photo:") else settled(spec)


def picture_stamp(spec: str) -> str:
    """Return a text that changes when the file behind `spec` does."""
    name, mark, _ = spec.rpartition("#")
    if mark and not os.path.isfile(spec):
        return stamp(name)
    status = _file(spec).stat()
    return spec if spec.startswith("photo:") or is_upload(spec) else f"{status.st_size}:{status.st_mtime_ns}"


def picture_name(spec: str) -> str:
    """Return a short text for people."""
    return offered_pictures().get(spec) or (upload_name(spec) if is_upload(spec) else Path(spec).name)


def set_of_picture(name: str, which: str) -> ImageSet:
    """Return the set of a picture; of a drawn one, which has no end, as many as hold the image of an id."""
    if not name.startswith("drawn:"):
        return open_image_set(name)
    number = which.rpartition("-")[2]  # of an id such as cat/cat-0003
    more = int(number) + 1 if "-" in which and number.isdecimal() else 0
    return open_image_set(name, per_class=min(max(DRAWN_AHEAD, more), MOST_DRAWN))


def _of_set(name: str, which: str, spec: str) -> ImageSet:
    images = set_of_picture(name, which)
    ids = [record.id for record in images.records]
    if which.isdecimal() and int(which) < len(ids):
        index = int(which)
    elif which in ids:
        index = ids.index(which)
    else:
        raise LabError(f"{name} has no image {which!r}{nearest(which, ids)}; give a number below {len(ids)} or an id")
    return _single(spec, images.pixels(index))


def _of_file(path: Path, spec: str) -> ImageSet:
    try:
        return _single(spec, decode(path.read_bytes()))
    except (DecodeError, OSError) as error:
        raise LabError(f"{path.name} cannot be read as an image: {error}") from error


def _single(spec: str, pixels: np.ndarray) -> ImageSet:
    height, width = pixels.shape[:2]
    record = ImageRecord("picture", 0, exact_digest(pixels), 0, width, height)
    return ImageSet(spec, ("picture",), (record,), ArraySource(pixels[None]))


def _file(spec: str) -> Path:
    kind, mark, name = spec.partition(":")
    if mark and kind == "photo":
        if name not in PHOTOS:
            raise LabError(f"there is no photograph {name!r}{nearest(name, PHOTOS)}; known: {', '.join(PHOTOS)}")
        path = _photo_path(PHOTOS[name])
        if path is None:
            raise LabError(f"the photograph {name!r} is not on this computer: {PHOTOS[name].package} is not installed")
        return path
    if is_upload(spec):
        return uploaded_file(spec)
    path = permitted(spec)
    if not path.is_file():
        known = [*offered_pictures(), "SET#NUMBER"]
        raise LabError(f"there is no picture {spec!r}{nearest(spec, known)}; give a file, or one of {', '.join(known)}")
    return path


def _photo_path(photo: Photo) -> Path | None:
    """Return where a package keeps a photograph, without importing the package."""
    found = importlib.util.find_spec(photo.package)
    folder = next(iter(found.submodule_search_locations or ()), None) if found else None
    path = Path(folder) / photo.file if folder else None
    return path if path is not None and path.is_file() else None
