"""Images that are a network's input already: arrays `(N, C, H, W)` of any number of channels, from Python.

The network is given them as they are. What people see, and the control *raw pixels*, are the first three channels (or
the one there is), scaled alike for all images.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from lab.errors import LabError, briefly
from lab.images.groups import split_groups
from lab.images.image_signature import signature_of
from lab.images.regroup import in_groups
from lab.images.row_targets import RowTargets, row_targets
from lab.images.row_values import group_numbers, listed
from lab.images.targets import CLASS, GRADES, check_target, graded
from lab.images.types import ImageRecord, ImageSet, asked_of
from lab.names import names_given

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


def images_asked(images: Any, target: str = CLASS, classes: Sequence[str] = (), label: str = "") -> Any:
    """Return what stands for images in a function of Python: `(X, y)` as an image set, a name, path or set as it is.

    `target`, `classes` (the order of grades, or some of several labels) and `label` are those of `images_of_arrays`.
    Raises LabError for anything else, and for what `images_of_arrays` refuses.
    """
    if isinstance(images, (str, os.PathLike, ImageSet)):
        return images
    if isinstance(images, (tuple, list)) and len(images) == 2:
        return images_of_arrays(*images, target=target, classes=classes, label=label)
    raise LabError(
        f"images are {briefly(images)}; give the name of a set, a path, (X, y) with X (N, C, H, W) and a label for "
        "each, or what lab.open_image_set, lab.images_of_arrays or lab.image_set_of returns"
    )


def images_in_request(
    images: Any, classes: Sequence[str], per_class: int | None, groups: Any, target: str = CLASS, label: str = ""
) -> tuple[ImageSet | None, Any, Sequence[str], int | None, str]:
    """Return the images as a set, None if they go by name, and what stands for them in a request: data, classes,
    number a class and groups. Raises LabError as `images_asked`, `asked_of` and `in_groups` do.
    """
    given = images_asked(images, target, classes, label)
    classes = classes if given is images else ()  # arrays were made a set with them
    given, groups = in_groups(given, groups)
    if isinstance(given, ImageSet):
        return given, *asked_of(given, classes, per_class), groups
    return None, given, classes, per_class, groups


def images_of_arrays(
    images: Any,
    labels: Any,
    *,
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    groups: Any = None,
    target: str = CLASS,
    label: str = "",
) -> ImageSet:
    """Return arrays or tensors `(N, C, H, W)` as an image set that a network is given as they are.

    `labels` `(N,)` are whole numbers or texts; `classes` names the numbers from 0. With the `target` "number" they are
    numbers, called `label`; with "grades" ordered, as in `classes` where they are texts; with "labels" several an
    image, as lists, "a;b" or ones and zeros `(N, L)`, of which `classes` picks some. `names` `(N,)` are those of the
    images, `groups` `(N,)` says which must never straddle a split (default: copies, as found). Raises LabError for
    arrays of another shape, with NaN or infinity, or of another length than the labels, and for labels that the target
    cannot have.
    """
    check_target(target)
    arrays = _as_numpy(images)
    if arrays.ndim != 4 or arrays.dtype.kind not in "fiub" or not len(arrays):
        raise LabError(
            f"images are an array of shape {arrays.shape} and type {arrays.dtype}; they must be numbers (N, C, H, W)"
        )
    arrays = arrays.astype(np.float32)
    if not np.isfinite(arrays).all():
        bad = int(np.flatnonzero(~np.isfinite(arrays).all((1, 2, 3)))[0])
        raise LabError(f"image {bad} holds NaN or infinity; mend it or leave it out")
    classes = names_given("classes", classes)
    shown = [str(name) for name in listed(names)]
    given = None if groups is None else group_numbers(listed(groups), "image")
    targets = _named(labels, classes) if target == CLASS else row_targets(labels, target, classes, label)
    for what, several in (("labels", targets.labels), ("names", shown or None), ("groups", given)):
        if several is not None and len(several) != len(arrays):
            raise LabError(f"there are {len(several)} {what} for {len(arrays)} images; give one for each")
    source = TensorSource(arrays)
    digests = [hashlib.sha256(f"{source.shape}".encode() + array.tobytes()).hexdigest() for array in arrays]
    looks = [signature_of(source.pixels(k)) for k in range(len(arrays))]
    own = split_groups(digests, looks) if given is None else given
    width = len(str(len(arrays) - 1))
    records = tuple(
        ImageRecord(
            shown[k] if shown else f"{targets.classes[targets.labels[k]]}/{k:0{width}d}",
            int(targets.labels[k]), digests[k], int(own[k]), source.shape[2], source.shape[1],
            value=None if targets.values is None else float(targets.values[k]),
            labels=() if targets.several is None else targets.several[k],
        )
        for k in range(len(arrays))
    )  # fmt: skip
    if len({record.id for record in records}) < len(records):
        raise LabError("two images have the same name; give each its own")
    notes = () if source.shape[0] in (1, 3) else (f"of {source.shape[0]} channels, pictures and pixels show 3 at most",)
    made = ImageSet("arrays", targets.classes, records, source, (), notes)
    return graded(made, classes) if target == GRADES else made


def _as_numpy(images: Any) -> np.ndarray:
    if hasattr(images, "detach"):
        tensor = images.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)  # numpy has no bfloat16
    try:
        return np.asarray(images)
    except ValueError as error:
        raise LabError("images differ in shape; give numbers (N, C, H, W), all of one size") from error


def _named(labels: Any, names: Sequence[str]) -> RowTargets:
    """Return the class of every image; `names` are those of numbers from 0."""
    found = row_targets(labels)
    if len(found.classes) < 2:
        raise LabError("all images have the same label; two classes or more are needed")
    if not names:
        return found
    wrong = next((own for own in found.classes if not (own.isdigit() and int(own) < len(names))), None)
    if wrong is not None:
        raise LabError(f"classes names the numbers from 0, and labels hold {wrong}; there are {len(names)} names")
    return replace(found, classes=tuple(str(names[int(own)]) for own in found.classes))
