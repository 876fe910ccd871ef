"""Nothing of the user's is lost: killed writers, full disks, damaged files, stepped clocks, deletions."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from test_store import REQUEST, finished

from lab import files, shortages
from lab.cli import main
from lab.errors import LabError
from lab.experiments.result import Result
from lab.files import read_json, sweep, write_bytes, write_json
from lab.runs import jobs, processes, storage, trash
from lab.runs.progress_file import QUEUED_STAGE, ProgressFile
from lab.runs.store import RunFolder, find_run, list_runs, open_run, unreadable_runs
from lab.settings import Compute, home, runs_dir
from lab.shortages import DiskFull, MemoryShort, need_disk, need_memory, shortage

TABLES = {
    name: pd.DataFrame({column: np.arange(50) + k})
    for k, (name, column) in enumerate({"summary": "accuracy", "layers": "depth", "images": "image"}.items())
}


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@contextmanager
def failing_write(number: int, error: BaseException, *, after: bool = False) -> Iterator[list[Path]]:
    """Let the n-th file that is put in its place (from 0) raise instead, or right `after` it was put there."""
    real = os.replace
    written: list[Path] = []

    def replaced(source: Any, target: Any) -> None:
        if len(written) == number and not after:
            raise error
        real(source, target)
        written.append(Path(target))
        if len(written) == number + 1 and after:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.os, "replace", replaced)
        yield written


def a_whole_run() -> RunFolder:
    """Everything that a computation writes, in its order."""
    run = open_run(REQUEST)
    run.claim()
    run.begin({"data": "as it is"})
    run.partial_results["one"] = {"values": np.arange(5)}
    ProgressFile(run.path / "progress.json")("Working", 1, 1, "steps")
    run.finish(Result(REQUEST, TABLES, {"sources": REQUEST.sources()}))
    return run


def writes_of_a_run() -> int:
    with failing_write(10**6, Killed()) as written:
        run = a_whole_run()
    assert written[-1] == run.path / "run.json"
    shutil.rmtree(run.path)
    assert len(written) > len(TABLES)
    return len(written)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_write_leaves_a_whole_run_or_none(after: bool) -> None:
    """Deterministic: writing `run.json` before the tables fails this test."""
    ends = []
    for number in range(writes_of_a_run()):
        with pytest.raises(Killed), failing_write(number, Killed(), after=after):
            a_whole_run()
        (run,) = list_runs() or [open_run(REQUEST)]
        assert run.status != "damaged", (number, run.problem)
        ends.append(run.status == "finished")
        if run.status == "finished":
            assert set(run.result().tables) == set(TABLES)
        else:
            assert not (run.path / "run.json").exists()
        assert a_whole_run().result()["images"]["image"].iloc[0] == 2  # and it goes on
        shutil.rmtree(run.path)
    assert ends == [*[False] * (len(ends) - 1), after]  # only the last write makes it a finished run


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_at_any_write_is_one_sentence(code: int) -> None:
    writes = writes_of_a_run()
    assert writes
    for number in range(writes):
        with pytest.raises(DiskFull) as told, failing_write(number, OSError(code, os.strerror(code), "somewhere")):
            a_whole_run()
        assert "feature-lab clean" in str(told.value)
        assert "\n" not in str(told.value)
        assert not [path for path in home().rglob(".*") if path.is_file()]  # nothing half-written is left
        assert a_whole_run().status == "finished"
        shutil.rmtree(runs_dir())


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), MemoryError("Unable to allocate 9 TiB")], ids=str
)
def test_a_shortage_inside_the_work_is_told_by_the_run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise ValueError("while reading") from error

    monkeypatch.setattr(jobs, "_compute", short)
    run = open_run(REQUEST)
    with pytest.raises((DiskFull, MemoryShort)) as told:
        jobs.compute(run, Compute(), lambda *_: None)
    assert run.status == "failed"
    assert run.problem == str(told.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), DiskFull),
        (OSError(errno.EFBIG, "File too large"), DiskFull),
        (MemoryError(), MemoryShort),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"), MemoryShort),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), MemoryShort),
        (ImportError("libtorch.so: failed to map segment from shared object"), MemoryShort),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryShort),
        (RuntimeError("can't start new thread"), MemoryShort),
        (RuntimeError("shapes do not fit"), type(None)),
        (ImportError("no module named x"), type(None)),
        (OSError(errno.ENOENT, "No such file"), type(None)),
    ],
    ids=str,
)  # fmt: skip
def test_shortages_are_known_however_libraries_say_them(error: Exception, kind: type) -> None:
    assert isinstance(shortage(error), kind)
    outer = ValueError("outer")
    outer.__cause__ = error
    assert isinstance(shortage(outer), kind)


def test_what_is_needed_is_held_against_what_is_left(tmp_path: Path) -> None:
    need_disk(1, tmp_path / "not" / "there", "a run")
    with pytest.raises(DiskFull, match="a run needs 1000000 GB"):
        need_disk(10**15, tmp_path, "a run")
    need_memory(1, "one byte", "")
    with pytest.raises(MemoryShort, match="use fewer images"):
        need_memory(10**15, "all of it", "use fewer images")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are Linux's")
@pytest.mark.parametrize(
    ("limit", "said"), [("-f 1", "no room on the disk"), ("-v 600000", "memory ran out")], ids=["disk", "memory"]
)
def test_the_command_line_under_a_limit_ends_in_one_sentence(limit: str, said: str) -> None:
    asks = "-m lab.cli probe --model test_resnet@untrained --data drawn:pets --per-class 12 --repeats 1 --controls none"
    # Without threads of its own, or the numerical libraries end the process themselves when memory is short.
    done = subprocess.run(
        ["bash", "-c", f"ulimit {limit}; exec {sys.executable} {asks}"],
        capture_output=True, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert said in done.stderr.strip().splitlines()[-1]


def damaged_by(spoil: Callable[[RunFolder], object]) -> RunFolder:
    run = finished()
    spoil(run)
    return run


def table_of(run: RunFolder) -> Path:
    return run.path / "tables" / "summary.parquet"


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[RunFolder], object]] = {
    "truncated run.json": lambda run: (run.path / "run.json").write_text('{"tables": {"su'),
    "empty run.json": lambda run: (run.path / "run.json").write_text(""),
    "run.json that is a list": lambda run: (run.path / "run.json").write_text("[]"),
    "run.json without tables": lambda run: (run.path / "run.json").write_text("{}"),
    "run.json of bytes": lambda run: (run.path / "run.json").write_bytes(b"\xff\xfe\x00"),
    "run.json that is a folder": lambda run: make_a_folder(run.path / "run.json"),
    "missing table": lambda run: table_of(run).unlink(),
    "shorter table": lambda run: table_of(run).write_bytes(table_of(run).read_bytes()[:-9]),
    "truncated request.json": lambda run: (run.path / "request.json").write_text('{"exper'),
    "request.json of tomorrow": lambda run: (run.path / "request.json").write_text('{"experiment": "tomorrow"}'),
    "missing request.json": lambda run: (run.path / "request.json").unlink(),
}


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_run_is_listed_with_the_reason_and_hides_no_other(
    spoil: Callable[[RunFolder], object], capsys: pytest.CaptureFixture[str]
) -> None:
    sound = finished(replace(REQUEST, seed=1))
    run = damaged_by(spoil)
    assert run.status == "damaged"
    assert run.problem
    assert {each.id for each in (*list_runs(), *unreadable_runs())} == {sound.id, run.id}
    assert sound.status == "finished"
    assert main(["runs", "--json"]) == 0
    rows = {row["run"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows[sound.id]["problem"] == ""
    assert rows[run.id]["status"] == "damaged"
    assert rows[run.id]["problem"] == run.problem
    assert main(["export", run.id]) == 2
    with pytest.raises(LabError):
        run.result()
    find_run(run.id).delete()
    assert [each.id for each in (*list_runs(), *unreadable_runs())] == [sound.id]


@pytest.mark.parametrize("spoil", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_run_is_computed_anew_when_it_is_started(spoil: Callable[[RunFolder], object]) -> None:
    run = damaged_by(spoil)
    if (run.path / "run.json").is_dir():
        (run.path / "run.json").rmdir()
    # Of a result that is sound itself, what was asked is written again: the folder is named by it.
    assert open_run(REQUEST).status in ("new", "finished")
    assert finished().result()["summary"]["accuracy"].iloc[0] == 0.5


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1}', "nul"])
def test_a_damaged_worker_file_is_no_obstacle(text: str) -> None:
    sound = finished(replace(REQUEST, seed=1))
    run = open_run(REQUEST)
    (run.path / "worker.json").write_text(text)
    assert run.status == "damaged"
    assert not run.worker_alive
    assert {each.id for each in list_runs()} == {sound.id, run.id}
    run.claim()
    assert run.status == "running"


def test_odd_names_hide_no_run_and_can_be_deleted() -> None:
    sound = finished()
    os.mkdir(os.fsencode(runs_dir()) + b"/odd\xff\nname")
    odd = Path(os.fsdecode(os.fsencode(runs_dir()) + b"/odd\xff\nname"))
    shutil.copy(sound.path / "request.json", odd)
    (odd / "name.txt").write_bytes(b"\xff\n\x1b[2Jx")
    assert list_runs() == [sound]
    (found,) = unreadable_runs()
    assert found.status == "damaged"
    for text in (found.shown_id, found.name, found.problem):
        text.encode()
        assert text.isprintable()
    found.delete()
    assert unreadable_runs() == []
    (deleted,) = trash.deleted_runs()
    assert trash.restore(deleted) == odd


def test_a_table_that_was_changed_is_told_when_it_is_read() -> None:
    run = finished()
    table_of(run).write_bytes(bytes([*table_of(run).read_bytes()[:-1], 0]))  # of the same size
    with pytest.raises(LabError, match="is not the one that was computed"):
        run.result()
    assert run.check_tables()
    assert open_run(REQUEST).status == "new"  # it is computed anew


def test_a_table_of_an_earlier_version_is_compared_by_its_values() -> None:
    run = finished()
    manifest = {name: value for name, value in run.manifest.items() if name != "files"}
    write_json(run.path / "run.json", manifest)
    assert run.result()["summary"]["accuracy"].iloc[0] == 0.5
    pd.DataFrame({"layer": ["a", "b"], "accuracy": [0.9, np.nan]}).to_parquet(table_of(run), index=False)
    with pytest.raises(LabError, match="not the one"):
        run.result()


def test_a_step_of_the_clock_interrupts_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil computes a process's birth from the time of day; the lab must not go by it."""
    run = open_run(REQUEST)
    run.claim()
    for step in (-3600.0, 1.5, 86_400.0):
        real = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda self, step=step, real=real: real(self) + step)
        monkeypatch.setattr(time, "time", lambda step=step: step)
        assert run.status == "running"
        monkeypatch.undo()
        monkeypatch.setenv("FEATURE_LAB_HOME", str(run.path.parent.parent))


def test_silence_is_counted_on_a_steady_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(REQUEST)
    run.claim()
    ProgressFile(run.path / "progress.json")("Working", 1, 10, "images")
    assert run.silence == ""
    now = processes.steady_seconds()
    monkeypatch.setattr("lab.runs.progress_file.steady_seconds", lambda: now + 34.2)
    assert run.silence == "no news for 34 s"
    assert run.problem == "no news for 34 s"


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGSTOP")
def test_a_stopped_worker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        run = open_run(REQUEST)
        run.claim(child.pid)
        ProgressFile(run.path / "progress.json")("Working", 1, 10, "images")
        stopped = psutil.Process(child.pid)
        stopped.suspend()
        while stopped.status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        now = processes.steady_seconds()
        monkeypatch.setattr("lab.runs.progress_file.steady_seconds", lambda: now + 60)
        assert run.status == "running"
        assert "its process is stopped" in run.silence
    finally:
        child.kill()
        child.communicate()


def test_a_run_that_waits_its_turn_is_queued() -> None:
    run = open_run(REQUEST)
    run.claim()
    ProgressFile(run.path / "progress.json")(QUEUED_STAGE, 0, 1, "runs")
    assert run.status == "queued"
    assert run.under_way
    with pytest.raises(LabError, match="cancel it"):
        run.delete()
    ProgressFile(run.path / "progress.json")("Working", 1, 10, "images")
    assert run.status == "running"


def test_what_killed_writers_left_is_swept_and_nothing_else() -> None:
    run = finished()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [run.path / f".run.json.{gone.pid}-0123abcd", run.path / "tables" / f".a.parquet.{gone.pid}-0123abcd"]
    others = [run.path / ".hidden", run.path / f".run.json.{os.getpid()}-0123abcd", run.path / ".x.1-2"]
    for path in (*left, *others):
        path.write_text("x")
    open_run(REQUEST)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in others)
    (home() / "cache" / "embeddings").mkdir(parents=True)
    (home() / "cache" / "embeddings" / f".s.{gone.pid}-0123abcd").write_bytes(b"123")
    assert sweep(home() / "cache", deep=True) == 3


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be flushed")
def test_the_folder_is_flushed_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    real_replace, real_sync = os.replace, os.fsync

    def sync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        real_sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", sync)

    def rename(source: Any, target: Any) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(files.os, "replace", rename)
    write_bytes(tmp_path / "x", b"x")
    assert steps == (["file", "rename", "folder"] if sys.platform == "linux" else steps)


def test_only_the_labs_own_files_are_deleted_and_they_come_back(tmp_path: Path) -> None:
    run = open_run(REQUEST, tmp_path / "mine")
    run.finish(Result(REQUEST, {"summary": pd.DataFrame({"accuracy": [1]})}, {"sources": REQUEST.sources()}))
    others = [run.path / "thesis.txt", run.path / "tables" / "mine.parquet", run.path / "notes" / "request.json"]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("four years")
    with pytest.raises(LabError, match="outside the home folder; add --yes"):
        run.delete()
    before = {path for path in run.path.rglob("*") if path.is_file()}
    run.delete(outside_home=True)
    assert {path for path in run.path.rglob("*") if path.is_file()} == set(others)
    trash.restore(trash.find_deleted("mine"))
    assert {path for path in run.path.rglob("*") if path.is_file()} == before
    assert run.result()["summary"]["accuracy"].tolist() == [1]


@pytest.mark.parametrize("text", ['{"a": 1}', "not json", '{"experiment": "tomorrow"}', "[]"])
def test_a_folder_with_somebody_elses_request_is_left_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text(text)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "thesis.txt").write_text("four years")
    for more in ([], ["--yes"]):
        assert main(["runs", "delete", str(tmp_path), *more]) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"request.json", "run.json", "thesis.txt"}


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_out_of_a_run_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.parquet").write_text("mine")
    run = open_run(REQUEST)
    (run.path / "tables").symlink_to(tmp_path / "photos")
    (run.path / "elsewhere").symlink_to(tmp_path / "photos")
    run.delete()
    trash.empty()
    assert (tmp_path / "photos" / "a.parquet").read_text() == "mine"


def test_the_command_line_deletes_and_restores(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished()
    assert main(["runs", "delete", run.id]) == 0
    assert list_runs() == []
    assert main(["runs", "--deleted", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["days_left"]) == (run.id, trash.KEEP_DAYS)
    assert main(["runs", "restore", run.id]) == 0
    assert run.result()["summary"]["accuracy"].iloc[0] == 0.5
    assert main(["runs", "restore", run.id]) == 2
    assert "no run" in capsys.readouterr().err


def test_a_run_that_was_computed_again_is_not_overwritten_by_restoring() -> None:
    run = finished(accuracy=0.1)
    deleted = run.delete()
    finished(accuracy=0.9)
    with pytest.raises(LabError, match="holds a run again"):
        trash.restore(deleted)
    assert run.result()["summary"]["accuracy"].iloc[0] == 0.9
    run.delete()
    assert {one.id for one in trash.deleted_runs()} == {run.id}
    trash.restore(trash.find_deleted(run.id))  # the latest of the two
    assert run.result()["summary"]["accuracy"].iloc[0] == 0.9


def test_the_trash_is_emptied_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    old = finished().delete()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 20 * trash.DAY)
    young = finished(replace(REQUEST, seed=1)).delete()
    assert {one.id for one in trash.deleted_runs()} == {old.id, young.id}
    monkeypatch.setattr(time, "time", lambda: now + 31 * trash.DAY)
    storage.clean()
    assert [one.id for one in trash.deleted_runs()] == [young.id]
    storage.clean(deleted=True)
    assert trash.deleted_runs() == []


def test_the_home_has_a_size_a_limit_and_is_cleaned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished()
    for number, kind in enumerate(("embeddings", "exemplars", "datasets")):
        path = home() / "cache" / kind / "x"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(100_000))
        os.utime(path, (number, number))
    assert storage.home_size().parts["cache"] == 300_000
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "250kB")
    storage.make_room()
    assert not (home() / "cache" / "embeddings" / "x").exists()  # the oldest, and no more than is needed
    assert (home() / "cache" / "exemplars" / "x").exists()
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "1kB")
    with pytest.raises(DiskFull, match="above its limit of"):
        storage.make_room()
    assert (home() / "cache" / "datasets" / "x").exists()  # what was downloaded goes only when that is asked for
    assert run.status == "finished"
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "much")
    with pytest.raises(LabError, match="such as 500MB"):
        storage.home_limit()
    monkeypatch.setenv("FEATURE_LAB_HOME_LIMIT", "20 GB")
    assert main(["clean", "--caches", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["freed"] == 100_000
    assert document["parts"]["cache"] == 0
    assert read_json(run.path / "run.json")
    busy = open_run(replace(REQUEST, seed=9))
    busy.claim()
    assert main(["clean", "--caches"]) == 2


def test_a_full_disk_is_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home())
    monkeypatch.setattr(shortages.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(DiskFull, match="a run needs 50 MB"):
        jobs.start(REQUEST)


def test_verify_computes_again_and_finds_what_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["probe", "--model", "test_resnet@untrained", "--data", "drawn:pets", "--per-class", "12", "--repeats", "1"]
    assert main([*asked, "--controls", "none", "--layers", "stages", "--json"]) == 0
    run = find_run(json.loads(capsys.readouterr().out)["run"])
    cached = {path for path in (home() / "cache").rglob("*") if path.is_file()}
    assert main(["verify", run.id]) == 0
    assert "came out the same, value for value" in capsys.readouterr().out
    assert {path for path in (home() / "cache").rglob("*") if path.is_file()} == cached
    assert not list(home().glob("verify-*"))
    tables = dict(run.result().tables)
    tables["summary"] = tables["summary"].assign(accuracy=lambda table: table["accuracy"] - 0.25)
    run.finish(Result(run.request, tables, run.manifest))  # a forged result, whole in itself
    assert main(["verify", run.id]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "summary (accuracy by up to 0.25)" in last
