"""No room on the disk and no memory: foreseen where that is cheap, and named in one sentence when it happens.

    in_smaller_batches(n, work)    what work(n) returns, or work(n // 2) and so on when memory runs out
    in_parts(batch, work, what)    [work(batch)], or [work(half), work(half)] and so on when memory runs out
    need_disk(bytes, folder, what)  raises DiskFull before the work when the disk has not got so much left
    need_memory(bytes, what)        raises MemoryShort before the work when the machine has not got so much left
    shortage(error)                 the sentence for an error that such a shortage caused, None for any other

Libraries tell of the same shortage in many ways; `shortage` knows those of Python, numpy, torch and the dynamic linker.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lab.errors import LabError
from lab.settings import home

Value = TypeVar("Value")


class Rows(Protocol):
    """What has rows: an array, a tensor, a sequence."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> Any: ...


Sliced = TypeVar("Sliced", bound=Rows)

# EFBIG is what a limit on the size of files (`ulimit -f`) answers.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What the memory errors that are not a MemoryError say: torch (on the CPU, on a GPU, on MPS), the C++ library, the
# dynamic linker and operating systems.
NO_MEMORY = (
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "std::bad_alloc",
    "failed to map segment",
    "unable to mmap",
    "can't start new thread",
)
# A run of one network on a few hundred images writes less than this; most of it are embeddings.
LEAST_DISK = 50_000_000

# What a process in a container may have and has: version 2 of control groups, then version 1.
CONTROL_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class DiskFull(LabError):
    """The disk has no room for what is to be written."""


class MemoryShort(LabError):
    """The machine has not got the memory that the work needs."""


def in_smaller_batches(batch: int, work: Callable[[int], Value], what: str) -> Value:
    """Return `work(batch)`; when memory runs out in it, what it returns for half as many at once, and so on to 1.

    `work` begins anew each time. Raises MemoryShort, naming `what` does not fit, when not even one does.
    """
    while True:
        try:
            return work(batch)
        except Exception as error:
            if not is_memory_short(error):
                raise
            if batch < 2:
                raise MemoryShort(
                    f"{what}: a pass of a single image needs more memory than there is; close other programs, or use "
                    "a smaller network"
                ) from error
        # Out of the handler, so that what the failed pass held is free again.
        batch //= 2
        logging.getLogger(__name__).warning("%s: memory ran out; going on with batches of %d", what, batch)


def in_parts(batch: Sliced, work: Callable[[Sliced], Value], what: str) -> list[Value]:
    """Return `work` of a batch (an array, a tensor, a sequence), in as few parts as memory has room for, in order.

    Only for work that treats each row by itself. Raises MemoryShort as `in_smaller_batches`.
    """

    def passed(rows: int) -> list[Value]:
        return [work(batch[begin : begin + rows]) for begin in range(0, len(batch), rows)]

    return in_smaller_batches(len(batch), passed, what)


def need_disk(size: int, folder: Path, what: str) -> None:
    """Raise DiskFull unless the disk of `folder` (which need not exist yet) has room for `size` bytes of `what`."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    if free < size:
        raise DiskFull(f"{what} needs {amount(size)} on the disk of {folder}, which has {amount(free)} left; {WAY_OUT}")


def need_memory(size: int, what: str, way_out: str) -> None:
    """Raise MemoryShort unless the machine has `size` bytes left for `what`; `way_out` says what to do then."""
    free = available_memory()
    if free < size:
        raise MemoryShort(f"{what} needs {amount(size)} of memory and {amount(free)} are left; {way_out}")


def available_memory() -> int:
    """Return the bytes that can be had without swapping, within the limits of a container."""
    import psutil

    found = [int(psutil.virtual_memory().available)]
    for limit, usage in CONTROL_GROUPS:
        try:
            found.append(int(Path(limit).read_text()) - int(Path(usage).read_text()))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return max(0, min(found))


def shortage(error: BaseException) -> LabError | None:
    """Return what an error says about disk or memory, looking at the errors that caused it too; None if nothing."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, (DiskFull, MemoryShort)):
            return current
        if isinstance(current, OSError) and current.errno in NO_ROOM:
            return disk_full(current)
        if "disk is full" in str(current):  # as SQLite says it
            return DiskFull(f"there is no room on the disk for {home()} ({current}); {WAY_OUT}")
        if is_memory_short(current):
            return MemoryShort(
                f"memory ran out ({' '.join(str(current).split())[:160] or 'no more can be had'}); close other "
                "programs, or ask with fewer images (--per-class), a smaller --batch-size or a smaller network"
            )
        current = current.__cause__ or current.__context__
    return None


def disk_full(error: OSError) -> DiskFull:
    """Return the sentence for a write that found no room."""
    where = error.filename or home()
    return DiskFull(f"there is no room on the disk for {where} ({error.strerror}); {WAY_OUT}")


def is_memory_short(error: BaseException) -> bool:
    """Return whether an error is one of the ways in which libraries say that memory ran out."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    told = str(error).lower()
    return isinstance(error, (RuntimeError, ImportError, OSError)) and any(text in told for text in NO_MEMORY)


def amount(size: float) -> str:
    """Return a number of bytes for people: "340 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}" if size < 10 * scale else f"{size / scale:.0f} {unit}"
    return f"{size:.0f} bytes"


WAY_OUT = "make room there (`feature-lab clean` empties the lab's caches), or name another folder in FEATURE_LAB_HOME"
