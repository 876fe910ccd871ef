"""The command line: documents on stdout, everything else on stderr, exit 2 and one sentence for bad input."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest

from lab.cli import main, question
from lab.cli.main import _told as of_file
from lab.cli.terminal import show_table
from lab.errors import BeingComputed
from lab.experiments.attribution.request import ScoreRequest
from lab.experiments.base import Request
from lab.experiments.separability.request import ProbeRequest
from lab.names import names_in
from lab.probing.controls import OPTIONAL as CONTROLS
from lab.registry import EXPERIMENTS
from lab.runs import jobs
from lab.runs.store import RunFolder, find_run, list_runs
from lab.settings import Compute

SMALL = ["probe", "--model", "test_resnet@untrained", "--data", "drawn:pets", "--per-class", "12", "--repeats", "1"]


@pytest.fixture
def run_id(capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*SMALL, "--controls", "shuffled", "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["run"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["probe", "--controls", "shufled"], "nearest: shuffled"),
        (["probe", "--data", "no/such/folder"], "no/such/folder"),
        (["probe", "--data", "drawn:petz"], "drawn:pets"),
        (["probe", "--model", "tf_efficientnet_lite9"], "tf_efficientnet_lite"),
        (["probe", "--model", "tf_efficientnet_lite0@pakaged"], "packaged"),
        (["probe", "--layers", "blocks.9.9"], "blocks.9.9"),
        (["probe", "--pooling", "median"], "median"),
        (["probe", "--per-class", "1"], "per-class is 1"),
        (["probe", "--folds", "many"], "invalid int value"),
        (["probe", "--batch-size", "0"], "batch size is 0"),
        (["probe", "--device", "abacus"], "abacus"),
        (["probe", "--classes", "cat,unicorn"], "unicorn"),
        (["layers", "resnet51"], "resnet50"),
        (["runs", "delete", "nothing"], "no run 'nothing'"),
        (["export", "nothing"], "no run 'nothing'"),
        (["app", "--port", "99999"], "port is 99999"),
        (["probe", "--model", "test_resnet@best.pth"], "for a file write test_resnet@checkpoint:best.pth"),
        (["ladder", "--rungs", "hue,part", "--rungs", "hue"], "a rung was named twice among hue, part, hue"),
        (["which", "--sample", "3"], "sample is 3; it must be 16 or more"),
        (["prob"], "invalid choice"),
        (["width-vs-depth", "--seed", "1"], "write `feature-lab ask width_vs_depth`"),
        ([], "required"),
    ],
)
def test_bad_arguments_end_in_one_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert last.startswith("feature-lab: ")
    assert said in last
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(
    "command",
    [["sweep", "plan.toml"], ["probe"], ["visualize", "--layer", "x"], ["check", "a", "b"], ["which"], ["train"]],
)
def test_a_place_to_write_to_is_checked_before_the_work(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        assert main([*command, "--out", str(tmp_path / place)]) == 2
        assert capsys.readouterr().err.endswith(f"{tmp_path / 'file'} is a file; name a folder, or a place in one\n")


def test_the_atlas_needs_a_file_in_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["sweep", "plan.toml", "--html", str(tmp_path)]) == 2
    assert f"is a folder; name a file, such as {tmp_path / 'atlas.html'}" in capsys.readouterr().err
    assert main(["sweep", "plan.toml", "--html", str(tmp_path / "file" / "atlas.html")]) == 2
    assert f"{tmp_path / 'file'} is a file" in capsys.readouterr().err


def test_the_home_is_named_only_for_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path / "file" / "home"))
    for name, of_home in (("file", True), ("file/home/runs", True), ("elsewhere", False), ("file/homely", False)):
        told = of_file(NotADirectoryError(20, "Not a directory", str(tmp_path / name)))
        assert ("FEATURE_LAB_HOME" in str(told)) == of_home, name


def test_a_home_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path / "file" / "home"))
    assert main([*SMALL, "--controls", "none"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert str(tmp_path / "file") in last
    assert "FEATURE_LAB_HOME" in last


def test_json_is_one_document_with_every_layer_and_control(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert "Probing" in err
    (model,) = document["models"]
    assert model["verdict"]["outcome"] in ("for", "against", "undecided")
    assert document["images"] == 24
    assert set(document["baselines"]) == {"chance", "pixels"}
    for layer in model["layers"]:
        assert 0 <= layer["ci_low"] <= layer["accuracy"] <= layer["ci_high"] <= 1
        # The model is untrained itself, so it has no untrained twin.
        assert set(layer["controls"]) == {"shuffled", "matched"}
    depths = [layer["depth"] for layer in model["layers"]]
    assert depths == sorted(depths)


def test_the_table_names_every_layer_and_the_verdict(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--controls", "shuffled"]) == 0
    out, err = capsys.readouterr()
    result = find_run(run_id).result()
    assert all(layer in out for layer in result.tables["layers"].layer)
    assert result.manifest["verdicts"]["test_resnet@untrained:0"]["sentence"] in out
    assert "Already computed" in err


def test_the_printed_command_asks_the_same_again(run_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    command = shlex.split(find_run(run_id).manifest["command"])
    assert command[0] == "feature-lab"
    assert main([*command[1:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == run_id
    assert len(list_runs()) == 1


@pytest.mark.parametrize(
    "request_",
    [
        ProbeRequest(),
        ProbeRequest(models=("a@b", "c"), classes=("a b", "c'd"), per_class=7, seed=3, controls=()),
        ProbeRequest(classes=("-a", "b, c; d", '"quoted", "twice"', "e\nf", '5" disk', "=1+1")),
        ProbeRequest(layers="blocks.0,blocks.1", pooling="avg+max", folds=3, repeats=2, controls=tuple(CONTROLS)[:1]),
    ],
)
def test_every_field_travels_through_the_command_line(request_: ProbeRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    import shlex

    from lab.cli import question
    from lab.cli.main import parser

    asked: list[ProbeRequest] = []

    def catch(request: ProbeRequest, *_: object, wait: bool) -> None:
        asked.append(request)
        raise SystemExit

    monkeypatch.setattr(question, "computed_run", catch)
    given = parser().parse_args(shlex.split(request_.command())[1:])
    with pytest.raises(SystemExit):
        given.act(given)
    assert asked == [request_]


def test_bad_input_leaves_no_run_and_takes_none_away(run_id: str, tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    assert main(["probe", "--model", "test_resnet@untrained", "--data", str(tmp_path)]) == 2
    assert main(["probe", "--model", "test_resnet@untrained", "--data", "drawn:pets", "--layers", "nope"]) == 2
    assert [run.id for run in list_runs()] == [run_id]


@pytest.mark.parametrize("text", ["cat,dog", " cat , dog ", '"cat",dog', "cat,,dog,", 'cat,"dog'])
def test_classes_are_typed_with_commas_between_them(text: str) -> None:
    assert names_in(text) == ("cat", "dog")


@pytest.mark.parametrize("kind", [row.request_type for row in EXPERIMENTS.values()], ids=list(EXPERIMENTS))
def test_a_question_about_files_has_one_name_wherever_it_is_asked(
    kind: type[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "cat.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    paths = {} if kind is ScoreRequest else {"data": "pets", "probe_data": "pets", "picture": "pets/cat.png"}
    fields = {name: path for name, path in paths.items() if name in {f.name for f in dataclasses.fields(kind)}}
    here = kind(**fields).canonical()
    there = kind(**{name: str(tmp_path / path) for name, path in fields.items()}).canonical()
    assert here == there
    monkeypatch.chdir("/")
    assert here.canonical() == here


def test_runs_are_listed_renamed_exported_and_deleted(
    run_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "rename", run_id, "first try"]) == 0
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["status"], row["name"]) == (run_id, "finished", "first try")
    for form in ("csv", "parquet", "json", "html"):
        assert main(["export", "first try", "--format", form, "--out", str(tmp_path / form)]) == 0
        written = [Path(line) for line in capsys.readouterr().out.splitlines()]
        assert written
        assert all(path.exists() for path in written)
    for kind in ("npz", "safetensors"):
        assert main(["export", "first try", "--embeddings", kind, "--out", str(tmp_path)]) == 0
        assert Path(capsys.readouterr().out.strip()).stat().st_size > 1000
    assert main(["runs", "delete", "first try"]) == 0
    assert list_runs() == []


def test_tables_keep_text_to_the_left_and_numbers_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"name": ["a", "long"], "count": [1, 10_000], "share": [0.25, float("nan")], "right": [True, False]}
    show_table(pd.DataFrame({**table, "note": [None, "<b>\x1b[2J"]}))
    assert capsys.readouterr().out.splitlines() == [
        "name  count  share  right  note",
        "a         1   0.25  True",
        r"long  10000         False  <b>\x1b[2J",
    ]


def test_models_and_layers_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--search", "test_res*", "--json"]) == 0
    assert any(row["name"].startswith("test_resnet") for row in json.loads(capsys.readouterr().out))
    assert main(["layers", "tf_efficientnet_lite0", "--json"]) == 0
    layers = json.loads(capsys.readouterr().out)
    assert len(layers) == 18
    assert layers[0]["name"] == "bn1"
    assert main(["layers", "tf_efficientnet_lite0", "--layers", "stages"]) == 0
    assert "blocks.6" in capsys.readouterr().out


def test_with_wait_a_run_that_another_process_is_at_is_waited_for(
    lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def compute(run: RunFolder, *_: object) -> None:
        tries.append(run.id)
        if len(tries) < 3:
            raise BeingComputed("by another")

    monkeypatch.setattr(question, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "compute", compute)
    request = ProbeRequest(per_class=3)
    assert question.computed_run(request, Compute(), wait=True).id == request.canonical().run_id
    assert len(tries) == 3
    tries.clear()
    with pytest.raises(BeingComputed):
        question.computed_run(request, Compute())
