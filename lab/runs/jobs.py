"""A request in a process of its own: it shows its progress, can be cancelled, and takes nothing down when it dies.

    start(request)  -> the run folder, its worker under way (or the result that is already there)
    cancel(run)     -> the worker and its children are gone within two seconds; the user's own Python is interrupted
    compute(run)    -> the work itself, in this process (the worker, or the command line)

The worker outlives the page and the server that started it: all they share is the run folder.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import BeingComputed, LabError
from lab.experiments.base import Request
from lab.experiments.early import card_at_hand
from lab.files import read_json
from lab.models.devices import pick_device
from lab.progress import Progress, both
from lab.registry import EXPERIMENTS
from lab.runs.pace import Pace
from lab.runs.progress_file import ProgressFile
from lab.runs.storage import make_room
from lab.runs.store import RunFolder, open_run
from lab.settings import Compute, runs_dir
from lab.shortages import LEAST_DISK, need_disk, shortage

if TYPE_CHECKING:
    import psutil

CANCELLED = "start it again and it goes on from what was finished"
CRASHED = "the computation stopped with an unforeseen error ({error}); the details are in {log}"


# The workers this process started, so that those that have ended are reaped; nothing else is known about them here.
_workers: list[subprocess.Popen[bytes]] = []


def start(request: Request, settings: Compute | None = None) -> RunFolder:
    """Return the run of `request`, with a worker on it unless it is finished or under way already."""
    run = RunFolder(runs_dir() / request.run_id)
    if run.status == "new":
        request.check(card_at_hand)  # before there is a folder: what is told here leaves nothing behind
    run = open_run(request)
    if run.status == "finished" or run.under_way:
        return run
    need_disk(LEAST_DISK, run.path, "a run")
    report = ProgressFile(run.path / "progress.json")
    report("Starting", 0, 1, "steps")
    settings = settings or Compute()
    _workers[:] = [worker for worker in _workers if worker.poll() is None]
    with (run.path / "worker.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "lab.runs.worker", str(run.path), settings.device, str(settings.batch_size)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(),
        )
    _workers.append(worker)
    run.claim(worker.pid, dedicated=True)
    return run


def cancel(run: RunFolder) -> None:
    """End the work on a run; what was finished is kept. Does nothing when nobody works on it.

    A worker is killed. Any other process (a notebook, a terminal) is the user's own: it is interrupted as by Ctrl-C.
    """
    import psutil

    if not run.under_way:  # a notebook lives on after its run, and is not to be interrupted then
        return
    worker = read_json(run.path / "worker.json")
    run.fail(CANCELLED, "cancelled")
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(worker["pid"])
        if worker.get("dedicated"):
            _kill(process)
        else:
            process.send_signal(signal.SIGINT)


def compute(run: RunFolder, settings: Compute, progress: Progress, *, dedicated: bool = False) -> None:
    """Compute a run in this process, `dedicated` to it or the user's own, and keep its result in its folder.

    Does nothing when the run is finished. Raises LabError for input the user can mend, BeingComputed when another
    process is at it; a shortage of disk or memory becomes a LabError too, any other error is written to the folder
    and raised.
    """
    with sole_worker(run):
        if run.status == "finished":  # by somebody else, while this process waited its turn
            return
        run.claim(dedicated=dedicated)
        try:
            need_disk(LEAST_DISK, run.path, "a run")
            make_room()
            # A worker's progress is the file; what a terminal or a notebook computes is watched on the pages as well.
            told = progress
            if not isinstance(told, ProgressFile):
                told = ProgressFile(run.path / "progress.json", Pace.of(run.request.experiment))
            _compute(run, settings, told if told is progress else both(progress, told))
            told.finished()
        except LabError as error:
            run.fail(str(error), "input")
            raise
        except KeyboardInterrupt:
            run.fail(CANCELLED, "cancelled")
            raise
        except BaseException as error:
            if named := shortage(error):
                run.fail(str(named), "input")
                raise named from error
            run.fail(CRASHED.format(error=_one_line(error), log=run.path / "worker.log"), "crash")
            with (run.path / "worker.log").open("a") as log:
                traceback.print_exc(file=log)
            raise


def in_own_process(*arguments: str) -> str:
    """Run `feature-lab` with `arguments` in a process of its own and wait; return what it had to say, "" if nothing."""
    words = [sys.executable, "-m", "lab.cli", *arguments]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=_environment())
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
    return lines[-1].removeprefix("feature-lab: ")


def _kill(process: psutil.Process) -> None:
    import psutil

    family = [*process.children(recursive=True), process]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=2)


def _compute(run: RunFolder, settings: Compute, progress: Progress) -> None:
    request = run.request
    sources = request.sources()
    began = time.perf_counter()
    progress("Loading libraries and checking what is asked", 0, 1, "steps")
    pick_device(settings.device)
    request.check()
    run.begin(sources)
    answer = EXPERIMENTS[request.experiment].run
    result = answer(request, progress=progress, compute=settings, partial_results=run.partial_results)
    result.manifest["sources"] = sources
    result.manifest.setdefault("timings", {})["total"] = time.perf_counter() - began
    run.finish(result)


def being_computed(run: RunFolder) -> bool:
    """Return whether a process holds a run's lock, on whichever machine: of others, process numbers say nothing."""
    try:
        with sole_worker(run):
            return False
    except BeingComputed:
        return True


@contextlib.contextmanager
def sole_worker(run: RunFolder) -> Iterator[None]:
    """Hold a run's lock in the block; raises BeingComputed when another process holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(run.path / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        sentence = f"run {run.id} is being computed by another process; wait for it or cancel it"
        raise BeingComputed(sentence) from error
    try:
        yield
    finally:
        lock.release()


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path}


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
