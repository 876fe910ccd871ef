"""How much the home folder holds, its limit, and making room in it.

The limit is `FEATURE_LAB_HOME_LIMIT` ("20GB", the default). A run that begins above it first drops the oldest files of
those caches that are computed again when they are needed; runs, trained networks, uploads and downloaded image sets
are never removed unasked.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.files import sweep
from lab.runs import trash
from lab.runs.store import list_runs
from lab.settings import home
from lab.shortages import DiskFull, amount

DEFAULT_LIMIT = "20GB"
SCALES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
PARTS = ("runs", "trash", "cache", "trained", "uploads")
LOOK_SECONDS = 60.0
COMPUTED_CACHES = ("embeddings", "exemplars", "pixels", "projections", "thumbnails")


@dataclass(frozen=True)
class HomeSize:
    """Bytes in the home folder, by part of it, and the limit."""

    parts: dict[str, int]
    limit: int

    @property
    def total(self) -> int:
        """Bytes of all parts together."""
        return sum(self.parts.values())

    def __str__(self) -> str:
        held = ", ".join(f"{name} {amount(size)}" for name, size in self.parts.items() if size)
        return f"{amount(self.total)} of {amount(self.limit)}" + (f" ({held})" if held else "")


@dataclass(frozen=True)
class Look:
    """When a process looked through the home folder, the limit and the disk's free bytes then, what was left to it."""

    at: float
    limit: int
    free: int
    left: int


_looked: dict[Path, Look] = {}


def home_size() -> HomeSize:
    """Return what the home folder holds; links are not followed."""
    parts = {name: sum(size for _, size, _ in _files(home() / name)) for name in PARTS}
    return HomeSize(parts, home_limit())


def home_limit() -> int:
    """Return the limit of the home folder in bytes; raises LabError for one that is no amount."""
    given = os.environ.get("FEATURE_LAB_HOME_LIMIT") or DEFAULT_LIMIT
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?)B?", given.strip())
    if match is None:
        raise LabError(f"FEATURE_LAB_HOME_LIMIT is {given!r}; it must be an amount such as 500MB or 20GB")
    return int(float(match[1]) * SCALES[match[2]])


def make_room() -> None:
    """Trim the caches when the home folder is above its limit; raises DiskFull when that is not enough.

    A process looks through the folder again after a minute, or once the disk has lost what was left to the limit: units
    of a sweep follow each other in a process, and what they leave makes each look longer.
    """
    place, limit, now = home(), home_limit(), time.monotonic()
    looked = _looked.get(place)
    if looked and looked.limit == limit and now - looked.at < LOOK_SECONDS and looked.free - _free(place) < looked.left:
        return
    free, size = _free(place), home_size()
    _looked[place] = Look(now, limit, free, size.limit - size.total)
    if size.total <= size.limit:
        return
    freed = trim_caches(size.total - size.limit)
    if size.total - freed > size.limit:
        raise DiskFull(
            f"the home folder {home()} holds {amount(size.total - freed)}, above its limit of {amount(size.limit)}; "
            "delete runs, empty the trash (`feature-lab clean --trash`), or raise FEATURE_LAB_HOME_LIMIT"
        )


def _free(place: Path) -> int:
    place.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(place).free


def trim_caches(size: int) -> int:
    """Remove the oldest files of computed caches until `size` bytes are free; return how many were freed."""
    found = [file for kind in COMPUTED_CACHES for file in _files(home() / "cache" / kind)]
    freed = 0
    for path, held, _ in sorted(found, key=lambda file: file[2]):
        if freed >= size:
            break
        with suppress(OSError):
            path.unlink()
            freed += held
    return freed


def clean(*, caches: bool = False, deleted: bool = False) -> int:
    """Remove what killed writers left, what has been in the trash for long enough, and caches above the limit.

    `caches` removes all of them, downloaded image sets included, and `deleted` all that is in the trash. Returns the
    bytes that were freed. Raises LabError for `caches` while a run is being computed.
    """
    before = home_size()
    if caches:
        busy = next((run for run in list_runs() if run.under_way), None)
        if busy is not None:
            raise LabError(f"run {busy.id} is being computed and needs the caches; wait for it or cancel it")
        shutil.rmtree(home() / "cache", ignore_errors=True)
    for part in PARTS:
        if part != "trash" and (home() / part).is_dir():
            sweep(home() / part, deep=True)
    trash.empty(older_than=0 if deleted else trash.KEEP_DAYS)
    size = home_size()
    if size.total > size.limit:
        trim_caches(size.total - size.limit)
    return before.total - home_size().total


def _files(folder: Path) -> Iterator[tuple[Path, int, float]]:
    """Yield the files of a folder and those below it with their sizes and times."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):  # deleted by somebody else since it was listed
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                status = entry.stat(follow_symlinks=False)
                yield Path(entry.path), status.st_size, status.st_mtime
