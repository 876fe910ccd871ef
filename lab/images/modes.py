"""Pillow images of any mode and turn -> upright 8-bit RGB, in bands so that little memory is needed beside the image.

What is meant by "the" RGB of an image: transparency lies over white, the EXIF turn is applied, and values of more than
8 bits are scaled from a `GrayScale` to 0..255, not clipped or cut. Colour profiles are not looked at.

A file of 16-bit samples does not say how many bits its camera filled: 12 bits in it would be 17 gray levels. So the
scale is that of the values there are, of one image where it stands alone and of all images in a set (`common_scale`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

BAND_PIXELS: Final = 1 << 20
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
# Values that fill less of their scale than this are stretched: 64 of 256 gray levels.
_LEAST_SHARE: Final = 0.25
_ENDS: Final = tuple(2.0**bits - 1 for bits in range(8, 17))


@dataclass(frozen=True)
class GrayScale:
    """Which values of more than 8 bits are black and white; `floats` are not whole numbers by their file's type."""

    black: float
    white: float
    floats: bool = False


@dataclass(frozen=True)
class ValueRange:
    """The lowest and highest value of an image with more than 8 bits a channel."""

    low: float
    high: float
    floats: bool = False

    def scale(self) -> GrayScale:
        """Return the scale of an image by itself: from 0 to the end of the fewest bits (8 to 16) that hold it.

        Floats up to 1 are read from 0 to 1. Values below 0 or of more than 16 bits make the range itself the scale.
        """
        if self.low < 0:
            return GrayScale(self.low, self.high, self.floats)
        ends = (1.0, *_ENDS) if self.floats else _ENDS
        return GrayScale(0.0, next((end for end in ends if self.high <= end), self.high), self.floats)


def common_scale(ranges: Iterable[ValueRange]) -> GrayScale | None:
    """Return one scale for images of one kind of value, None when there are no images.

    A range that fills less than a quarter of its bits (30,000 to 31,000, or labels 0 to 9) is stretched to all levels.
    """
    found = list(ranges)
    if not found:
        return None
    whole = ValueRange(min(r.low for r in found), max(r.high for r in found), found[0].floats)
    scale = whole.scale()
    sparse = 0 < whole.high - whole.low < _LEAST_SHARE * (scale.white - scale.black)
    return GrayScale(whole.low, whole.high, whole.floats) if sparse else scale


def is_deep(image: Image.Image) -> bool:
    """Tell whether an image has one channel of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation 1..8 still to be applied (Pillow applies a TIFF's own while loading)."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # unreadable EXIF data must not cost the user a readable image
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image turned as its EXIF orientation says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels `(H, W, C)` turned as an EXIF orientation says, contiguous."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def value_range(image: Image.Image, low_bytes: Image.Image | None = None) -> ValueRange:
    """Return the range of a loaded image's values of more than 8 bits, transparency aside; NaN and infinities are 0.

    `low_bytes` is the same image of 16-bit colour with the low byte of each sample where `image` has the high one.
    """
    ends = [(float(v.min()), float(v.max())) for _, v in _deep_bands(image, low_bytes)]
    return ValueRange(min(low for low, _ in ends), max(high for _, high in ends), image.mode == "F")


def rgb(image: Image.Image, scale: GrayScale | None = None, low_bytes: Image.Image | None = None) -> np.ndarray:
    """Return a loaded image of any mode as RGB, uint8 `(H, W, 3)`, not turned.

    `scale` is needed for values of more than 8 bits, `low_bytes` as in `value_range`.
    """
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    if scale is None:
        for top, band in _bands(image):
            pixels[top : top + band.height] = np.asarray(flattened(band))
        return pixels
    for top, values in _deep_bands(image, low_bytes):
        rows = slice(top, top + len(values))
        levels = _to_levels(values, scale)
        pixels[rows] = levels if levels.ndim == 3 else levels[..., None]
        if image.mode == "RGBA":
            alpha = image.crop((0, top, image.width, top + len(values))).getchannel("A")
            layer = Image.fromarray(pixels[rows])
            layer.putalpha(alpha)
            pixels[rows] = np.asarray(flattened(layer))
    return pixels


def flattened(image: Image.Image) -> Image.Image:
    """Return a loaded image of 8 bits a channel as RGB, transparency laid over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if "transparency" in image.info or image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield an image in bands of rows, each with its first row's number."""
    rows = max(1, BAND_PIXELS // image.width)
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _deep_bands(image: Image.Image, low_bytes: Image.Image | None) -> Iterator[tuple[int, np.ndarray]]:
    """Yield values of more than 8 bits, `(rows, W)` or of three colours `(rows, W, 3)`, each with the first row."""
    for top, band in _bands(image):
        values = np.asarray(band)
        if low_bytes is not None:
            below = np.asarray(low_bytes.crop((0, top, image.width, top + band.height)))
            values = values[..., :3].astype(np.uint16) << 8 | below[..., :3]
        elif values.dtype.kind == "f":
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        yield top, values


def _to_levels(values: np.ndarray, scale: GrayScale) -> np.ndarray:
    span = max(scale.white - scale.black, float(np.finfo(np.float64).tiny))
    if values.dtype.kind == "u" and values.size > 1 << 16:
        levels = np.rint((np.arange(1 << 16) - scale.black) * (255.0 / span))
        return np.clip(levels, 0, 255).astype(np.uint8)[values]
    share = (values.astype(np.float64) - scale.black) / span
    return np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)
