"""Ground truth on drawn pictures: how much of a map lies on the parts that really differ between the classes.

A drawn image and its counterpart in the other class are equal but for some parts (a cat's ears, pupils and muzzle).
Whatever tells the classes apart is there, so a map that explains the difference should be there too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.attributions.sanity_checks import resized
from lab.images import ImageRecord, ImageSet
from lab.images.arrays import ArraySource
from lab.images.synthetic import DrawnSet
from lab.models import Preprocessing
from lab.models.preprocess import pixels_for


@dataclass(frozen=True)
class Share:
    """Of a map: its `share` on the parts; `area`, what an even map has there; `ideal`, the most its grid allows."""

    share: float
    area: float
    ideal: float


def differing(images: DrawnSet, index: int, how: Preprocessing) -> np.ndarray:
    """Return where image `index` can differ from its counterparts, bool `(H, W)`, as the network sees the picture.

    The parts that differ, as they are in the image and as they would be in any other class of its family.
    """
    source = images.drawn
    own = images.records[index].label
    names = source.family.diagnostic_parts
    masks = [images.masks(index)[part] for part in names]
    for label in range(len(source.family.classes)):
        if label != own:
            masks += [source.counterpart(index, label).masks[part] for part in names]
    return as_seen(np.any(masks, axis=0), how)


def as_seen(mask: np.ndarray, how: Preprocessing) -> np.ndarray:
    """Return a mask of an image's pixels, bool `(H, W)`, resized and cropped as the network's input is."""
    pixels = np.repeat(np.uint8(255) * mask.astype(np.uint8)[..., None], 3, axis=2)
    record = ImageRecord("mask", 0, "mask", 0, pixels.shape[1], pixels.shape[0])
    seen = pixels_for(ImageSet("mask", ("mask",), (record,), ArraySource(pixels[None])), 0, how)
    return np.asarray(seen[0].numpy() > 127)


def share_on(values: np.ndarray, mask: np.ndarray) -> Share:
    """Return a map's share on a mask `(H, W)`: sizes count, upsampled to the mask's pixels as it is shown."""
    sizes = np.abs(values)
    spread = resized(sizes, *mask.shape) if sizes.shape != mask.shape else sizes
    total = float(spread.sum())
    share = float(spread[mask].sum()) / total if total > 0 else float("nan")
    return Share(share, float(mask.mean()), ideal(mask, *values.shape))


def ideal(mask: np.ndarray, height: int, width: int) -> float:
    """Return the share of the best map of so many rows and columns: all of it at the one best position."""
    if (height, width) == mask.shape:
        return float(mask.any())
    cells = resized(mask.astype(np.float64), height, width)
    best = np.zeros((height, width))
    best[np.unravel_index(int(cells.argmax()), cells.shape)] = 1.0
    spread = resized(best, *mask.shape)
    return float(spread[mask].sum() / spread.sum())
