"""A split and groups that came with the images: used as they are, and what is doubtful about them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from lab.errors import LabError
from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet, Quarantined, picked
from lab.images.regroup import FOUND
from lab.images.regroup import NONE as NO_GROUPS

FOLDS: Final = "none"
TRAIN, VALIDATION, TEST = "train", "validation", "test"


def design_of(images: ImageSet, request: ProbeRequest) -> tuple[ImageSet, ProbeDesign]:
    """Return who is tested when: the split that came with the images, else folds; and the images that take part.

    Images of a part that is neither learned from nor tested are set aside. Raises LabError as `make_splits` and
    `given_split` do, and where a class lies within one given group.
    """
    images, tested = with_parts(images, request.split)
    if groups_given(images, request):
        _check_classes_in_groups(images)
    settings = (request.seed, images.classes, request.probe)
    if tested is None:
        return images, ProbeDesign.of(images.labels, images.groups, request.folds, request.repeats, *settings)
    groups = images.groups
    if not groups_given(images, request):  # copies that are found in both parts: the split stays, and it is told
        groups = 2 * groups + tested
    try:
        return images, ProbeDesign.of_split(images.labels, groups, tested, *settings)
    except LabError as error:
        raise LabError(f"{str(error).removesuffix('.')}, or deal folds over all images with split none") from error


def with_parts(images: ImageSet, wanted: str) -> tuple[ImageSet, np.ndarray | None]:
    """Return the images that are learned from or tested and which are tested, bool `(N,)`; None for folds.

    The test part is tested, or where there is none the validation part.
    """
    there = set(images.parts)
    other = TEST if TEST in there else VALIDATION
    if wanted == FOLDS or not {TRAIN, other} <= there:
        return images, None
    used = [position for position, part in enumerate(images.parts) if part in (TRAIN, other)]
    left = [record for record in images.records if record.part not in (TRAIN, other)]
    aside = [Quarantined(r.id, f"in the {r.part} part, neither learned from nor tested") for r in left]
    if left:
        images = replace(picked(images, used), quarantined=(*images.quarantined, *aside))
    return images, np.array([part == other for part in images.parts])


def groups_given(images: ImageSet, request: ProbeRequest) -> bool:
    """Return whether groups were given, by the images' own table or another, rather than found."""
    return images.grouped if request.groups == FOUND else request.groups != NO_GROUPS


def group_name(images: ImageSet, request: ProbeRequest) -> str:
    """Return what given groups are called: their column in the images' own table, else "group"."""
    return images.factor_names[0] if images.grouped and images.factor_names and request.groups == FOUND else "group"


def copies_in_both(images: ImageSet, tested: np.ndarray) -> list[str]:
    """Return a sentence if images of the test part are copies of images that are learned from."""
    both = np.intersect1d(images.groups[tested], images.groups[~tested])
    if not len(both):
        return []
    count = int(np.isin(images.groups[tested], both).sum())
    pair = [
        images.records[int(np.flatnonzero((images.groups == both[0]) & (tested == part))[0])].id
        for part in (True, False)
    ]
    return [
        f"{count} of {int(tested.sum())} images of the test part are copies of images of the training part, such as "
        f"{pair[0]!r} of {pair[1]!r}: what is read there may be memory; take them out of one of the parts."
    ]


def _check_classes_in_groups(images: ImageSet) -> None:
    pairs = np.unique(np.stack([images.labels, images.groups]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(images.classes))
    if counts.min() > 1:
        return
    scarce = int(np.argmin(counts))
    raise LabError(
        f"all images of class {images.classes[scarce]!r} are in one group: with groups kept apart it cannot be both "
        "learned and tested, and the class cannot be told from the group; give images of more groups, or leave the "
        "groups out (?group=none for a table's own)"
    )
