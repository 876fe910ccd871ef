"""What decoding an image will take, foreseen from its header: refused before anything large is read or reserved.

size      64 megapixels, 65,535 pixels a side, 256 MB a file
memory    1 GB with the file, the decoded image and the RGB made of it; and what is available now
work      passes of a progressive JPEG; pieces (chunks, segments, strips) that a file is made of
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final

from PIL import Image

from lab.errors import LabError
from lab.shortages import available_memory

MAX_BYTES: Final = 256 * 1024**2
MAX_PIXELS: Final = 64_000_000
MAX_SIDE: Final = 65_535
MAX_MEMORY: Final = 1_000_000_000
# A small progressive JPEG can ask for thousands of passes over a large image; real ones make about ten.
MAX_PASSES_TIMES_PIXELS: Final = 2_000_000_000
# Reads that a decoder makes of a file: 256 MB of PNG in pieces of 8 kB take about 100,000.
MAX_READS: Final = 400_000
MAX_TAGS: Final = 4096  # of a TIFF; its standard names about 100
MAX_TAG_VALUES: Final = 1_000_000  # in one tag of a TIFF, such as the places of its strips
# Small images are decoded by several threads at once and need no look at the memory that is left.
MEMORY_MATTERS_ABOVE: Final = 64_000_000

_MODE_BYTES: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}  # Pillow's own; others 4
_TEXT_TYPES: Final = frozenset({1, 2, 6, 7})  # bytes, text, signed bytes, undefined: profiles and notes
_TILE_WIDTH, _TILE_LENGTH, _ROWS_PER_STRIP, _SAMPLES, _BITS = 322, 323, 278, 277, 258
_SIZE_TAGS: Final = frozenset({256, 257, _TILE_WIDTH, _TILE_LENGTH, _ROWS_PER_STRIP, _SAMPLES, _BITS})


class DecodeError(LabError):
    """Bytes that are not an image the lab reads; the message is a reason of a few words."""


class CountedBytes(io.BytesIO):
    """A file in memory that ends the reading of one that is made of millions of pieces."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like any file; raises DecodeError at the `MAX_READS`-th read."""
        self.reads += 1
        if self.reads > MAX_READS:
            raise DecodeError("made of too many pieces for an image")
        return super().read(size)


def check_file(data: bytes) -> None:
    """Refuse bytes that are too many, or a TIFF with endless lists of strips, before they are opened."""
    if not data:
        raise DecodeError("empty file")
    if len(data) > MAX_BYTES:
        raise DecodeError(f"too large: {len(data) / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_tiff(data)


def check_image(image: Image.Image, data: bytes, *, copies: int = 1) -> None:
    """Refuse an opened image whose size, passes or memory are too much; `copies` of it are decoded.

    What this machine lacks only now is a `DecodeError` with a `MemoryError` as its cause.
    """
    width, height = image.size
    _check_size(width, height)
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and data.count(b"\xff\xda") * width * height > MAX_PASSES_TIMES_PIXELS:
        raise DecodeError("too many progressive passes for its size")
    if image.format == "JPEG2000" and data.find(b"\xff\xd9", data.find(b"\xff\x4f\xff\x51")) < 0:
        raise DecodeError("truncated image file")  # its decoder fills what is not there with gray
    needed = memory_needed(image, len(data), copies=copies)
    if needed > MAX_MEMORY:
        raise DecodeError(f"would take {needed / 1e9:.2f} GB of memory to decode, at most {MAX_MEMORY / 1e9:.0f} GB")
    if needed > MEMORY_MATTERS_ABOVE:
        _check_available(needed)


def memory_needed(image: Image.Image, size: int, *, copies: int = 1) -> int:
    """Return about how many bytes decoding takes: a file of `size` bytes, the decoded image, RGB, the codec's own."""
    pixels = image.width * image.height
    return size + copies * pixels * _MODE_BYTES.get(image.mode, 4) + pixels * 3 + _codec_bytes(image, pixels)


def _codec_bytes(image: Image.Image, pixels: int) -> int:
    if image.format in ("JPEG", "MPO"):
        return pixels * 2 * len(image.getbands()) if "progressive" in image.info else 0
    if image.format == "TIFF":
        return _tiff_piece(getattr(image, "tag_v2", {}), *image.size)
    return {"WEBP": 9, "JPEG2000": 4 * len(image.getbands()), "AVIF": 6}.get(image.format or "", 0) * pixels


def _tiff_piece(tags: Any, width: int, height: int) -> int:
    """Return the bytes of one tile or strip of a TIFF, which is unpacked whole however little of it is in the image."""

    def number(tag: int, default: int) -> int:
        value = tags.get(tag, default)
        value = max(value, default=default) if isinstance(value, tuple) else value
        return int(value) if isinstance(value, (int, float)) and value > 0 else default

    across, down = number(_TILE_WIDTH, 0), number(_TILE_LENGTH, 0)
    if not (across and down):
        across, down = width, min(number(_ROWS_PER_STRIP, height), height)
    return across * down * number(_SAMPLES, 1) * max(1, number(_BITS, 8) // 8)


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise DecodeError("an image without pixels")
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise DecodeError(f"too large: {width} × {height} pixels, at most {limit} megapixels are read")
    if max(width, height) > MAX_SIDE:
        raise DecodeError(f"too large: {width} × {height} pixels, at most {MAX_SIDE} a side are read")


def _check_available(needed: int) -> None:
    available = available_memory()
    if needed > available:
        shown = f"takes {needed / 1e9:.1f} GB of memory to decode and {available / 1e9:.1f} GB are available"
        raise DecodeError(shown) from MemoryError(shown)


def _check_tiff(data: bytes) -> None:
    """Refuse a first directory that lists more values than any image has strips, or a size twice (TIFF 6.0, BigTIFF).

    Of a tag that is there twice, Pillow and libtiff may take different ones.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    start, count_format, row = (8, "Q", "HHQ8x") if big else (4, "H", "HHI4x")
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, start)
        (count,) = struct.unpack_from(order + count_format, data, place)
    except struct.error:
        return  # too short: what opens it says so
    place, size = place + struct.calcsize(order + count_format), struct.calcsize(order + row)
    there = min(count, MAX_TAGS, max(0, len(data) - place) // size)
    rows = list(struct.iter_unpack(order + row, data[place : place + there * size]))
    sizes = [tag for tag, _, _ in rows if tag in _SIZE_TAGS]
    if len(sizes) != len(set(sizes)):
        raise DecodeError("damaged image data")
    if count > MAX_TAGS or any(values > MAX_TAG_VALUES and kind not in _TEXT_TYPES for _, kind, values in rows):
        raise DecodeError("made of too many pieces for an image")
