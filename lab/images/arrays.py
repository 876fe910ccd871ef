"""Images that are already pixels in memory (digits, CIFAR-10) as an image set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.images.groups import split_groups
from lab.images.image_signature import exact_digest, signature_of
from lab.images.layout import select_classes
from lab.images.types import ImageRecord, ImageSet, balanced_positions


class ArraySource:
    """Gives the pixels of images held as one array, uint8 `(N, H, W, 3)`."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images

    def pixels(self, index: int) -> np.ndarray:
        """Return a copy of image `index`, RGB, uint8, shape `(H, W, 3)`."""
        return np.array(self._images[index])

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return None: these images are no files."""
        return None


def image_set_of_arrays(
    spec: str,
    names: Sequence[str],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    classes: Sequence[str] = (),
    per_class: int | None = None,
) -> ImageSet:
    """Return `images`, uint8 `(N, H, W, 3)`, of the wanted classes; `labels` are positions in `names`.

    An image's id is its class and its number among all. Raises LabError for a class that is not in `names`.
    """
    chosen_classes = select_classes(names, classes, spec)
    label_of = {names.index(name): label for label, name in enumerate(chosen_classes)}
    positions = [k for k, label in enumerate(labels) if int(label) in label_of]
    digests = [exact_digest(images[k]) for k in positions]
    own_labels = [label_of[int(labels[k])] for k in positions]
    chosen = balanced_positions(own_labels, digests, per_class)
    groups = split_groups([digests[c] for c in chosen], [signature_of(images[positions[c]]) for c in chosen])
    height, width = images.shape[1:3]
    records = tuple(
        ImageRecord(
            f"{names[labels[positions[c]]]}/{positions[c]:05d}", own_labels[c], digests[c], group, width, height
        )
        for c, group in zip(chosen, groups, strict=True)
    )
    return ImageSet(spec, chosen_classes, records, ArraySource(images[[positions[c] for c in chosen]]))
