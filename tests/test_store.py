"""Runs on disk: nothing half-written is ever read, and status follows from files and processes alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.errors import LabError
from lab.experiments.base import RESULTS_VERSION
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.files import read_json, write_bytes, write_json
from lab.runs.processes import process_started
from lab.runs.store import RunFolder, find_run, list_runs, open_run, table_hash
from lab.settings import runs_dir
from lab.shortages import MemoryShort

REQUEST = ProbeRequest(models=("test_resnet@untrained",), data="drawn:pets").canonical()


def finished(request: ProbeRequest = REQUEST, accuracy: float = 0.5) -> RunFolder:
    run = open_run(request)
    tables = {"summary": pd.DataFrame({"layer": ["a", "b"], "accuracy": [accuracy, np.nan]})}
    run.finish(Result(request, tables, {"sources": request.sources(), "created": "now"}))
    return run


def test_a_finished_run_gives_back_its_tables_and_request() -> None:
    result = finished().result()
    pd.testing.assert_frame_equal(
        result.tables["summary"], pd.DataFrame({"layer": ["a", "b"], "accuracy": [0.5, np.nan]})
    )
    assert result.request == REQUEST
    assert result.manifest["tables"]["summary"] == table_hash(result.tables["summary"])


def test_pieces_outlive_the_process_and_vanish_with_the_result() -> None:
    run = open_run(REQUEST)
    run.partial_results["probe/a"] = {"p": np.arange(3.0)}
    np.testing.assert_array_equal(open_run(REQUEST).partial_results["probe/a"]["p"], np.arange(3.0))
    finished()
    assert "probe/a" not in run.partial_results


def test_a_damaged_piece_counts_as_absent() -> None:
    run = open_run(REQUEST)
    run.partial_results["k"] = {"p": np.arange(3.0)}
    file = next((run.path / "pieces").glob("*.npz"))
    file.write_bytes(file.read_bytes()[:20])
    assert "k" not in run.partial_results


def test_a_pickle_among_the_pieces_is_never_executed(tmp_path: Path) -> None:
    @dataclass
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    run = open_run(REQUEST)
    run.partial_results["k"] = {"p": np.arange(3.0)}
    np.savez(next((run.path / "pieces").glob("*.npz")), p=np.array([Hostile()], dtype=object))
    with pytest.raises(KeyError):
        run.partial_results["k"]
    assert not (tmp_path / "executed").exists()


def test_status_follows_files_and_process() -> None:
    run = open_run(REQUEST)
    assert run.status == "new"
    run.claim()
    assert run.status == "running"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    started = process_started(gone.pid)
    gone.wait()
    write_json(run.path / "worker.json", {"pid": gone.pid, "started": started})
    assert run.status == "interrupted"
    assert "goes on" in run.problem
    run.fail("the disk is full", "crash")
    assert (run.status, run.problem) == ("failed", "the disk is full")
    run.fail("cancelled by the user", "cancelled")
    assert run.status == "cancelled"
    assert finished().status == "finished"


def test_another_process_with_the_same_number_is_not_the_worker() -> None:
    run = open_run(REQUEST)
    write_json(run.path / "worker.json", {"pid": os.getpid(), "started": "0 0"})
    assert not run.worker_alive


def test_a_zombie_is_not_alive() -> None:
    run = open_run(REQUEST)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run.claim(child.pid)
    assert run.worker_alive
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not run.worker_alive
    child.communicate()


def test_a_result_whose_sources_changed_is_computed_anew(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"one")
    request = replace(REQUEST, data=str(tmp_path))
    assert finished(request).status == "finished"
    assert open_run(request).status == "finished"
    (tmp_path / "dog" / "2.png").write_bytes(b"two")
    assert open_run(request).status == "new"


def test_a_result_of_an_older_version_is_computed_anew() -> None:
    run = finished()
    write_json(run.path / "run.json", {**run.manifest, "results_version": RESULTS_VERSION - 1})
    assert open_run(REQUEST).status == "new"


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("four years")
    with pytest.raises(LabError, match="other files"):
        open_run(REQUEST, tmp_path)
    other = tmp_path / "run"
    open_run(REQUEST, other)
    with pytest.raises(LabError, match="another run"):
        open_run(replace(REQUEST, seed=1), other)


@pytest.mark.parametrize("left", ["name.txt", ".request.json.0123abcd"])
def test_what_a_killed_or_deleted_run_leaves_is_not_in_the_way(left: str, tmp_path: Path) -> None:
    run = open_run(REQUEST)
    run.delete()
    for folder in (run.path, tmp_path):
        folder.mkdir(exist_ok=True)
        (folder / left).write_text("x")
    assert open_run(REQUEST).status == open_run(REQUEST, tmp_path).status == "new"


def test_a_request_that_may_not_be_read_is_told_with_the_reason() -> None:
    run = finished()
    (run.path / "request.json").unlink()
    (run.path / "request.json").mkdir()
    with pytest.raises(LabError, match=r"request\.json cannot be read"):
        _ = RunFolder(run.path).request
    (run.path / "request.json").rmdir()
    (run.path / "request.json").symlink_to("request.json")  # round and round
    with pytest.raises(LabError, match=r"request\.json cannot be read"):
        _ = RunFolder(run.path).request


def test_a_run_folder_is_known_by_its_path(tmp_path: Path) -> None:
    assert len({RunFolder(tmp_path), RunFolder(tmp_path), RunFolder(tmp_path / "other")}) == 2


def test_a_failure_without_room_for_its_sentence_is_no_further_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(REQUEST)
    run.claim()
    tried = []

    def full(path: Path, _value: object) -> None:
        tried.append(path.name)
        raise LabError("no room")

    monkeypatch.setattr("lab.runs.folder.write_json", full)
    assert not (run.path / "progress.json").exists()
    run.fail("it went wrong", "crash")
    assert tried == ["error.json", "error.json"]


def test_tables_come_back_without_the_index_they_had() -> None:
    run, table = open_run(REQUEST), pd.DataFrame({"layer": ["a", "b"], "accuracy": [0.5, 1.0]}, index=[7, 3])
    run.finish(Result(REQUEST, {"summary": table}, {"sources": REQUEST.sources(), "created": "now"}))
    pd.testing.assert_frame_equal(run.result()["summary"], table.reset_index(drop=True))


def test_memory_that_is_short_is_not_taken_for_a_damaged_table(monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished()

    def short(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("lab.runs.tables.pd.read_parquet", short)
    with pytest.raises((MemoryError, MemoryShort)):
        run.result()["summary"].sum()


@pytest.mark.parametrize("worker", [{}, {"pid": os.getpid()}, {"pid": "x", "started": 1}, {"pid": None, "started": 1}])
def test_a_worker_that_is_not_named_in_full_is_not_alive(worker: dict[str, object]) -> None:
    run = open_run(REQUEST)
    write_json(run.path / "worker.json", worker)
    assert not run.worker_alive
    assert run.status in ("interrupted", "damaged")


def test_a_finished_run_and_one_that_has_just_begun_have_nothing_to_say() -> None:
    assert finished().problem == ""
    begun = open_run(replace(REQUEST, seed=2))
    assert begun.problem == ""
    begun.claim()
    assert begun.problem == ""


def test_a_table_of_another_size_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished()
    assert run.check_tables() == ""
    table = run.path / "tables" / "summary.parquet"
    file = table if table.exists() else next(run.path.rglob("summary.parquet"))
    file.write_bytes(file.read_bytes() + b"x")
    assert "summary" in run.check_tables()


def test_a_deleted_run_cannot_be_renamed() -> None:
    run = finished()
    run.delete()
    for name in ("mine", ""):
        with pytest.raises(LabError, match="no longer there"):
            run.rename(name)
    assert not run.path.exists()


def test_rename_find_list_delete() -> None:
    first, second = finished(), finished(replace(REQUEST, seed=1))
    first.rename("  my   run ")
    assert first.name == "my run"
    assert find_run("my run") == find_run(first.id) == find_run(str(first.path)) == first
    assert find_run(first.id[:-2]) == find_run(first.id.removeprefix("probe-")[:-2]) == first
    os.utime(first.path, (1, 1))
    assert [run.id for run in list_runs()] == [second.id, first.id]  # the latest comes first
    first.rename("")
    assert first.name == REQUEST.title()
    with pytest.raises(LabError, match="fits 2 runs"):
        find_run("probe-")
    with pytest.raises(LabError, match="no run 'nothing'"):
        find_run("nothing")
    first.delete()
    assert [run.id for run in list_runs()] == [second.id]


@pytest.mark.parametrize(
    "request_text", ['{"experiment": "of tomorrow"}', "half a wri", '{"experiment": "probe", "x": 1}', "[]"]
)
def test_a_folder_that_cannot_be_understood_hides_no_other_run(request_text: str) -> None:
    known = finished()
    strange = known.path.parent / "strange"
    strange.mkdir()
    (strange / "request.json").write_text(request_text)
    assert [run.id for run in list_runs()] == [known.id]
    assert find_run(known.id) == known


def test_a_run_under_way_is_not_deleted() -> None:
    run = open_run(REQUEST)
    run.claim()
    with pytest.raises(LabError, match="cancel it"):
        run.delete()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_bytes(target, b"old")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name != "posix", reason="there is no umask")
def test_files_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "report.html", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o640


def test_json_files_hold_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "x.json", {"value": float("nan")})
    assert read_json(tmp_path / "x.json") is None


def test_killing_a_writer_at_any_instant_never_leaves_half_a_run() -> None:
    """A writer that is killed again and again: what is read afterwards is a whole result or none."""
    code = (
        "import pandas as pd, numpy as np, sys\n"
        "from lab.experiments.result import Result\n"
        "from lab.experiments.separability.request import ProbeRequest\n"
        "from lab.runs.store import open_run\n"
        "r = ProbeRequest(models=('test_resnet@untrained',), data='drawn:pets')\n"
        "print('ready', flush=True)\n"
        "for i in range(10**6):\n"
        "    x = np.full(2000, i)\n"
        "    t = {'summary': pd.DataFrame({'accuracy': x}), 'layers': pd.DataFrame({'depth': x})}\n"
        "    run = open_run(r); run.finish(Result(r, t, {'sources': r.sources()})); run.reopen()\n"
    )
    for milliseconds in (5, 40, 90):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=dict(os.environ))
        assert writer.stdout is not None
        writer.stdout.readline()
        try:
            writer.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            writer.kill()
        writer.communicate()
        run = next(iter(list_runs()), None)
        if run is not None and run.status == "finished":
            assert set(run.result().tables) == {"summary", "layers"}
            for table in run.result().tables.values():
                assert len(table) == 2000
    assert runs_dir().exists()


def test_a_result_that_is_cut_short_at_any_write_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finishing stops at its first, second, … file: there is no run.json before all tables are there, and what was
    finished in parts is still there to go on from."""
    tables = {"summary": pd.DataFrame({"accuracy": [0.5]}), "layers": pd.DataFrame({"depth": [0.0, 1.0]})}
    result, order = Result(REQUEST, tables, {"sources": REQUEST.sources()}), ["summary.parquet", "layers.parquet"]
    for allowed in range(3):
        run, put = open_run(REQUEST), _stop_after(allowed, monkeypatch)
        run.partial_results["part"] = {"values": np.arange(3)}
        with put as names, pytest.raises(KeyboardInterrupt):
            run.finish(result)
        assert names == order[:allowed]
        assert run.status == "new"
        assert "part" in run.partial_results
    with _stop_after(3, monkeypatch) as names:
        run.finish(result)
    assert names == [*order, "run.json"]
    assert set(run.result().tables) == set(tables)
    assert "part" not in run.partial_results


@contextmanager
def _stop_after(allowed: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let a block put `allowed` files at their places and stop it at the next; give the names of those it put."""
    replaced, names = os.replace, list[str]()

    def put(source: Path, target: Path) -> None:
        if len(names) == allowed:
            raise KeyboardInterrupt
        replaced(source, target)
        names.append(Path(target).name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", put)
        yield names


def test_finished_parts_of_other_files_are_not_gone_on_from() -> None:
    run = open_run(ProbeRequest())
    run.begin({"data": "as it was"})
    run.partial_results["part"] = {"values": np.arange(3)}
    run.begin({"data": "as it was"})
    assert "part" in run.partial_results
    run.begin({"data": "changed"})
    assert "part" not in run.partial_results
