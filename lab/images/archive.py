"""A zip file as a tree of files, read in place: nothing is ever extracted, so its names cannot lead anywhere.

Encrypted entries, odd compression and oversized files are set aside. A zip that declares far more data than it holds
is refused whole, and no read gives more than an entry declares. The file is open only while it is read, each time
anew, so any number of threads may read at once and the zip can be moved or deleted afterwards.
"""

from __future__ import annotations

import bz2
import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from lab.errors import LabError
from lab.images.endings import HEAD_BYTES, READ_SUFFIXES, is_image_name, should_be_image, suffix, unread_format
from lab.images.folder import file_version
from lab.images.layout import MAX_DEPTH, TOO_DEEP, Entry, Parts, Tree, Unreadable, is_junk
from lab.images.limits import MAX_BYTES
from lab.images.table_file import is_metadata_name

# Zips of photographs hardly shrink; 256 MB from under 3 MB is no picture collection.
MAX_RATIO: Final = 100
RATIO_MATTERS_ABOVE: Final = 256 * 1024**2
MAX_FILES: Final = 200_000  # its directory is read at once
MAX_TOTAL_BYTES: Final = 64 * 1024**3
# LZMA is left out: its header may ask for gigabytes of memory.
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
_ENCRYPTED: Final = 0x1
_UTF8: Final = 0x800
MAX_DIRECTORY_BYTES: Final = 128 * 1024**2  # of 200,000 entries with names of 600 bytes each
_END_BYTES: Final = 65_535 + 22 + 20 + 56  # a comment of any length and the records that end a zip
_BZIP2_BLOCK: Final = 900_000
_HEAD_PACKED: Final = {zipfile.ZIP_STORED: HEAD_BYTES, zipfile.ZIP_BZIP2: 2 * _BZIP2_BLOCK}  # bytes that hold the head
_DAMAGED: Final = (OSError, ValueError, EOFError, struct.error, zlib.error)


def read_zip(path: Path) -> Tree:
    """Return the files and folders in the zip at `path`, less junk.

    Raises LabError when it is not a zip, is damaged, is locked with a password or looks like a zip bomb.
    """
    named = [(info, _parts(info)) for info in _directory(path)]
    named = [(info, parts) for info, parts in named if not any(is_junk(part) for part in parts)]
    _check(path, [info for info, _ in named])
    version = file_version(str(path.resolve()), path.stat())
    entries: list[Entry] = []
    aside: list[Entry] = []
    others: list[Parts] = []
    tables: list[Entry] = []
    folders: set[Parts] = set()
    with open(path, "rb") as file:
        for number, (info, parts) in enumerate(named, 1):
            problem = _problem(info)
            if not parts or len(parts) > MAX_DEPTH + 1:
                shown = parts[-1:] or (f"entry {number} without a name",)
                reason = TOO_DEEP if parts else "has no name in the zip"
                aside.append(Entry(shown, _Reader(str(path), info), "", reason))
                continue
            if _is_folder(info):
                folders.add(parts)
                continue
            head = b"" if problem or suffix(parts[-1]) in READ_SUFFIXES else _head(file, info)
            if should_be_image(parts[-1], head):
                own = f"{version}\0{info.header_offset}\0{info.CRC}\0{info.file_size}" if version else ""
                reason = problem or unread_format(parts[-1], head)
                entries.append(Entry(parts, _Reader(str(path), info), own, reason))
            elif is_metadata_name(parts[-1]) and not problem:
                tables.append(Entry(parts, _Reader(str(path), info)))
            else:
                others.append(parts)
    return Tree(str(path), tuple(entries), frozenset(folders), tuple(others), tuple(aside), tuple(tables))


def _directory(path: Path) -> list[zipfile.ZipInfo]:
    try:
        check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            return archive.infolist()
    except LabError:
        raise
    except OSError as error:
        raise LabError(f"{path} cannot be read ({error.strerror or error})") from error
    except Exception as error:  # damaged directories raise BadZipFile, struct.error, ValueError and others
        remedy = "make it anew from a folder with one subfolder per class"
        raise LabError(f"{path} is not a readable zip file; {remedy}") from error


def check_directory_size(path: Path) -> None:
    """Refuse a zip whose directory alone would take minutes to list, before it is listed (APPNOTE 4.3.14, 4.3.16)."""
    with open(path, "rb") as file:
        file.seek(0, io.SEEK_END)
        file.seek(max(0, file.tell() - _END_BYTES))
        tail = file.read(_END_BYTES)
    end = tail.rfind(b"PK\x05\x06")
    size = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    far = tail.rfind(b"PK\x06\x06", 0, max(end, 0))
    if size == 0xFFFFFFFF and far >= 0:
        size = int.from_bytes(tail[far + 40 : far + 48], "little")
    if size > MAX_DIRECTORY_BYTES:
        raise LabError(f"{path} holds more than {MAX_FILES:,} files, or names that are too long; zip fewer images")


def _parts(info: zipfile.ZipInfo) -> Parts:
    """Return an entry's path, also when written with backslashes, without what would lead elsewhere."""
    return tuple(part for part in _name(info).replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _name(info: zipfile.ZipInfo) -> str:
    """Return an entry's name: macOS writes UTF-8 without the flag for it, and zipfile reads that as code page 437."""
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(("/", "\\"))


def _check(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_FILES:
        raise LabError(f"{path} holds more than {MAX_FILES:,} files; zip fewer images")
    images = [info for info in infos if not _is_folder(info) and is_image_name(_name(info))]
    if images and all(info.flag_bits & _ENCRYPTED for info in images):
        raise LabError(f"{path} is locked with a password; zip the images without one")
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise LabError(f"{path} has entries that lie on top of each other, which no zip program writes; make it anew")
    total = sum(_unpacked(info) for info in infos)
    swollen = total > RATIO_MATTERS_ABOVE and total > MAX_RATIO * path.stat().st_size
    if swollen or total > MAX_TOTAL_BYTES:
        raise LabError(f"{path} would unpack to {total / 1e9:.1f} GB, which is too much for its size; zip fewer images")


def _unpacked(info: zipfile.ZipInfo) -> int:
    """Return the bytes that unpacking an entry goes through: bzip2 unpacks whole blocks whatever size is declared."""
    return max(info.file_size, _BZIP2_BLOCK if info.compress_type == zipfile.ZIP_BZIP2 else 0)


def _head(file: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    """Return the first bytes of an entry, none when it is damaged."""
    try:
        packed = _packed(file, info, min(info.compress_size, _HEAD_PACKED.get(info.compress_type, 1024)))
        return _inflated(packed, info, HEAD_BYTES)[:HEAD_BYTES]
    except _DAMAGED:
        return b""


def _problem(info: zipfile.ZipInfo) -> str:
    """Return why an entry must not be read, or ""."""
    if info.flag_bits & _ENCRYPTED:
        return "locked with a password"
    if info.compress_type not in _METHODS:
        return "compressed in a way that is not read"
    if not info.file_size:
        return "empty file"
    if max(info.file_size, info.compress_size) > MAX_BYTES:
        return f"too large: {info.file_size / 1e6:.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB are read"
    return ""


@dataclass(frozen=True)
class _Reader:
    path: str
    info: zipfile.ZipInfo

    def __call__(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                packed = _packed(file, self.info, self.info.compress_size)
            content = _inflated(packed, self.info, self.info.file_size + 1)
        except FileNotFoundError as error:
            raise Unreadable("gone with its zip file") from error
        except _DAMAGED as error:
            raise Unreadable("damaged in the zip file") from error
        if len(content) != self.info.file_size or zlib.crc32(content) != self.info.CRC:
            raise Unreadable("damaged in the zip file")
        return content


def _packed(file: IO[bytes], info: zipfile.ZipInfo, size: int) -> bytes:
    """Return the first `size` bytes of an entry, which lie behind a header of their own (APPNOTE 4.3.7)."""
    file.seek(info.header_offset)
    signature, name_size, extra_size = struct.unpack("<4s22xHH", file.read(30))
    if signature != b"PK\x03\x04":
        raise ValueError("no entry here")
    file.seek(name_size + extra_size, io.SEEK_CUR)
    return file.read(size)


def _inflated(packed: bytes, info: zipfile.ZipInfo, most: int) -> bytes:
    """Unpack at most `most` bytes."""
    if info.compress_type == zipfile.ZIP_DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, most)
    if info.compress_type == zipfile.ZIP_BZIP2:
        return bz2.BZ2Decompressor().decompress(packed, most)
    return packed
