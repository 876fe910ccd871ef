"""Deleted runs: the lab's own files of a run are put away in the home folder, come back on request, and go for good
after `KEEP_DAYS`.

    home/trash/<run id>.<token>/origin.json    where the run was, what it was called, when it was deleted
    home/trash/<run id>.<token>/files/         what it held

Whatever else lies in the run's folder is not the lab's and is never touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.files import TEMPORARY, read_json, write_json
from lab.settings import home

KEEP_DAYS = 30
DAY = 86_400
# What the lab writes into a run's folder; `request.json` makes the folder a run, so it is moved last.
OWN_FILES = (
    "run.json",
    "error.json",
    "worker.json",
    "progress.json",
    "sources.json",
    "worker.log",
    "lock",
    "name.txt",
    "tags.txt",
    "opened.json",
    "request.json",
)
OWN_FOLDERS = {"pieces": r"[0-9a-f]{24}\.npz", "tables": r"[\w-]+\.parquet"}
OLD_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")  # as versions before this one named them


@dataclass(frozen=True)
class DeletedRun:
    """A run in the trash: its id and name, where it was, when it was deleted (seconds since 1970)."""

    path: Path
    id: str
    name: str
    origin: Path
    at: float

    @property
    def days_left(self) -> int:
        """Days until it goes for good."""
        return max(0, KEEP_DAYS - int((time.time() - self.at) / DAY))


def trash_dir() -> Path:
    """Return the folder of deleted runs (it may not exist yet)."""
    return home() / "trash"


def own_files(folder: Path) -> list[Path]:
    """Return the files in a run's folder that are the lab's own, `request.json` last.

    Of a finished run those are the tables that its `run.json` names.
    """
    found = []
    for name, pattern in {**OWN_FOLDERS, "tables": _tables_of(folder)}.items():
        inner = folder / name
        if inner.is_dir() and not inner.is_symlink():
            found += [path for path in _files(inner) if re.fullmatch(pattern, path.name) or _temporary(path)]
    found += [path for path in _files(folder) if _temporary(path)]
    return [*found, *(folder / name for name in OWN_FILES if _is_file(folder / name))]


def put_away(folder: Path, name: str) -> DeletedRun:
    """Move the lab's own files of a run to the trash; the folder goes too if nothing else is in it."""
    empty(older_than=KEEP_DAYS)
    entry = trash_dir() / f"{_plain(folder.name)}.{secrets.token_hex(4)}"
    deleted = DeletedRun(entry, folder.name, name, folder.absolute(), time.time())
    origin = {"id": os.fsencode(deleted.id).hex(), "name": name, "origin": os.fsencode(deleted.origin).hex()}
    write_json(entry / "origin.json", {**origin, "at": deleted.at})
    _move(folder, entry / "files")
    return deleted


def discard(folder: Path) -> None:
    """Remove the lab's own files of a run for good, and the folder if nothing else is in it."""
    for path in own_files(folder):
        path.unlink(missing_ok=True)
    _remove_empty(folder)


def deleted_runs() -> list[DeletedRun]:
    """Return what is in the trash, the latest first."""
    found = [run for entry in trash_dir().glob("*/files") if (run := _read(entry.parent)) is not None]
    return sorted(found, key=lambda run: run.at, reverse=True)


def find_deleted(text: str) -> DeletedRun:
    """Return the deleted run with this id (or a beginning of it) or name, the latest of several of one id."""
    found = deleted_runs()
    matches = [run for run in found if text in (run.id, run.name)] or [run for run in found if run.id.startswith(text)]
    if len({run.id for run in matches}) == 1:
        return matches[0]
    if matches:
        raise LabError(f"{text!r} fits {len(matches)} deleted runs: {', '.join(run.id for run in matches[:5])}")
    raise LabError(f"no run {text!r} is in the trash; `feature-lab runs --deleted` lists what is")


def restore(deleted: DeletedRun) -> Path:
    """Move a deleted run back to where it was and return the folder.

    Raises LabError when a run is there again, or the trash was emptied in the meantime.
    """
    files, target = deleted.path / "files", deleted.origin
    if not files.is_dir():
        raise LabError(f"run {deleted.id} is no longer in the trash; it was restored or removed in the meantime")
    taken = [path for path in own_files(files) if (target / path.relative_to(files)).exists()]
    if taken:
        raise LabError(f"{target} holds a run again; delete that one first to bring run {deleted.id} back")
    _move(files, target)
    shutil.rmtree(deleted.path, ignore_errors=True)
    return target


def empty(*, older_than: float = 0) -> int:
    """Remove for good what was deleted at least `older_than` days ago; return how many runs that were."""
    gone = 0
    for entry in trash_dir().glob("*"):
        run = _read(entry)
        # What has no origin was put there by somebody else, or by a process that was killed before it moved anything.
        if run is not None and time.time() - run.at >= older_than * DAY:
            shutil.rmtree(entry, ignore_errors=True)
            gone += 1
    return gone


def _move(folder: Path, target: Path) -> None:
    """Move the lab's own files to `target`: at once if nothing else is there and it is on the same disk."""
    own = own_files(folder)
    if not target.exists() and {path for path in folder.rglob("*") if not path.is_dir()} == set(own):
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another disk
            folder.rename(target)
            return
    for path in own:
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    for path in (*(folder / name for name in OWN_FOLDERS), folder):
        if not path.is_symlink():
            with contextlib.suppress(OSError):  # not there, or not empty
                path.rmdir()


def _read(entry: Path) -> DeletedRun | None:
    with contextlib.suppress(LabError, KeyError, TypeError, ValueError):
        values = read_json(entry / "origin.json")
        id, origin = (os.fsdecode(bytes.fromhex(values[key])) for key in ("id", "origin"))
        return DeletedRun(entry, id, str(values["name"]), Path(origin), float(values["at"]))
    return None


def _tables_of(folder: Path) -> str:
    """Return the pattern of the names of a run's tables."""
    with contextlib.suppress(LabError, KeyError, TypeError):
        return "|".join(re.escape(f"{name}.parquet") for name in read_json(folder / "run.json")["tables"])
    return OWN_FOLDERS["tables"]


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.iterdir()) if _is_file(path))


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _temporary(path: Path) -> bool:
    return bool(TEMPORARY.fullmatch(path.name) or OLD_TEMPORARY.fullmatch(path.name))


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)[:80]
