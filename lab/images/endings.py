"""What a file is by its name and by its first bytes: an image that is read, one that is not, or something else.

A name alone decides nothing that the first bytes can decide: photographs are called `a.ppm`, `no_ending` or
`photo.jpg?w=300`, and a telephone's `.HEIC` may hold a JPEG.
"""

from __future__ import annotations

import re
from typing import Final

# fmt: off
READ_SUFFIXES: Final = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff",
    ".pbm", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", ".avif",
})
# Cameras' raw files begin like a TIFF, and what a TIFF reader finds in them is a preview or bare sensor values.
RAW_SUFFIXES: Final = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
OTHER_SUFFIXES: Final = RAW_SUFFIXES | {
    ".heic", ".heif", ".jxl", ".svg", ".psd", ".ico", ".exr", ".hdr", ".tga", ".pcx", ".sgi", ".dds", ".dcm",
}
# fmt: on
HEAD_BYTES: Final = 32  # of a file's beginning, enough for every signature below
_SIGNATURES: Final = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51\0",
)
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NETPBM: Final = tuple(b"P%d%c" % (kind, space) for kind in range(1, 7) for space in b" \t\r\n#")
_BITMAP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of the header behind the file header


def suffix(name: str) -> str:
    """Return a file name's ending in small letters, with its dot."""
    dot = name.rfind(".")
    return name[dot:].casefold() if dot > 0 else ""


def is_image_name(name: str) -> bool:
    """Tell whether a file of this name should be an image, readable here or not."""
    return suffix(name) in READ_SUFFIXES | OTHER_SUFFIXES


def is_image_head(head: bytes) -> bool:
    """Tell whether a file that begins with these bytes (`HEAD_BYTES` of them) is in a format that is read."""
    return head.startswith((*_SIGNATURES, *_TIFF, *_NETPBM)) or _is_boxed(head) or _is_bitmap(head)


def should_be_image(name: str, head: bytes) -> bool:
    """Tell whether a file should be an image, by its name or by its first bytes."""
    return is_image_name(name) or is_image_head(head)


def unread_format(name: str, head: bytes) -> str:
    """Return why a file of this name is not read, "" when it is: a readable image under a wrong name is."""
    ending = suffix(name)
    if ending not in OTHER_SUFFIXES or (is_image_head(head) and not _is_raw(ending, head)):
        return ""
    return f"{ending[1:].upper()} files are not read; convert it to JPEG or PNG"


def _is_raw(ending: str, head: bytes) -> bool:
    return ending in RAW_SUFFIXES and head.startswith(_TIFF)


def printable(name: str) -> str:
    """Return a file name as text that can be stored: bytes that are not UTF-8 appear as \\udcXX."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", name)


def _is_boxed(head: bytes) -> bool:
    """Tell whether these are the first bytes of a WebP (a RIFF file) or of an AVIF (an ISO base media file)."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))


def _is_bitmap(head: bytes) -> bool:
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
