"""Encoded images from anywhere -> upright RGB pixels, or one short reason why not.

`decode` takes bytes and gives uint8 pixels of shape `(H, W, 3)`. EXIF turns are applied, transparency lies
over white, CMYK and palettes become RGB, an animation gives its first frame, and images with more than 8
bits a channel are scaled, not clipped (`modes`). What an image will take in size, memory and work is foreseen
from its header and refused before anything large is decoded (`limits`).

Left out: colour profiles are ignored (pixels are read as sRGB, as image classifiers are trained), and a
defect inside Pillow's own C code is not contained here, which is why only nine formats are accepted.
"""

from __future__ import annotations

import io
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from lab.images.limits import MAX_PIXELS, CountedBytes, DecodeError, check_file, check_image
from lab.images.modes import GrayScale, ValueRange, flattened, is_deep, orientation, rgb, turned, upright, value_range

FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")
DECODER_VERSION: Final = 3  # raise it when the same bytes would give other pixels, facts or reasons

# Images above this size are decoded one at a time, so that memory does not grow with the number of threads.
LARGE_PIXELS: Final = 12_000_000

THUMBNAIL_SIDE: Final = 96
REDUCED_SIDE: Final = 96  # the shorter side that a reduced decoding keeps, where the image has it

_HUFFMAN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_PILLOW_HINTS: Final = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as in `warnings.filters`
_DEEP_COLOUR: Final = re.compile(r"(RGB|RGBA|RGBX);16([BLN])")  # Pillow's names of the layouts of 16-bit samples
_CUT_MODE: Final = re.compile(r"^(LA|RGBa|R|G|B);16")
_one_large_image = threading.Lock()


@dataclass(frozen=True)
class Reduced:
    """A quick look at an image: upright RGB `pixels` of reduced size, the full upright size, whether the bytes are a
    JPEG that any decoder turns into the same upright RGB, and the range of its values if they have more than 8 bits."""

    pixels: np.ndarray
    width: int
    height: int
    plain_jpeg: bool
    values: ValueRange | None = None


def decode(data: bytes, scale: GrayScale | None = None) -> np.ndarray:
    """Return the image in `data` upright as RGB, uint8, shape `(H, W, 3)`.

    Values of more than 8 bits are read on `scale`, or on that of the image itself. Raises `DecodeError` with a reason,
    and nothing else, whatever the bytes are.
    """
    with _failures_told(), _opened(data) as image:
        loaded = _loaded(image, data)
        turn = orientation(image)
        pixels = loaded.rgb(scale)
        image.close()
        return turned(pixels, turn)


def decode_reduced(data: bytes) -> Reduced:
    """Decode all of `data`, finding what `decode` would refuse, but keep only a small version of the pixels.

    A JPEG is decoded at 1/2 to 1/8 of its size, which still reads every byte and takes a third of the time.
    """
    with _failures_told(), _opened(data) as image:
        width, height = image.size
        drafted = image.draft("RGB", _reduced_size(width, height))
        loaded = _loaded(image, data)
        turn = orientation(image)
        plain = turn == 1 and _is_plain_jpeg(image, data)
        box = drafted[1] if drafted else None  # 333 pixels at 1/4 are 83.25 pixels in an image of 84
        small = upright(loaded.resized(_at_most(image.size, 4 * THUMBNAIL_SIDE), box), turn)
        if turn >= 5:
            width, height = height, width
        return Reduced(np.array(small), width, height, plain, loaded.values)


def thumbnail(pixels: np.ndarray, side: int = THUMBNAIL_SIDE) -> bytes:
    """Return uint8 RGB `pixels`, shape `(H, W, 3)`, as JPEG bytes whose longer side is at most `side`."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image = image.resize(_at_most(image.size, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    return stream.getvalue()


@contextmanager
def _failures_told() -> Iterator[None]:
    """Turn whatever Pillow raises on strange bytes into a `DecodeError`."""
    _ignore_pillow_hints()
    try:
        yield
    except DecodeError:
        raise
    except UnidentifiedImageError as error:
        raise DecodeError("not a JPEG, PNG, GIF, BMP, WebP, TIFF, PNM, JPEG 2000 or AVIF image") from error
    except Image.DecompressionBombError as error:
        raise DecodeError(f"too large: more than {MAX_PIXELS // 1_000_000} megapixels") from error
    except MemoryError as error:
        raise DecodeError("too large for this machine's memory") from error
    except Exception as error:  # Pillow raises a dozen types on damaged files; all mean the same to the user
        truncated = "truncated" in str(error).lower()
        raise DecodeError("truncated image file" if truncated else "damaged image data") from error


def _ignore_pillow_hints() -> None:
    """Keep Pillow's warnings about odd metadata away from users.

    `warnings.catch_warnings` is not safe with threads; one standing filter for Pillow's own modules is.
    """
    if _PILLOW_HINTS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW_HINTS[3].pattern)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open `data`, refuse what takes too much, and wait for other large images to be finished."""
    check_file(data)
    with Image.open(CountedBytes(data), formats=_formats()) as image:
        deep_colour = any(_low_bytes_mode(mode) for mode in _raw_modes(image))
        check_image(image, data, copies=2 if deep_colour else 1)
        if image.width * image.height > LARGE_PIXELS:
            with _one_large_image:
                yield image
        else:
            yield image


@cache
def _formats() -> tuple[str, ...]:
    """Return the accepted formats that the installed Pillow reads."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


@dataclass(frozen=True)
class _Loaded:
    """A decoded image, the low bytes of its samples where Pillow keeps the high ones, and the range of its values."""

    image: Image.Image
    low_bytes: Image.Image | None
    values: ValueRange | None

    def rgb(self, scale: GrayScale | None) -> np.ndarray:
        return rgb(self.image, (scale or self.values.scale()) if self.values else None, self.low_bytes)

    def resized(self, size: tuple[int, int], box: tuple[float, float, float, float] | None) -> Image.Image:
        """Return the image as RGB of another size; a large one is made smaller before its colours are."""
        converted = self.image.mode != "RGB" or "transparency" in self.image.info
        if self.values or (converted and self.image.width * self.image.height > LARGE_PIXELS):
            pixels = self.rgb(None)
            self.image.close()
            return Image.fromarray(pixels).resize(size, box=box, reducing_gap=2.0)
        return flattened(self.image).resize(size, box=box, reducing_gap=2.0)


def _loaded(image: Image.Image, data: bytes) -> _Loaded:
    low_bytes = _low_bytes(image, data)
    cut = low_bytes is None and any(_CUT_MODE.search(mode) for mode in _raw_modes(image))
    image.load()
    if cut and all(high < 128 for _, high in _extrema(image)[:3]):
        raise DecodeError("16 bits a channel in a layout that is read by 8; save it with 8 bits a channel")
    deep = low_bytes is not None or is_deep(image)
    return _Loaded(image, low_bytes, value_range(image, low_bytes) if deep else None)


def _extrema(image: Image.Image) -> Sequence[tuple[float, float]]:
    found = image.getextrema()
    return found if isinstance(found[0], tuple) else (found,)  # type: ignore[return-value]


def _low_bytes(image: Image.Image, data: bytes) -> Image.Image | None:
    """Return an image of 16-bit colour with the low byte of every sample, None for other images.

    Pillow keeps the high byte only. Read in the other byte order, the same file gives the low one.
    """
    if not any(_low_bytes_mode(mode) for mode in _raw_modes(image)):
        return None
    again = Image.open(CountedBytes(data), formats=_formats())
    again.tile = [tile._replace(args=_with_mode(tile.args, _low_bytes_mode(_mode(tile.args)))) for tile in again.tile]
    again.load()
    return again


def _raw_modes(image: Image.Image) -> list[str]:
    return [_mode(tile.args) for tile in getattr(image, "tile", ())]


def _mode(args: Any) -> str:
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _with_mode(args: Any, mode: str) -> Any:
    return (mode, *args[1:]) if isinstance(args, tuple) else mode


def _low_bytes_mode(mode: str) -> str:
    """Return the name of the layout of samples in the other byte order, "" for what is not 16-bit colour."""
    match = _DEEP_COLOUR.fullmatch(mode)
    if match is None:
        return ""
    high_first = match[2] == "B" or (match[2] == "N" and sys.byteorder == "big")
    return f"{match[1]};16{'L' if high_first else 'B'}"


def _is_jpeg(image: Image.Image) -> bool:
    return image.format in ("JPEG", "MPO")  # MPO: a phone's JPEG with further pictures behind the first


def _is_plain_jpeg(image: Image.Image, data: bytes) -> bool:
    """Tell whether every decoder must read this JPEG as the same YCbCr channels (libjpeg's own rules)."""
    if not _is_jpeg(image) or image.mode != "RGB" or _jpeg_frame(data) not in _HUFFMAN_FRAMES:
        return False
    if "jfif" in image.info:
        return image.info.get("adobe_transform", 1) == 1
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"] == 1)
    return [component[0] for component in getattr(image, "layer", [])] == [1, 2, 3]


def _jpeg_frame(data: bytes) -> int:
    """Return the second byte of a JPEG's start-of-frame marker (0xC0 is baseline), or 0 if it has none."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0xDA:
            break
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 0


def _reduced_size(width: int, height: int) -> tuple[int, int]:
    """Return the smallest size worth decoding: enough for a thumbnail and for comparing images."""
    factor = max(1.0, min(max(width, height) / THUMBNAIL_SIDE, min(width, height) / REDUCED_SIDE))
    return int(np.ceil(width / factor)), int(np.ceil(height / factor))


def _at_most(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return `size` scaled down, keeping its shape, until its longer side is at most `side`."""
    factor = max(1.0, max(size) / side)
    return max(1, round(size[0] / factor)), max(1, round(size[1] / factor))
