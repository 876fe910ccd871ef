"""Small image sets in memory, for tests of what looks at images."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from lab.images.types import ImageRecord, ImageSet


class Pictures:
    """Pixels in memory; counts how often each image is decoded, and can be told to fail."""

    def __init__(self, images: Sequence[np.ndarray], jpeg: bool) -> None:
        self.images, self.jpeg = list(images), jpeg
        self.decoded = [0] * len(self.images)
        self.broken: set[int] = set()

    def pixels(self, index: int) -> np.ndarray:
        self.decoded[index] += 1
        if index in self.broken:
            raise OSError("the file has gone")
        if self.jpeg:
            return np.asarray(Image.open(io.BytesIO(encoded(self.images[index]))).convert("RGB"))
        return self.images[index]

    def plain_jpeg(self, index: int) -> bytes | None:
        if not self.jpeg:
            return None
        self.decoded[index] += 1
        return b"not a picture" if index in self.broken else encoded(self.images[index])


def encoded(pixels: np.ndarray) -> bytes:
    """Return pixels as a JPEG file of good quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def scene(seed: int, height: int = 90, width: int = 120) -> np.ndarray:
    """Return a smooth random picture with edges, as photographs have, uint8 (height, width, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    picture = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).copy()
    top, left = rng.integers(0, max(1, height // 2)), rng.integers(0, max(1, width // 2))
    picture[top : top + height // 3, left : left + width // 3] = rng.integers(0, 256, 3)
    return picture


def image_set(images: Sequence[np.ndarray], *, jpeg: bool = False) -> ImageSet:
    """Return an image set of two classes that holds these pictures, in turn."""
    records = tuple(
        ImageRecord(f"{'ab'[i % 2]}/{i}", i % 2, hashlib.sha256(p.tobytes()).hexdigest(), i, p.shape[1], p.shape[0])
        for i, p in enumerate(images)
    )
    return ImageSet("pictures", ("a", "b"), records, Pictures(images, jpeg))


def scenes(count: int, *, jpeg: bool = False, first: int = 0) -> ImageSet:
    """Return an image set of `count` random scenes."""
    return image_set([scene(first + i) for i in range(count)], jpeg=jpeg)
