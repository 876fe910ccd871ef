"""One run on disk: a folder per request, named by it; safe against being killed at any instant, and resumable.

    request.json   what is asked              written first
    pieces/*.npz   finished parts             while it runs; a restarted run goes on from them, if what they were
    sources.json   computed from              is still the same
    tables/*.parquet, run.json                written last: a folder with run.json is a finished run
    error.json     why it ended without a result
    worker.json    which process works on it, and whether it was started for that
    progress.json  how far it is;  name.txt, tags.txt  what the user calls it;  opened.json  the bundle it came in

There is no state beside these files: what a run's status is follows from them and from whether its process lives.
A file that cannot be read makes its own run "damaged", with the reason, and no other.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lab.errors import LabError
from lab.experiments.base import RESULTS_VERSION, Request
from lab.experiments.result import Result
from lab.files import read_json, sweep, write_bytes, write_json
from lab.partial_results import PartialResultsFolder
from lab.runs import trash
from lab.runs.documents import damage_of, document, request_of
from lab.runs.names import clean_tags, one_line
from lab.runs.processes import process_lives, process_started
from lab.runs.progress_file import QUEUED_STAGE, silence
from lab.runs.tables import changed_table, read_table, write_tables
from lab.settings import runs_dir

Status = Literal["new", "queued", "running", "finished", "failed", "cancelled", "interrupted", "damaged"]
OPENED = "opened.json"
UNDER_WAY = ("queued", "running")  # a process is at it, or waits its turn
INTERRUPTED = (
    "the process that computed this run ended without a word (killed, out of memory, or the disk was full); "
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
    def shown_id(self) -> str:
        """The id as it can be shown and encoded, whatever the folder's name is made of."""
        return self.id if self.id.isprintable() else ascii(self.id)[1:-1]

    @property
    def request(self) -> Request:
        """What was asked; raises LabError when the folder does not say it in a way this version understands."""
        return request_of(self.path)

    @property
    def damage(self) -> str:
        """One sentence on the first file that is missing or damaged, "" when all look sound; tables are not read."""
        return damage_of(self.path)

    @property
    def partial_results(self) -> PartialResultsFolder:
        """The run's finished parts."""
        return PartialResultsFolder(self.path / "pieces")

    @property
    def name(self) -> str:
        """The user's name for the run, or the request's own title; the id when the request cannot be read."""
        with suppress(OSError):
            if name := one_line((self.path / "name.txt").read_text(encoding="utf-8", errors="replace")):
                return name
        try:
            return self.request.title()
        except LabError:
            return self.shown_id[:120]

    def rename(self, name: str) -> None:
        """Give the run a name of at most 120 characters; an empty one brings the first name back.

        Raises LabError when the run is gone: a name alone would be no run.
        """
        self._check_there("renamed")
        if cleaned := one_line(name):
            write_bytes(self.path / "name.txt", cleaned.encode())
        else:
            (self.path / "name.txt").unlink(missing_ok=True)

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's tags, in their order; none that cannot be read."""
        with suppress(OSError):
            return clean_tags((self.path / "tags.txt").read_text(encoding="utf-8", errors="replace").splitlines())
        return ()

    def tag(self, tags: Iterable[str]) -> None:
        """Give the run these tags in the place of those it has; raises LabError when the run is gone."""
        self._check_there("tagged")
        if cleaned := clean_tags(tags):
            write_bytes(self.path / "tags.txt", "\n".join(cleaned).encode())
        else:
            (self.path / "tags.txt").unlink(missing_ok=True)

    def _check_there(self, done: str) -> None:
        if not (self.path / "request.json").exists():
            raise LabError(f"run {self.id} is no longer there, so it cannot be {done}; look at the list again")

    @property
    def opened(self) -> bool:
        """Whether the run came in a bundle, from another computer."""
        return (self.path / OPENED).exists()

    @property
    def status(self) -> Status:
        """Where the run stands, read off its files and its process."""
        if self.damage:
            return "damaged"
        if (self.path / "run.json").exists():
            return "finished"
        # Whoever claims a run deletes error.json: where there is one, the latest attempt has ended.
        error = self._document("error.json")
        if error is not None:
            return "cancelled" if error.get("kind") == "cancelled" else "failed"
        if self.worker_alive:
            return "queued" if str(self.progress.get("stage", "")).startswith(QUEUED_STAGE) else "running"
        return "interrupted" if (self.path / "worker.json").exists() else "new"

    @property
    def under_way(self) -> bool:
        """Whether a process computes this run or waits its turn to."""
        return self.status in UNDER_WAY

    @property
    def problem(self) -> str:
        """One sentence on why there is no result, or no news; "" when there is nothing to say."""
        status = self.status
        if status == "damaged":
            return self.damage
        if status == "interrupted":
            return INTERRUPTED
        if status in ("failed", "cancelled"):
            return str((self._document("error.json") or {}).get("sentence", INTERRUPTED))
        return self.silence if status in UNDER_WAY else ""

    @property
    def progress(self) -> dict[str, Any]:
        """The last state of the work: stage, done, total, unit, rate, seconds_left, elapsed; {} when it cannot be
        read."""
        with suppress(LabError):
            return self._document("progress.json") or {}
        return {}

    @property
    def silence(self) -> str:
        """ "no news for 34 s" when a run under way has not said anything for a while; "" otherwise."""
        try:
            worker = self._document("worker.json") or {}
        except LabError:
            worker = {}
        return silence(self.progress, worker.get("pid"))

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of a finished run, {} for any other."""
        return self._document("run.json") or {}

    @property
    def worker_alive(self) -> bool:
        """Whether the process that computes this run lives."""
        try:
            worker = self._document("worker.json") or {}
            return "pid" in worker and process_lives(int(worker["pid"]), worker["started"])
        except (LabError, KeyError, TypeError, ValueError):
            return False

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
        path, error = self.path / "error.json", {"sentence": sentence, "kind": kind, "at": time.time()}
        try:
            write_json(path, error)
        except LabError:  # no room even for this: what told the progress makes some
            (self.path / "progress.json").unlink(missing_ok=True)
            with suppress(LabError):
                write_json(path, error)

    def begin(self, sources: Mapping[str, str]) -> None:
        """Write down what the run is computed from, and drop parts that were finished from other files or weights."""
        path = self.path / "sources.json"
        try:
            same = read_json(path) == dict(sources)
        except LabError:
            same = False
        if not same:
            shutil.rmtree(self.path / "pieces", ignore_errors=True)
            write_json(path, dict(sources))

    def finish(self, result: Result) -> None:
        """Keep the result: the tables first, `run.json` last, then drop the pieces."""
        written = write_tables(self.path, result.tables)
        (self.path / OPENED).unlink(missing_ok=True)  # computed here now
        manifest = {**result.manifest, "run": self.id, "results_version": RESULTS_VERSION, **written}
        write_json(self.path / "run.json", manifest)
        shutil.rmtree(self.path / "pieces", ignore_errors=True)

    def reopen(self) -> None:
        """Forget the result, so that the run is computed anew (its sources have changed, or it is damaged)."""
        (self.path / "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.path / "pieces", ignore_errors=True)

    def result(self) -> Result:
        """Return the finished result; raises LabError when there is none, or it is not what was computed."""
        if self.status != "finished":
            raise LabError(f"run {self.id} has no result ({self.status}): {self.problem or 'it is not finished yet'}")
        manifest = self.manifest
        tables = {name: read_table(self.path, name, manifest) for name in manifest["tables"]}
        return Result(self.request, tables, manifest)

    def check_tables(self) -> str:
        """Read all tables of a finished run; return a sentence on the first that is not what was computed, or ""."""
        return self.damage or changed_table(self.path, self.manifest)

    def sweep(self) -> None:
        """Remove the temporary files that killed writers left."""
        for folder in (self.path, self.path / "tables", self.path / "pieces"):
            sweep(folder)

    @property
    def at_home(self) -> bool:
        """Whether the run lies among all runs in the home folder (links followed)."""
        return self.path.resolve().parent == runs_dir().resolve()

    def delete(self, *, outside_home: bool = False) -> trash.DeletedRun:
        """Put the lab's own files of the run into the trash (`lab.runs.trash`); other files in its folder stay.

        Raises LabError while a process works on it, when the folder is no run, and for a run outside the home folder
        unless that is meant (`outside_home`).
        """
        if self.under_way:
            raise LabError(f"run {self.id} is being computed; cancel it before deleting it")
        if not self.at_home:
            self._check_outside(outside_home)
        self._await_worker()
        return trash.put_away(self.path, self.name)

    def _check_outside(self, meant: bool) -> None:
        try:
            _ = self.request
        except LabError as error:
            raise LabError(f"{self.path} is no run of the lab ({error}), so nothing in it is deleted") from error
        if not meant:
            raise LabError(f"run {self.path} is outside the home folder; add --yes to put its files into the trash")

    def discard(self) -> None:
        """Remove a run that came to nothing, for good; other files in its folder stay."""
        self._await_worker()
        trash.discard(self.path)

    def _await_worker(self, seconds: float = 2.0) -> None:
        """Let a worker that has just written the result tidy up behind itself."""
        deadline = time.monotonic() + seconds
        while self.worker_alive and time.monotonic() < deadline:
            if (self._document("worker.json") or {}).get("pid") == os.getpid():
                return
            time.sleep(0.02)

    def _document(self, name: str) -> dict[str, Any] | None:
        return document(self.path, name)
