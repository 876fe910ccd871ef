"""Work in a process of its own: shown, cancelled, killed, resumed; what it leaves is whole."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.files import read_json, write_json
from lab.progress import silent
from lab.runs import jobs, worker
from lab.runs.progress_file import ProgressFile
from lab.runs.store import RunFolder, open_run
from lab.settings import Compute

SMALL = ProbeRequest(
    models=("test_resnet@untrained",), data="drawn:pets", per_class=12, repeats=1, controls=("shuffled",)
).canonical()
# Long enough to be met at work: drawing 2 × 400 pets takes seconds.
LONG = ProbeRequest(models=("test_resnet@untrained",), data="drawn:pets", per_class=400, repeats=2).canonical()


def wait_for(reached: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def at_work(run: RunFolder) -> bool:
    return run.progress.get("unit") == "images" and run.progress["done"] > 0


def test_a_job_shows_progress_at_once_and_ends_with_the_same_tables_as_in_this_process() -> None:
    run = jobs.start(SMALL)
    assert run.progress["stage"]
    assert run.status == "running"
    wait_for(lambda: run.status != "running")
    assert run.status == "finished", run.problem
    hashes = run.manifest["tables"]
    run.delete()
    jobs.compute(open_run(SMALL), Compute(), silent)
    assert run.manifest["tables"] == hashes


def test_starting_twice_is_one_run_and_a_finished_one_is_not_computed_again() -> None:
    run = jobs.start(SMALL)
    worker = read_json(run.path / "worker.json")
    assert jobs.start(SMALL) == run
    assert read_json(run.path / "worker.json") == worker
    wait_for(lambda: run.status != "running")
    written = (run.path / "run.json").stat().st_mtime_ns
    assert jobs.start(SMALL).status == "finished"
    assert (run.path / "run.json").stat().st_mtime_ns == written


def test_cancel_ends_the_worker_within_two_seconds_and_it_goes_on_when_started_again() -> None:
    run = jobs.start(LONG)
    wait_for(lambda: at_work(run))
    pid = read_json(run.path / "worker.json")["pid"]
    began = time.monotonic()
    jobs.cancel(run)
    assert time.monotonic() - began < 2
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert run.status == "cancelled"
    assert "goes on" in run.problem
    jobs.start(LONG)
    assert run.status == "running"
    jobs.cancel(run)
    jobs.cancel(run)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGINT for another process")
def test_cancel_interrupts_the_users_own_python_and_kills_neither_it_nor_its_children() -> None:
    """A notebook that goes on after an interrupted cell, with another program started from it."""
    code = (
        "import subprocess, sys\n"
        "other = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, start_new_session=True)\n"
        "print('ready', flush=True)\n"
        "try:\n    sys.stdin.readline()\nexcept KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
        "sys.stdin.readline()\n"
        "print('alive' if other.poll() is None else 'killed', flush=True)\n"
        "other.communicate()\n"
    )
    notebook = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert notebook.stdout is not None
    notebook.stdout.readline()
    run = open_run(SMALL)
    run.claim(notebook.pid)
    jobs.cancel(run)
    assert run.status == "cancelled"
    assert notebook.stdout.readline() == "interrupted\n"
    jobs.cancel(run)
    assert notebook.communicate("\n")[0] == "alive\n"
    assert notebook.returncode == 0


def test_a_computation_in_the_users_own_python_is_marked_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_compute", lambda *_: None)
    run = open_run(SMALL)
    for dedicated in (False, True):
        jobs.compute(run, Compute(), silent, dedicated=dedicated)
        assert read_json(run.path / "worker.json")["dedicated"] is dedicated


def test_a_killed_worker_leaves_an_interrupted_run_with_a_sentence() -> None:
    run = jobs.start(LONG)
    wait_for(lambda: at_work(run))
    os.kill(read_json(run.path / "worker.json")["pid"], signal.SIGKILL)
    wait_for(lambda: run.status != "running", 5)
    assert run.status == "interrupted"
    assert "start it again" in run.problem


def test_bad_input_fails_with_its_own_sentence() -> None:
    """What layers a network has is known only when it has been loaded once; what networks there are is known before."""
    run = jobs.start(ProbeRequest(models=("test_vit@untrained:77",), data="drawn:pets", layers="nowhere.9"))
    wait_for(lambda: run.status != "running")
    assert run.status == "failed"
    assert "nowhere.9" in run.problem
    with pytest.raises(LabError, match="resnet51"):
        jobs.start(ProbeRequest(models=("resnet51@untrained",), data="drawn:pets"))


def test_a_worker_that_cannot_begin_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_WORKERS", "many")
    run = jobs.start(SMALL)
    wait_for(lambda: run.status != "running")
    assert run.status == "failed"
    assert "FEATURE_LAB_WORKERS is 'many'" in run.problem


def test_a_defect_is_told_in_a_sentence_and_kept_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.registry import EXPERIMENTS

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("deep inside")

    row = EXPERIMENTS["probe"]
    monkeypatch.setitem(EXPERIMENTS, "probe", dataclasses.replace(row, run=broken))
    run = open_run(SMALL)
    with pytest.raises(ZeroDivisionError):
        jobs.compute(run, Compute(), silent)
    assert run.status == "failed"
    assert "ZeroDivisionError: deep inside" in run.problem
    assert "Traceback" in (run.path / "worker.log").read_text()


def test_an_interrupted_run_does_not_repeat_finished_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.experiments.separability import measure

    run, fitted = open_run(SMALL), []
    real = measure.fit_layer

    def dies_after_two(*arguments: object) -> object:
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "fit_layer", dies_after_two)
    monkeypatch.setenv("FEATURE_LAB_THREADS", "1")  # side by side, the second may not have ended when the third dies
    with pytest.raises(KeyboardInterrupt):
        jobs.compute(run, Compute(), silent)
    assert len(run.partial_results) == 2 + (measure.CURVE in run.partial_results)
    fitted.clear()
    fitted.extend([None] * 3)
    monkeypatch.setattr(measure, "fit_layer", lambda *a: fitted.append(a) or real(*a))
    jobs.compute(run, Compute(), silent)
    assert len(fitted) - 3 == len(run.result().tables["layers"]) - 2


def test_two_processes_do_not_compute_one_run() -> None:
    run = jobs.start(LONG)
    wait_for(lambda: at_work(run))
    with pytest.raises(LabError, match="another process"):
        jobs.compute(run, Compute(), silent)
    jobs.cancel(run)


def test_a_worker_whose_turn_comes_late_leaves_the_run_to_whom_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waited, the command line began the same run: it neither fails it nor computes it again."""
    run, arguments = open_run(SMALL), ["auto", "8"]
    computed = []
    monkeypatch.setattr(jobs, "_compute", lambda *_: computed.append(1))
    run.claim()
    with FileLock(run.path / "lock"):
        assert worker.main([str(run.path), *arguments]) == 0
    assert run.status == "running"
    write_json(run.path / "run.json", {"tables": {}})
    before = read_json(run.path / "worker.json")
    assert worker.main([str(run.path), *arguments]) == 0
    assert not computed
    assert read_json(run.path / "worker.json") == before
    assert run.status == "finished"


def test_progress_is_written_at_every_stage_and_at_the_end_but_not_at_every_step(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    progress = ProgressFile(file)
    progress("a", 0, 1000, "images")
    assert read_json(file)["stage"] == "a"
    for done in range(1, 1000):
        progress("a", done, 1000, "images")
    assert read_json(file)["done"] < 1000
    progress("a", 1000, 1000, "images")
    assert read_json(file)["done"] == 1000
    progress("b", 0, 3, "layers")
    assert read_json(file)["stage"] == "b"
