"""scikit-learn's 1,797 handwritten digits (8 × 8, from the UCI Optical Recognition of Handwritten Digits set) as RGB
images of 64 × 64 pixels. They come with scikit-learn: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from lab.images.arrays import image_set_of_arrays
from lab.images.types import ImageSet

CLASSES: Final = tuple(str(digit) for digit in range(10))
DESCRIPTION: Final = "1,797 handwritten digits of 8 × 8 pixels, enlarged; they come with scikit-learn."
SIDE: Final = 64
_DARKEST: Final = 16.0  # the set's pixels count 0..16 inked cells


def open_digits(spec: str, classes: Sequence[str], per_class: int | None) -> ImageSet:
    """Return the digits, white on black, smoothly enlarged."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.stack([_enlarged(image) for image in bunch.images])
    return image_set_of_arrays(spec, CLASSES, images, bunch.target, classes=classes, per_class=per_class)


def _enlarged(image: np.ndarray) -> np.ndarray:
    gray = Image.fromarray(np.rint(image * (255.0 / _DARKEST)).astype(np.uint8))
    return np.asarray(gray.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB"))
