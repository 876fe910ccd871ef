"""What an image looks like, small enough to compare thousands.

A signature is a 96 × 96 luma thumbnail, a 24 × 24 thumbnail of the two chroma channels and, for pictures without
coarse structure, a digest of the exact pixels. All are squashed to squares whatever the image's shape. Which images
are copies of each other is found from signatures alone (`groups`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

SIDE: Final = 96
COLOUR_SIDE: Final = 24
FLAT: Final = 4.0  # gray levels: a thumbnail with a smaller standard deviation shows nothing to compare
SIGNATURE_VERSION: Final = 2  # raise it when the same pixels would give another signature
_LUMA_BYTES: Final = SIDE * SIDE
_SIGNATURE_BYTES: Final = _LUMA_BYTES + 2 * COLOUR_SIDE**2


@dataclass(frozen=True)
class ImageSignature:
    """Luma `(96, 96)` and chroma `(2, 24, 24)` thumbnails, uint8; `exact` is "" unless the picture is flat."""

    luma: np.ndarray
    colour: np.ndarray
    exact: str = ""

    def packed(self) -> bytes:
        """Return the signature as bytes for `unpacked`."""
        return self.luma.tobytes() + self.colour.tobytes() + bytes.fromhex(self.exact)

    @classmethod
    def unpacked(cls, packed: bytes) -> ImageSignature:
        """Return the signature that `packed` made these bytes from."""
        values = np.frombuffer(packed, np.uint8, _SIGNATURE_BYTES)
        luma, colour = values[:_LUMA_BYTES], values[_LUMA_BYTES:]
        exact = packed[_SIGNATURE_BYTES:].hex()
        return cls(luma.reshape(SIDE, SIDE), colour.reshape(2, COLOUR_SIDE, COLOUR_SIDE), exact)


def signature_of(pixels: np.ndarray, full: Callable[[], np.ndarray] | None = None) -> ImageSignature:
    """Return the signature of RGB `pixels`, uint8 `(H, W, 3)`; `full` gives the full pixels when these are
    reduced."""
    luma, *colours = Image.fromarray(pixels).convert("YCbCr").split()
    gray = np.asarray(luma.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    small = [c.resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BILINEAR) for c in colours]
    exact = ""
    if halved(gray).std() < FLAT:
        exact = exact_digest(full() if full else pixels)
    return ImageSignature(gray, np.stack([np.asarray(colour) for colour in small]), exact)


def exact_digest(pixels: np.ndarray) -> str:
    """Return the hex SHA-256 of an image's size and pixels."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def halved(images: np.ndarray) -> np.ndarray:
    """Return images `(..., S, S)` at half the size, each pixel the mean of four, float32."""
    even, odd = images[..., ::2, :].astype(np.float32), images[..., 1::2, :].astype(np.float32)
    rows = even + odd
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) * np.float32(0.25))
