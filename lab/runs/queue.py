"""Runs take turns: as many at once as there are places (`lab.settings.workers`), first come, first served.

    places/0.lock, 1.lock …      held by the process that computes; a killed process holds nothing
    places/0.json                which run it computes, for those that wait to be told
    places/waiting/TIME-PID.json tickets in the order of their coming; those of processes that have ended do not count

A run that waits says in its progress how many are before it and which. What it leaves out: turns by person.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.files import read_json, write_json
from lab.progress import Progress
from lab.runs.processes import process_lives, process_started
from lab.runs.progress_file import QUEUED_STAGE
from lab.settings import home, workers

POLL_SECONDS = 0.2
NAMED = 2  # of those before a run, so many are named


@contextlib.contextmanager
def waiting_turn(progress: Progress, name: str) -> Iterator[None]:
    """Hold one of the places for computing runs, waiting for it in turn; `name` is what others see meanwhile."""
    folder = home() / "places"
    ticket = folder / "waiting" / f"{time.monotonic_ns():020d}-{os.getpid()}.json"
    _write(ticket, name)
    try:
        place = _taken(folder, ticket, name)
        while place is None:
            progress(_told(folder, ticket), 0, 1, "runs")
            time.sleep(POLL_SECONDS)
            place = _taken(folder, ticket, name)
    finally:
        ticket.unlink(missing_ok=True)
    holder, release = place
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        release()


def ahead(folder: Path, ticket: Path) -> list[str]:
    """Return the names of the runs before this one: those being computed, then those that came earlier."""
    places = [name for path in sorted(folder.glob("*.json")) if (name := _living(path)) is not None]
    return [*places, *(name for _, name in _earlier(folder, ticket))]


def _told(folder: Path, ticket: Path) -> str:
    before = ahead(folder, ticket)
    if not before:
        return QUEUED_STAGE
    more = f" and {len(before) - NAMED} more" if len(before) > NAMED else ""
    place = len(_earlier(folder, ticket)) + 1
    return f"{QUEUED_STAGE}: place {place} in the queue, after {', '.join(before[:NAMED])}{more}"


def _taken(folder: Path, ticket: Path, name: str) -> tuple[Path, Callable[[], None]] | None:
    """Take a free place if it is this ticket's turn; return what tells of it and what gives it back, else None."""
    from filelock import FileLock, Timeout

    if _earlier(folder, ticket):
        return None
    for place in range(workers()):
        lock = FileLock(folder / f"{place}.lock")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            holder = folder / f"{place}.json"
            _write(holder, name)
            return holder, lock.release
    return None


def _earlier(folder: Path, ticket: Path) -> list[tuple[Path, str]]:
    """Return the tickets before this one whose processes live; others are thrown away."""
    found = []
    for path in sorted((folder / "waiting").glob("*.json")):
        if path.name >= ticket.name:
            break
        name = _living(path)
        if name is None:
            path.unlink(missing_ok=True)
        else:
            found.append((path, name))
    return found


def _living(path: Path) -> str | None:
    """Return the run's name on a ticket or at a place, None when its process has ended."""
    try:
        found = read_json(path)
    except LabError:
        return None
    return str(found["name"]) if found and process_lives(int(found["pid"]), str(found["started"])) else None


def _write(path: Path, name: str) -> None:
    pid = os.getpid()
    write_json(path, {"name": name, "pid": pid, "started": process_started(pid)})
