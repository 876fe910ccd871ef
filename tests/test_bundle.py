"""A run as a zip: it opens elsewhere as it was, and no damaged or hostile zip leaves anything behind."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from fake_runs import failed_run, finished_run

from lab.cli.main import main
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.runs import trash
from lab.runs.bundle import MOST_TEXT, open_bundle, write_bundle
from lab.runs.folder import RunFolder
from lab.runs.store import find_run, list_runs
from lab.settings import home

Files = dict[str, bytes]


class Evil:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (Path.touch, ("/tmp/never",))  # type: ignore[return-value]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The bundle of a run that is not here any more."""
    run = finished_run()
    run.rename("my talk")
    run.tag(["Talk", "2026"])
    path = write_bundle(run, tmp_path / "run.zip")
    run.discard()
    assert list_runs() == []
    return path


def files_of(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_it_opens_as_it_was(bundle: Path, tmp_path: Path) -> None:
    run = open_bundle(bundle)
    assert (run.status, run.name, run.tags, run.at_home) == ("finished", "my talk", ("talk", "2026"), True)
    assert run.opened
    assert run.check_tables() == ""
    assert find_run("my talk") == run
    again = write_bundle(run, tmp_path / "again.zip")
    assert again.read_bytes() == bundle.read_bytes(), "the same run gives the same bytes"
    assert open_bundle(again) == run, "what is here already is left"
    run.delete()
    assert not run.path.exists(), "all its files are the lab's own"
    trash.restore(trash.find_deleted(run.id))
    assert run.tags == ("talk", "2026")


def test_the_command_line_takes_it_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    assert main(["runs", "tag", run.id, "talk"]) == 0
    assert main(["bundle", run.id, "--out", str(tmp_path)]) == 0
    path = Path(capsys.readouterr().out.strip())
    run.discard()
    assert main(["open", str(path)]) == 0
    assert capsys.readouterr().out.strip() == run.id
    assert run.tags == ("talk",)


def test_only_whole_runs_are_bundled(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be bundled"):
        write_bundle(failed_run(), tmp_path / "x.zip")
    run = finished_run(ProbeRequest(seed=3))
    table = run.path / "tables" / "summary.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(bytes(content))
    with pytest.raises(LabError, match="is not the one that was computed"):
        write_bundle(run, tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def changed_table(files: Files) -> Files:
    buffer = io.BytesIO()
    pd.read_parquet(io.BytesIO(files["tables/summary.parquet"])).assign(accuracy=1.0).to_parquet(buffer)
    return {**files, "tables/summary.parquet": buffer.getvalue()}


def with_json(name: str, **changes: object) -> Callable[[Files], Files]:
    return lambda files: {**files, name: json.dumps({**json.loads(files[name]), **changes}).encode()}


HOSTILE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a path that leads out": (lambda files: {**files, "../../outside": b"x"}, "a run has no file"),
    "an absolute path": (lambda files: {**files, "/tmp/outside": b"x"}, "a run has no file"),
    "a backslash": (lambda files: {**files, "tables\\..\\x.parquet": b"x"}, "a run has no file"),
    "a pickle": (lambda files: {**files, "tables/evil.pkl": pickle.dumps(Evil())}, "a run has no file"),
    "a pickle that is called a table": (
        lambda files: {**files, "tables/summary.parquet": pickle.dumps(Evil())}, "is not the one that was computed",
    ),
    "code": (lambda files: {**files, "setup.py": b"raise SystemExit"}, "a run has no file"),
    "a worker that never was": (lambda files: {**files, "worker.json": b"{}"}, "a run has no file"),
    "other numbers": (changed_table, "is not the one that was computed"),
    "no request": (lambda files: {n: c for n, c in files.items() if n != "request.json"}, "no request.json and run"),
    "a table that is missing": (
        lambda files: {n: c for n, c in files.items() if n != "tables/summary.parquet"}, "table summary is missing",
    ),
    "another question's id": (with_json("run.json", run="probe-000000000000"), "is not of what it asks"),
    "a question that is not known": (with_json("request.json", experiment="evil"), "asks nothing that this version"),
    "tables that lead out": (with_json("run.json", tables={"../../etc/passwd": "0"}), "does not name"),
    "no digests": (with_json("run.json", files={}), "does not name the tables"),
    "text that swells": (lambda files: {**files, "name.txt": b" " * (MOST_TEXT + 1)}, "would unpack to"),
    "no JSON": (lambda files: {**files, "run.json": b"\xff" * 10}, "no bundle that can be opened: its run.json"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_and_leaves_nothing(kind: str, bundle: Path, tmp_path: Path) -> None:
    change, told = HOSTILE[kind]
    path = zipped(tmp_path / "hostile.zip", change(files_of(bundle)))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(LabError, match=told) as caught:
        open_bundle(path)
    assert str(caught.value).startswith("hostile.zip")
    assert list_runs() == []
    assert not [p for p in home().rglob("*") if p.is_file()]
    assert set(tmp_path.rglob("*")) == before


def test_a_damaged_zip_is_refused_at_any_byte(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    opened = 0
    for place in (*range(0, len(whole), max(1, len(whole) // 60)), *range(len(whole) - 22, len(whole))):
        path = tmp_path / "damaged.zip"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            run = open_bundle(path)
        except LabError:
            continue
        opened += 1  # a byte that says nothing, such as a date
        assert run.check_tables() == ""
        run.discard()
    assert opened < 6 + 8  # the end of a zip numbers disks, too
    (tmp_path / "short.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LabError, match="no readable zip"):
        open_bundle(tmp_path / "short.zip")


def test_a_link_is_no_file(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files_of(bundle).items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 << 16) if name == "name.txt" else 0
            archive.writestr(entry, content)
    with pytest.raises(LabError, match="a run has no file"):
        open_bundle(path)


def test_a_run_with_other_numbers_is_not_replaced(bundle: Path) -> None:
    mine = finished_run(images=60)
    tables = mine.manifest["tables"]
    with pytest.raises(LabError, match="is here already, with other numbers"):
        open_bundle(bundle)
    assert RunFolder(mine.path).manifest["tables"] == tables
