"""A zip file as a tree of files, read in place: nothing is ever extracted, so its names cannot lead anywhere.

Encrypted entries, odd compression and oversized files are set aside. A zip that declares far more data than it holds
is refused whole, and no read gives more than an entry declares. The file is open only while it is read, each time
anew, so any number of threads may read at once and the zip can be moved or deleted afterwards.
"""

from __future__ import annotations

import bz2
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.images.decode import MAX_BYTES
from lab.images.folder import file_version
from lab.images.layout import MAX_FILES, Entry, Parts, Tree, Unreadable, is_image_name, is_junk

# Zips of photographs hardly shrink; 256 MB from under 3 MB is no picture collection.
MAX_RATIO: Final = 100
RATIO_MATTERS_ABOVE: Final = 256 * 1024**2
MAX_TOTAL_BYTES: Final = 64 * 1024**3
# LZMA is left out: its header may ask for gigabytes of memory.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_ENCRYPTED: Final = 0x1


def read_zip(path: Path) -> Tree:
    """Return the files and folders in the zip at `path`, less junk.

    Raises LabError when it is not a zip, is damaged, is locked with a password or looks like a zip bomb.
    """
    infos = [info for info in _directory(path) if not any(is_junk(part) for part in _parts(info.filename))]
    images = [info for info in infos if not info.is_dir() and is_image_name(info.filename)]
    _check(path, infos, images)
    status = path.stat()
    version = file_version(str(path.resolve()), status)
    entries: list[Entry] = []
    folders: set[Parts] = set()
    for info in infos:
        parts = _parts(info.filename)
        folders.update(parts[:depth] for depth in range(1, len(parts) + info.is_dir()))
        if parts and not info.is_dir() and is_image_name(parts[-1]):
            own = f"{version}\0{info.header_offset}\0{info.CRC}\0{info.file_size}" if version else ""
            entries.append(Entry(parts, _Reader(str(path), info), own, _problem(info)))
    return Tree(str(path), tuple(entries), frozenset(folders))


def _directory(path: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror or error})") from error
    except Exception as error:  # damaged directories raise BadZipFile, struct.error, ValueError and others
        remedy = "make it anew from a folder with one subfolder per class"
        raise LabError(f"{path} is not a readable zip file; {remedy}") from error


def _parts(name: str) -> Parts:
    """Return an entry's path, also when written with backslashes, without what would lead elsewhere."""
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _check(path: Path, infos: list[zipfile.ZipInfo], images: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise LabError(f"{path} holds more than {MAX_FILES:,} files; zip fewer images")
    if images and all(info.flag_bits & _ENCRYPTED for info in images):
        raise LabError(f"{path} is locked with a password; zip the images without one")
    total = sum(info.file_size for info in images)
    swollen = total > RATIO_MATTERS_ABOVE and total > MAX_RATIO * path.stat().st_size
    if swollen or total > MAX_TOTAL_BYTES:
        raise LabError(f"{path} would unpack to {total / 1e9:.1f} GB, which is too much for its size; zip fewer images")


def _problem(info: zipfile.ZipInfo) -> str:
    """Return why an entry must not be read, or ""."""
    if info.flag_bits & _ENCRYPTED:
        return "locked with a password"
    if info.compress_type not in _METHODS:
        return "compressed in a way that is not read"
    if max(info.file_size, info.compress_size) > MAX_BYTES:
        return f"too large: {info.file_size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
    return ""


@dataclass(frozen=True)
class _Reader:
    path: str
    info: zipfile.ZipInfo

    def __call__(self) -> bytes:
        try:
            content = _inflated(self._packed(), self.info)
        except FileNotFoundError as error:
            raise Unreadable("gone with its zip file") from error
        except (OSError, ValueError, EOFError, struct.error, zlib.error) as error:
            raise Unreadable("damaged in the zip file") from error
        if len(content) != self.info.file_size or zlib.crc32(content) != self.info.CRC:
            raise Unreadable("damaged in the zip file")
        return content

    def _packed(self) -> bytes:
        """Return the entry's bytes as they lie in the zip, behind a header of their own (APPNOTE 4.3.7)."""
        with open(self.path, "rb") as file:
            file.seek(self.info.header_offset)
            signature, name_size, extra_size = struct.unpack("<4s22xHH", file.read(30))
            if signature != b"PK\x03\x04":
                raise ValueError("no entry here")
            file.seek(name_size + extra_size, 1)
            return file.read(self.info.compress_size)


def _inflated(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """Unpack at most one byte more than the entry declares."""
    most = info.file_size + 1
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
    if info.compress_type == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, most)
    return packed
