"""Images that are a network's input already: arrays `(N, C, H, W)` of any number of channels, from Python.

The network is given them as they are. What people see, and the control *raw pixels*, are the first three channels (or
the one there is), scaled alike for all images.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lab.errors import LabError, briefly
from lab.images.groups import split_groups
from lab.images.image_signature import signature_of
from lab.images.types import ImageRecord, ImageSet, asked_of

SHOWN_RANGE: Final = (0.5, 99.5)  # percentiles of a channel that are shown as black and white


class TensorSource:
    """Gives arrays `(N, C, H, W)` as they are, and as RGB pixels to be looked at."""

    def __init__(self, arrays: np.ndarray) -> None:
        self._arrays = arrays
        shown = arrays[:, :3] if arrays.shape[1] >= 3 else arrays[:, :1]
        low, high = np.percentile(shown, SHOWN_RANGE, axis=(0, 2, 3))
        self._low, self._span = low, np.where(high > low, high - low, 1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        _, channels, height, width = self._arrays.shape
        return channels, height, width

    def tensor(self, index: int) -> np.ndarray:
        """Return a copy of image `index` as it was given, float32, shape `(C, H, W)`."""
        return np.array(self._arrays[index], dtype=np.float32)

    def pixels(self, index: int) -> np.ndarray:
        """Return image `index` as RGB, uint8, shape `(H, W, 3)`."""
        image = self._arrays[index][: len(self._low)].transpose(1, 2, 0)
        scaled = np.clip((image - self._low) / self._span, 0, 1) * 255
        return np.repeat(scaled, 3 // scaled.shape[2], axis=2).round().astype(np.uint8)

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return None: these images are no files."""
        return None


def images_asked(images: Any) -> Any:
    """Return what stands for images in a function of Python: `(X, y)` as an image set, a name, path or set as it is.

    Raises LabError for anything else, and for what `images_of_arrays` refuses.
    """
    if isinstance(images, (str, os.PathLike, ImageSet)):
        return images
    if isinstance(images, (tuple, list)) and len(images) == 2:
        return images_of_arrays(*images)
    raise LabError(
        f"images are {briefly(images)}; give the name of a set, a path, (X, y) with X (N, C, H, W) and a label for "
        "each, or what lab.open_image_set, lab.images_of_arrays or lab.image_set_of returns"
    )


def images_in_request(
    images: Any, classes: Sequence[str], per_class: int | None
) -> tuple[ImageSet | None, Any, Sequence[str], int | None]:
    """Return the images as a set, None if they go by name, and what stands for them in a request: data, classes and
    number a class. Raises LabError as `images_asked` and `asked_of` do.
    """
    images = images_asked(images)
    if isinstance(images, ImageSet):
        return images, *asked_of(images, classes, per_class)
    return None, images, classes, per_class


def images_of_arrays(
    images: Any, labels: Any, *, classes: Sequence[str] = (), names: Sequence[str] = (), groups: Any = None
) -> ImageSet:
    """Return arrays or tensors `(N, C, H, W)` as an image set that a network is given as they are.

    `labels` `(N,)` are whole numbers or texts; `classes` names the numbers from 0. `names` `(N,)` are those of the
    images, `groups` `(N,)` says which must never straddle a split (default: copies, as found). Raises LabError for
    arrays of another shape, with NaN or infinity, or of another length than the labels.
    """
    arrays = _as_numpy(images)
    if arrays.ndim != 4 or arrays.dtype.kind not in "fiub" or not len(arrays):
        raise LabError(
            f"images are an array of shape {arrays.shape} and type {arrays.dtype}; they must be numbers (N, C, H, W)"
        )
    arrays = arrays.astype(np.float32)
    if not np.isfinite(arrays).all():
        bad = int(np.flatnonzero(~np.isfinite(arrays).all((1, 2, 3)))[0])
        raise LabError(f"image {bad} holds NaN or infinity; mend it or leave it out")
    given = _label_array(labels)
    for what, several in (("labels", given), ("names", names), ("groups", () if groups is None else groups)):
        if len(several) != len(arrays) and (what == "labels" or len(several)):
            raise LabError(f"there are {len(several)} {what} for {len(arrays)} images; give one for each")
    known, places = _classes(given, classes)
    source = TensorSource(arrays)
    digests = [hashlib.sha256(f"{source.shape}".encode() + array.tobytes()).hexdigest() for array in arrays]
    looks = [signature_of(source.pixels(k)) for k in range(len(arrays))]
    own = split_groups(digests, looks) if groups is None else _group_numbers(groups)
    width = len(str(len(arrays) - 1))
    records = tuple(
        ImageRecord(
            str(names[k]) if len(names) else f"{known[places[k]]}/{k:0{width}d}", int(places[k]), digests[k],
            int(own[k]), source.shape[2], source.shape[1],
        )
        for k in range(len(arrays))
    )  # fmt: skip
    if len({record.id for record in records}) < len(records):
        raise LabError("two images have the same name; give each its own")
    notes = () if source.shape[0] in (1, 3) else (f"of {source.shape[0]} channels, pictures and pixels show 3 at most",)
    return ImageSet("arrays", known, records, source, (), notes)


def _as_numpy(images: Any) -> np.ndarray:
    if hasattr(images, "detach"):
        tensor = images.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)  # numpy has no bfloat16
    try:
        return np.asarray(images)
    except ValueError as error:
        raise LabError("images differ in shape; give numbers (N, C, H, W), all of one size") from error


def _group_numbers(groups: Any) -> np.ndarray:
    values = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    missing = next((k for k, value in enumerate(values) if value is None or value == "" or value != value), None)
    if missing is not None:
        raise LabError(f"image {missing} has no group; give one for every image, a name of its own where it is alone")
    return np.unique(np.asarray(values), return_inverse=True)[1]


def _label_array(labels: Any) -> np.ndarray:
    """Return labels as numpy has them, text in an array of objects as text.

    Raises LabError for text and numbers side by side, which numpy would make text of.
    """
    given = labels.detach().cpu() if hasattr(labels, "detach") else labels
    values = given.tolist() if hasattr(given, "tolist") else list(given) if isinstance(given, (list, tuple)) else []
    texts = [value for value in values if isinstance(value, str)]
    others = [value for value in values if not isinstance(value, str)]
    if texts and others:
        raise LabError(
            f"the labels mix text ({texts[0]!r}) and other values ({others[0]!r}); make all of them text, or whole "
            "numbers"
        )
    return np.asarray(texts) if texts else np.asarray(given)


def _classes(labels: np.ndarray, names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of classes and the place of each label among them."""
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        raise LabError(
            f"labels are an array of shape {labels.shape} and type {labels.dtype}; they must be whole numbers or texts "
            "(N,)"
        )
    found, places = np.unique(labels, return_inverse=True)
    if len(found) < 2:
        raise LabError("all images have the same label; two classes or more are needed")
    if not names:
        return tuple(map(str, found)), places
    if labels.dtype.kind == "U" or int(found[-1]) >= len(names) or int(found[0]) < 0:
        raise LabError(f"classes names the numbers from 0, and labels hold {found[-1]!s}; there are {len(names)} names")
    return tuple(str(names[int(label)]) for label in found), places
