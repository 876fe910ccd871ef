"""Pillow images of any mode and turn -> upright 8-bit RGB.

What is meant by "the" RGB of an image: transparency lies over white, values of more than 8 bits are scaled
rather than clipped, and the EXIF turn is applied. Colour profiles are not looked at.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

_ORIENTATION_TAG: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation 1..8 still to be applied (Pillow applies a TIFF's own while loading)."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # unreadable EXIF data must not cost the user a readable image
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def flattened(image: Image.Image) -> Image.Image:
    """Return a loaded image of any mode as RGB, transparency laid over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_scaled_to_bytes(np.asarray(image), image.mode)).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _scaled_to_bytes(values: np.ndarray, mode: str) -> np.ndarray:
    """Scale gray values of more than 8 bits to uint8.

    16-bit integers use their full range. Modes without a declared range (32-bit integers, floats) are read as
    0..1, 0..255 or 0..65535, whichever is the smallest that holds the values, and are stretched if none does.
    """
    if mode.startswith("I;16") and values.dtype.kind == "u":
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    low, high = (0.0, _white_in(mode, high)) if low >= 0 else (low, high)
    span = max(high - low, float(np.finfo(np.float64).tiny))
    return np.rint((numbers - low) / span * 255.0).astype(np.uint8)


def _white_in(mode: str, highest: float) -> float:
    """Return the value that stands for white in a mode that declares no range."""
    ranges = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
    return next((end for end in ranges if highest <= end), highest)
