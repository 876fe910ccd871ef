"""Runs on disk: one folder per request, named by it; safe against being killed at any instant, and resumable.

    request.json   what is asked              written first
    pieces/*.npz   finished parts             while it runs; a restarted run goes on from them, if what they were
    sources.json   computed from              is still the same
    tables/*.parquet, run.json                written last: a folder with run.json is a finished run
    error.json     why it ended without a result
    worker.json    which process works on it, and whether it was started for that
    progress.json  how far it is;  name.txt  the user's name for it

There is no state beside these files: what a run's status is follows from them and from whether its process lives.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from lab.errors import LabError, nearest
from lab.experiments.base import RESULTS_VERSION, Request, Result
from lab.files import read_json, write_bytes, write_json
from lab.partial_results import PartialResultsFolder
from lab.registry import request_from
from lab.runs.processes import process_lives, process_started
from lab.settings import runs_dir

Status = Literal["new", "running", "finished", "failed", "cancelled", "interrupted"]
INTERRUPTED = (
    "the process that computed this run ended without a word (killed, or out of memory); "
    "start it again: it goes on from what was finished"
)


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    path: Path

    @property
    def id(self) -> str:
        """The run's id: the name of its folder."""
        return self.path.name

    @property
    def request(self) -> Request:
        """What was asked."""
        path = self.path / "request.json"
        try:
            seen = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise LabError(f"{self.path} is not a run folder: it holds no request.json") from error
        return _request_in(path, (seen.st_ino, seen.st_size, seen.st_mtime_ns))

    @property
    def readable(self) -> bool:
        """Whether the folder holds a request that this version understands."""
        try:
            return bool(self.request)
        except (LabError, AttributeError, TypeError, ValueError):
            return False

    @property
    def partial_results(self) -> PartialResultsFolder:
        """The run's finished parts."""
        return PartialResultsFolder(self.path / "pieces")

    @property
    def name(self) -> str:
        """The user's name for the run, or the request's own title."""
        try:
            return (self.path / "name.txt").read_text()
        except FileNotFoundError:
            return self.request.title()

    def rename(self, name: str) -> None:
        """Give the run a name of at most 120 characters; an empty one brings the first name back.

        Raises LabError when the run is gone: a name alone would be no run.
        """
        if not (self.path / "request.json").exists():
            raise LabError(f"run {self.id} is no longer there, so it cannot be renamed; look at the list again")
        cleaned = " ".join(name.split())[:120]
        if cleaned:
            write_bytes(self.path / "name.txt", cleaned.encode())
        else:
            (self.path / "name.txt").unlink(missing_ok=True)

    @property
    def status(self) -> Status:
        """Where the run stands, read off its files and its process."""
        if (self.path / "run.json").exists():
            return "finished"
        # Whoever claims a run deletes error.json: where there is one, the latest attempt has ended.
        error = read_json(self.path / "error.json")
        if error is not None:
            return "cancelled" if error["kind"] == "cancelled" else "failed"
        if self.worker_alive:
            return "running"
        return "interrupted" if (self.path / "worker.json").exists() else "new"

    @property
    def problem(self) -> str:
        """One sentence on why there is no result, "" when there is nothing to say."""
        status = self.status
        if status == "interrupted":
            return INTERRUPTED
        if status in ("failed", "cancelled"):
            return str((read_json(self.path / "error.json") or {}).get("sentence", INTERRUPTED))
        return ""

    @property
    def progress(self) -> dict[str, Any]:
        """The last state of the work: stage, done, total, unit, rate, seconds_left, elapsed."""
        return read_json(self.path / "progress.json") or {}

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of a finished run, {} for any other."""
        return read_json(self.path / "run.json") or {}

    @property
    def worker_alive(self) -> bool:
        """Whether the process that computes this run lives."""
        worker = read_json(self.path / "worker.json")
        return worker is not None and process_lives(worker["pid"], worker["started"])

    @property
    def fresh(self) -> bool:
        """Whether the files that a finished run was computed from are still the same."""
        return self.manifest.get("sources") == self.request.sources()

    def claim(self, pid: int | None = None, *, dedicated: bool = False) -> None:
        """Write down that process `pid` (this one) computes the run, and forget how an earlier attempt ended.

        A `dedicated` process was started for the run and may be killed with it; any other is the user's own.
        """
        pid = pid or os.getpid()
        (self.path / "error.json").unlink(missing_ok=True)
        worker = {"pid": pid, "started": process_started(pid), "dedicated": dedicated}
        write_json(self.path / "worker.json", worker)

    def fail(self, sentence: str, kind: str) -> None:
        """Write down why the run ended without a result; kind is "input", "crash" or "cancelled"."""
        write_json(self.path / "error.json", {"sentence": sentence, "kind": kind, "at": time.time()})

    def begin(self, sources: Mapping[str, str]) -> None:
        """Write down what the run is computed from, and drop parts that were finished from other files or weights."""
        path = self.path / "sources.json"
        if read_json(path) != dict(sources):
            shutil.rmtree(self.path / "pieces", ignore_errors=True)
            write_json(path, dict(sources))

    def finish(self, result: Result) -> None:
        """Keep the result: the tables first, `run.json` last, then drop the pieces."""
        hashes = {name: self._write_table(name, table) for name, table in result.tables.items()}
        manifest = {**result.manifest, "run": self.id, "results_version": RESULTS_VERSION, "tables": hashes}
        write_json(self.path / "run.json", manifest)
        shutil.rmtree(self.path / "pieces", ignore_errors=True)

    def reopen(self) -> None:
        """Forget the result, so that the run is computed anew (its sources have changed)."""
        (self.path / "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.path / "pieces", ignore_errors=True)

    def result(self) -> Result:
        """Return the finished result; raises LabError when there is none."""
        if self.status != "finished":
            raise LabError(f"run {self.id} has no result ({self.status}): {self.problem or 'it is not finished yet'}")
        names = self.manifest["tables"]
        tables = {name: pd.read_parquet(self.path / "tables" / f"{name}.parquet") for name in names}
        return Result(self.request, tables, self.manifest)

    def delete(self) -> None:
        """Delete the run's folder; refuses while a process works on it."""
        if self.status == "running":
            raise LabError(f"run {self.id} is being computed; cancel it before deleting it")
        self._await_worker()
        shutil.rmtree(self.path)

    def _await_worker(self, seconds: float = 2.0) -> None:
        """Let a worker that has just written the result tidy up behind itself."""
        deadline = time.monotonic() + seconds
        while self.worker_alive and time.monotonic() < deadline:
            if read_json(self.path / "worker.json")["pid"] == os.getpid():
                return
            time.sleep(0.02)

    def _write_table(self, name: str, table: pd.DataFrame) -> str:
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        write_bytes(self.path / "tables" / f"{name}.parquet", buffer.getvalue())
        return table_hash(table)


@functools.lru_cache(maxsize=8192)
def _request_in(path: Path, version: tuple[int, ...]) -> Request:
    """Read a request once for each version of its file: lists of runs ask for it over and over."""
    return request_from(read_json(path))


def table_hash(table: pd.DataFrame) -> str:
    """Return a hex digest of a table's columns and values, independent of the file format."""
    values = pd.util.hash_pandas_object(table, index=False).to_numpy()
    return hashlib.sha256("\0".join(map(str, table.columns)).encode() + values.tobytes()).hexdigest()


def open_run(request: Request, folder: Path | None = None) -> RunFolder:
    """Return the run folder of `request`, made if need be, in `folder` or at its place among all runs."""
    run = RunFolder(folder or runs_dir() / request.run_id)
    kept = read_json(run.path / "request.json")
    if kept is None:
        if run.path.exists() and not all(_left_behind(path) for path in run.path.iterdir()):
            raise LabError(f"{run.path} holds other files; give an empty or new folder")
        write_json(run.path / "request.json", request.as_dict())
    elif kept != request.as_dict():
        raise LabError(f"{run.path} holds another run ({run.name}); give an empty or new folder")
    if run.status == "finished" and (run.manifest["results_version"] != RESULTS_VERSION or not run.fresh):
        run.reopen()
    return run


def list_runs() -> list[RunFolder]:
    """Return all runs, the newest first; folders that ask nothing this version knows are left out."""
    folders = [path.parent for path in runs_dir().glob("*/request.json")]
    runs = [RunFolder(path) for path in sorted(folders, key=_changed, reverse=True)]
    return [run for run in runs if run.readable]


def find_run(text: str) -> RunFolder:
    """Return the run with this id (or a beginning of it that only one has), name or folder."""
    path = Path(text).expanduser()
    if (path / "request.json").exists():
        return RunFolder(path)
    runs = list_runs()
    matches = [run for run in runs if run.id == text] or [run for run in runs if _answers_to(run, text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LabError(
            f"{text!r} fits {len(matches)} runs: {', '.join(run.id for run in matches[:5])}; give more of the id"
        )
    raise LabError(f"there is no run {text!r}{nearest(text, [run.id for run in runs])}; `feature-lab runs` lists them")


def _left_behind(path: Path) -> bool:
    """Return whether a file is what a run without a request leaves: killed at its first file, or only named."""
    return path.name == "name.txt" or path.name.startswith(".request.json.")


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # deleted by somebody else since it was listed
        return 0.0


def _answers_to(run: RunFolder, text: str) -> bool:
    return run.id.startswith(text) or run.id.split("-", 1)[-1].startswith(text) or run.name == text
