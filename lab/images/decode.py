"""Encoded images from anywhere -> upright RGB pixels, or one short reason why not.

`decode` takes bytes and gives uint8 pixels of shape `(H, W, 3)`. EXIF turns are applied, transparency lies
over white, CMYK and palettes become RGB, an animation gives its first frame, and images with more than 8
bits a channel are scaled, not clipped. Sizes are read from the header and refused before anything large is
decoded.

Left out: colour profiles are ignored (pixels are read as sRGB, as image classifiers are trained), and a
defect inside Pillow's own C code is not contained here, which is why only six formats are accepted.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from lab.errors import LabError
from lab.images.modes import flattened, orientation, upright

SAFE_FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
DECODER_VERSION: Final = 1  # raise it when the same bytes would give other pixels, facts or reasons

MAX_BYTES: Final = 256 * 1024**2
MAX_PIXELS: Final = 64_000_000
MAX_SIDE: Final = 65_535
# A small progressive JPEG can ask for thousands of passes over a large image; real ones make about ten.
MAX_PASSES_TIMES_PIXELS: Final = 2_000_000_000
# Images above this size are decoded one at a time, so that memory does not grow with the number of threads.
LARGE_PIXELS: Final = 12_000_000

THUMBNAIL_SIDE: Final = 96
REDUCED_SIDE: Final = 96  # the shorter side that a reduced decoding keeps, where the image has it

_HUFFMAN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive
_PILLOW_HINTS: Final = ("ignore", None, Warning, re.compile(r"PIL\."), 0)  # as in `warnings.filters`
_one_large_image = threading.Lock()


class DecodeError(LabError):
    """Bytes that are not an image the lab reads; the message is a reason of a few words."""


@dataclass(frozen=True)
class Reduced:
    """A quick look at an image: upright RGB `pixels` of reduced size, the full upright size, and whether the
    bytes are a JPEG that any decoder turns into the same upright RGB."""

    pixels: np.ndarray
    width: int
    height: int
    plain_jpeg: bool


def decode(data: bytes) -> np.ndarray:
    """Return the image in `data` upright as RGB, uint8, shape `(H, W, 3)`.

    Raises `DecodeError` with a reason, and nothing else, whatever the bytes are.
    """
    with _failures_told(), _opened(data) as image:
        image.load()
        return np.array(upright(flattened(image), orientation(image)))


def decode_reduced(data: bytes) -> Reduced:
    """Decode all of `data`, finding what `decode` would refuse, but keep only a small version of the pixels.

    A JPEG is decoded at 1/2 to 1/8 of its size, which still reads every byte and takes a third of the time.
    """
    with _failures_told(), _opened(data) as image:
        width, height = image.size
        drafted = image.draft("RGB", _reduced_size(width, height))
        image.load()
        turn = orientation(image)
        plain = turn == 1 and _is_plain_jpeg(image, data)
        box = drafted[1] if drafted else None  # 333 pixels at 1/4 are 83.25 pixels in an image of 84
        size = _at_most(image.size, 4 * THUMBNAIL_SIDE)
        small = upright(flattened(image).resize(size, box=box, reducing_gap=2.0), turn)
        if turn >= 5:
            width, height = height, width
        return Reduced(np.array(small), width, height, plain)


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
        raise DecodeError("not a JPEG, PNG, GIF, BMP, WebP or TIFF image") from error
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
    """Open `data`, refuse what is empty or too large, and wait for other large images to be finished."""
    if not data:
        raise DecodeError("empty file")
    if len(data) > MAX_BYTES:
        raise DecodeError(f"too large: {len(data) / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read")
    with Image.open(io.BytesIO(data), formats=SAFE_FORMATS) as image:
        width, height = image.size
        _check_size(width, height)
        if _is_jpeg(image) and data.count(b"\xff\xda") * width * height > MAX_PASSES_TIMES_PIXELS:
            raise DecodeError("too many progressive passes for its size")
        if width * height > LARGE_PIXELS:
            with _one_large_image:
                yield image
        else:
            yield image


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise DecodeError("an image without pixels")
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise DecodeError(f"too large: {width} × {height} pixels, at most {limit} megapixels are read")
    if max(width, height) > MAX_SIDE:
        raise DecodeError(f"too large: {width} × {height} pixels, at most {MAX_SIDE} a side are read")


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
