"""The files that shards are, on this computer or at any address that fsspec reads (`s3://bucket/pets.tar`,
`memory://pets.tar`, `simplecache::https://host/pets.parquet`), opened alike.

A file at an address is read block by block, and few blocks are kept; two files at most stay open, so that whoever reads
images in their order opens each shard once.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Final

from lab.errors import LabError
from lab.images.folder import file_version
from lab.images.layout import Entry, Unreadable, is_junk
from lab.roots import permitted, roots

BLOCK_BYTES: Final = 8 * 1024**2  # read at once from an address: a request takes about as long as so many bytes
MOST_BLOCKS: Final = 4  # of one file in memory
MOST_OPEN: Final = 2
_ADDRESS: Final = re.compile(r"[A-Za-z][\w+.-]*(::[A-Za-z][\w+.-]*)*://")


@dataclass(frozen=True)
class Shard:
    """A file of many images: where it is, what to call it in its set, a text that changes when it does ("" where that
    cannot be told)."""

    address: str
    name: str
    version: str

    @property
    def stamp(self) -> str:
        """A text that changes when the file does; of a file on this computer, also right after it was written."""
        if is_address(self.address):
            return self.version
        status = os.stat(permitted(self.address))
        return f"{status.st_size}:{status.st_mtime_ns}"

    def own_version(self, place: object) -> str:
        """Return the version of what lies at a place in it."""
        return self.version and f"{self.version}\0{place}"


@dataclass(frozen=True)
class Sample:
    """An image of a shard, what else the shard tells of it, and its name in the set."""

    id: str
    image: Entry
    told: Mapping[str, str]


def is_address(name: str) -> bool:
    """Tell whether a name is an address, with a protocol, rather than a path.

    >>> is_address("s3://bucket/a.tar"), is_address("simplecache::s3://b/a.tar"), is_address("memory:x#1")
    (True, True, False)
    """
    return _ADDRESS.match(name) is not None


def files_in(folder: str) -> list[str]:
    """Return the files of a folder or address, or those that `*` stands for, in order, less junk.

    Raises LabError where it cannot be listed.
    """
    if not is_address(folder):
        place = os.fspath(permitted(folder))
        found = glob.glob(place) if "*" in folder else [item.path for item in os.scandir(place)]
        return sorted(path for path in found if not is_junk(os.path.basename(path)))
    system, place = _system(folder)
    try:
        found = system.glob(place) if "*" in place else system.ls(place, detail=False)
    except Exception as error:  # every protocol has its own
        raise LabError(f"{folder} cannot be listed ({_why(error)}); check the address") from error
    return sorted(system.unstrip_protocol(path) for path in found if not is_junk(os.path.basename(path.rstrip("/"))))


def is_there(address: str) -> bool:
    """Tell whether a file is there; raises LabError for an address whose protocol cannot be read."""
    if not is_address(address):
        return permitted(address).is_file()
    system, place = _system(address)
    try:
        return bool(system.isfile(place))
    except Exception as error:
        raise LabError(f"{address} cannot be reached ({_why(error)}); check the address") from error


def version_of(address: str) -> str:
    """Return a text that changes when the file does, "" where that cannot be told."""
    if not is_address(address):
        path = permitted(address)
        return file_version(os.fspath(path), path.stat()) if path.is_file() else ""
    system, place = _system(address)
    with suppress(Exception):  # what is wrong with it shows when it is read
        return hashlib.sha256(repr(sorted(system.info(place).items(), key=str)).encode()).hexdigest()
    return ""


@contextmanager
def shard_file(shard: Shard) -> Iterator[IO[bytes]]:
    """Yield the shard's file, to be read from and sought in by nobody else meanwhile.

    Raises Unreadable, in a few words, for whatever goes wrong with it.
    """
    try:
        if not is_address(shard.address):
            with open(shard.address, "rb") as file:
                yield file
            return
        with _OPEN.lock:
            yield _OPEN.file(shard)
    except (Unreadable, LabError):
        raise
    except OSError as error:
        raise Unreadable(f"cannot be read ({_why(error)})") from error


class _OpenFiles:
    """The files at addresses that were read last."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._files: OrderedDict[tuple[str, str], IO[bytes]] = OrderedDict()

    def file(self, shard: Shard) -> IO[bytes]:
        """Return an open file; the caller has the lock."""
        key = (shard.address, shard.version)
        if key in self._files:
            self._files.move_to_end(key)
            return self._files[key]
        while len(self._files) >= MOST_OPEN:
            _, former = self._files.popitem(last=False)
            with suppress(Exception):
                former.close()
        system, place = _system(shard.address)
        options = {"cache_type": "blockcache", "cache_options": {"maxblocks": MOST_BLOCKS}}
        try:
            self._files[key] = system.open(place, "rb", block_size=BLOCK_BYTES, **options)
        except Exception as error:
            raise Unreadable(f"cannot be opened ({_why(error)})") from error
        return self._files[key]


_OPEN: Final = _OpenFiles()


def read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    """Return `size` bytes of a file, fewer at its end; raises Unreadable."""
    try:
        file.seek(offset)
        return file.read(size)
    except Exception as error:  # every protocol has its own
        raise Unreadable(f"cannot be read ({_why(error)})") from error


def _system(address: str) -> tuple[Any, str]:
    """Return what reads an address and the place there; raises LabError for a protocol that is not known or lacks its
    package, and where only some folders of this computer may be read."""
    if roots() is not None:
        raise LabError(f"{address} cannot be read from this dashboard, which reads files of its own computer only")
    from fsspec.core import url_to_fs

    protocol = address.partition(":")[0]
    try:
        system, place = url_to_fs(address)
    except ImportError as error:
        raise LabError(f"{address} needs a package that is not installed: {_why(error)}") from error
    except Exception as error:
        raise LabError(f"{address}: {protocol}:// cannot be opened ({_why(error)}); check the address") from error
    return system, place


def _why(error: BaseException) -> str:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(told).split())[:160].rstrip(".")
