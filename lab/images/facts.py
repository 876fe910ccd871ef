"""What is known about an image file, kept on disk by content so that it is found out once.

One SQLite file under `cache/images`, named by the versions of decoder, signature and Pillow, is shared by all
processes: every write is one transaction. It can be deleted at any time; when it is busy, damaged or on a read-only
disk the facts are simply found out again. A second table remembers the digest of files that have not changed since
(path, size and times), so that opening a large folder again does not read it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import PIL

from lab.images.decode import DECODER_VERSION, DecodeError, decode, decode_reduced, thumbnail
from lab.images.image_signature import SIGNATURE_VERSION, ImageSignature, StoredLook, signature_of
from lab.images.modes import ValueRange
from lab.settings import cache_dir

T = TypeVar("T")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (digest TEXT PRIMARY KEY, reason TEXT NOT NULL, width INTEGER NOT NULL,
    height INTEGER NOT NULL, plain_jpeg INTEGER NOT NULL, look BLOB NOT NULL, low REAL, high REAL, floats INTEGER)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thumbnails (digest TEXT PRIMARY KEY, jpeg BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (version TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
"""
_WAIT_SECONDS: Final = 10.0
_AT_ONCE: Final = 500  # values in one query; SQLite allows 999 everywhere


@dataclass(frozen=True)
class ImageFacts:
    """An image file's facts: `reason` says why it cannot be used ("" when it can); sizes in pixels, upright;
    `values` is the range of values of more than 8 bits."""

    reason: str
    width: int = 0
    height: int = 0
    plain_jpeg: bool = False
    look: ImageSignature | StoredLook | None = None
    values: ValueRange | None = None


def examine(data: bytes) -> tuple[ImageFacts, bytes]:
    """Return the facts of an encoded image and its thumbnail as JPEG bytes (b"" when it is unusable).

    Every byte is decoded, so what passes here can be decoded later. Raises MemoryError: that is not a fact.
    """
    try:
        seen = decode_reduced(data)
        look = signature_of(seen.pixels, lambda: decode(data))
    except DecodeError as error:
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from None
        return ImageFacts(str(error)), b""
    facts = ImageFacts("", seen.width, seen.height, seen.plain_jpeg, look, seen.values)
    return facts, thumbnail(seen.pixels)


def _packed(facts: ImageFacts) -> tuple[Any, ...]:
    """Return a row of the table of facts, without its digest."""
    look, values = facts.look.packed() if isinstance(facts.look, ImageSignature) else b"", facts.values
    ends = (values.low, values.high, values.floats) if values else (None, None, None)
    return facts.reason, facts.width, facts.height, facts.plain_jpeg, look, *ends


def _unpacked(*row: Any) -> ImageFacts:
    reason, width, height, plain, look, low, high, floats = row
    values = ValueRange(low, high, bool(floats)) if low is not None else None
    return ImageFacts(reason, width, height, bool(plain), ImageSignature.unpacked(look) if look else None, values)


class FactsCache:
    """The facts, thumbnails and digests on disk. Safe to use from several threads and processes."""

    def __init__(self) -> None:
        version = f"{DECODER_VERSION}.{SIGNATURE_VERSION}"
        self._path = cache_dir("images") / f"facts-{version}-pillow-{PIL.__version__}.sqlite"

    def facts(self, digests: Iterable[str]) -> dict[str, ImageFacts]:
        """Return what is known, by digest."""
        columns = "digest, reason, width, height, plain_jpeg, look, low, high, floats"
        query = f"SELECT {columns} FROM facts WHERE digest IN ({{}})"
        return {digest: _unpacked(*row) for digest, *row in self._select(query, digests)}

    def digests(self, versions: Iterable[str]) -> dict[str, str]:
        """Return the digests of files that were seen in exactly these versions, by version."""
        return dict(self._select("SELECT version, digest FROM versions WHERE version IN ({})", versions))

    def thumbnail(self, digest: str) -> bytes | None:
        """Return the thumbnail of the image with this digest as JPEG bytes, or None when none is kept."""
        rows = self._select("SELECT digest, jpeg FROM thumbnails WHERE digest IN ({})", [digest])
        return rows[0][1] if rows else None

    def keep(self, found: dict[str, tuple[ImageFacts, bytes]]) -> None:
        """Keep facts and thumbnails by digest, all or none."""
        facts = [(digest, *_packed(f)) for digest, (f, _) in found.items()]
        thumbnails = [(digest, jpeg) for digest, (_, jpeg) in found.items() if jpeg]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", facts)
                connection.executemany("INSERT OR REPLACE INTO thumbnails VALUES (?, ?)", thumbnails)

        self._connected(write, None)

    def keep_digests(self, digests: dict[str, str]) -> None:
        """Keep digests by version of a file."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO versions VALUES (?, ?)", list(digests.items()))

        self._connected(write, None)

    def _select(self, query: str, values: Iterable[str]) -> list[Any]:
        wanted = list(dict.fromkeys(values))

        def read(connection: sqlite3.Connection) -> list[Any]:
            rows: list[Any] = []
            for start in range(0, len(wanted), _AT_ONCE):
                part = wanted[start : start + _AT_ONCE]
                rows += connection.execute(query.format(", ".join("?" * len(part))), part).fetchall()
            return rows

        return self._connected(read, [])

    def _connected(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Do `work` on the cache; a cache that cannot be used gives nothing and keeps nothing."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as connection:
                connection.executescript(_TABLES)
                return work(connection)
        except sqlite3.OperationalError:
            return otherwise  # busy for long, or on a full or read-only disk
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)  # no database any more: start afresh next time
            return otherwise
