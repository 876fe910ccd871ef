"""Runs in trackers: written by the adapters, read back by the real packages, without a network."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_runs import finished_run

import lab
from lab.cli import main
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.export.trackers import TRACKERS, log
from lab.export.trackers.rows import scalars

TWO = ProbeRequest(models=("test_resnet@untrained:0", "test_vit@untrained:0"))


@pytest.fixture
def result() -> Result:
    return finished_run().result()


def curves(result: Result) -> dict[str, list[float]]:
    """What a reader must find: the accuracies of each control by layer, straight from the table."""
    layers = result["summary"].query("layer != ''")
    return {f"{control}/accuracy": list(rows["accuracy"]) for control, rows in layers.groupby("control", sort=False)}


def test_curves_have_a_step_a_layer(result: Result) -> None:
    found: dict[str, list[float]] = {}
    for one in scalars(result):
        assert one.step == len(found.setdefault(one.name, []))
        found[one.name].append(one.value)
    assert {name: found[name] for name in curves(result)} == curves(result)


def test_several_networks_have_curves_of_their_own() -> None:
    names = {one.name for one in scalars(finished_run(TWO).result())}
    assert {"test_resnet_untrained:0/probe/accuracy", "test_vit_untrained:0/probe/accuracy"} <= names


def test_tensorboard_reads_scalars_charts_and_the_projector_back(result: Result, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    vectors = np.random.default_rng(0).normal(size=(len(result["images"]), 5)).astype(np.float32)
    (place,) = log(result, "tensorboard", tmp_path, embeddings={"net/blocks.0.0": vectors})
    read = reader.EventAccumulator(place).Reload()
    for name, values in curves(result).items():
        events = read.Scalars(name)
        assert [event.value for event in events] == pytest.approx(values, abs=1e-6)
        assert [event.step for event in events] == list(range(len(values)))
    assert "charts/accuracy" in read.Tags()["images"]
    text = read.Tensors("findings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert result.findings[0] in text
    config = (Path(place) / "projector_config.pbtxt").read_text()
    (tensors,) = Path(place).rglob("tensors.tsv")
    assert np.loadtxt(tensors) == pytest.approx(vectors, abs=1e-5)
    metadata = pd.read_csv(tensors.with_name("metadata.tsv"), sep="\t")
    assert list(metadata["class"]) == list(result["images"]["class"])
    assert "sprite.png" in config


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of the versions of its libraries
def test_mlflow_finds_what_was_asked_and_every_layer(result: Result, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    (uri,) = log(result, "mlflow", tmp_path)
    store, _, run_id = uri.partition("#")
    client = mlflow.MlflowClient(tracking_uri=store)
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["data"] == result.request.as_dict()["data"]
    assert run.data.tags["lab.run"] == result.request.run_id
    for name, values in curves(result).items():
        history = sorted(client.get_metric_history(run_id, name), key=lambda metric: metric.step)
        assert [metric.value for metric in history] == pytest.approx(values)
    assert run.data.metrics["best/probe/accuracy"] == pytest.approx(max(curves(result)["probe/accuracy"]))
    mlflow.set_tracking_uri(store)
    with mlflow.start_run(experiment_id=run.info.experiment_id) as opened:
        assert log(result, "mlflow", tmp_path / "elsewhere") == [uri.replace(run_id, opened.info.run_id)]
    assert not (tmp_path / "elsewhere").exists()  # it went into the run that was open
    assert "probe/accuracy" in client.get_run(opened.info.run_id).data.metrics
    (tmp_path / "taken").mkdir()
    kept = client.download_artifacts(run_id, "", str(tmp_path / "taken"))
    (summary,) = Path(kept).rglob("summary.parquet")
    assert len(pd.read_parquet(summary)) == len(result["summary"])


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format, after a header of 7 bytes: blocks of 32 KiB, records in parts."""
    at, parts = 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # no part begins in the last bytes of a block
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


@pytest.mark.filterwarnings("ignore")  # the client's own, of libraries it was built against
def test_wandb_keeps_a_run_that_can_be_read_offline(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    (place,) = log(result, "wandb", tmp_path)
    (file,) = Path(place).glob("*.wandb")
    history, kinds = [], set()
    for data in leveldb_records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kinds.add(record.WhichOneof("record_type"))
        if record.WhichOneof("record_type") == "history":
            history.append({item.key or "/".join(item.nested_key): item.value_json for item in record.history.item})
    for name, values in curves(result).items():
        assert [float(row[name]) for row in history if name in row] == pytest.approx(values)
    assert [int(row["layer"]) for row in history if "layer" in row] == list(range(len(values)))
    assert "exit" in kinds, "the file is whole when it is handed over"
    assert any("charts/accuracy" in " ".join(row) for row in history)


@pytest.mark.filterwarnings("ignore")
def test_croissant_is_valid_and_gives_the_images(result: Result, tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    about, _ = log(result, "croissant", tmp_path)
    data = mlc.Dataset(jsonld=about)
    rows = list(data.records("images"))
    assert not data.metadata.ctx.issues.errors
    text = [{k.rpartition("/")[2]: v.decode() if isinstance(v, bytes) else v for k, v in row.items()} for row in rows]
    assert [row["image"] for row in text] == list(result["images"]["image"])
    assert [row["class"] for row in text] == list(result["images"]["class"])
    assert [int(row["group"]) for row in text] == list(result["images"]["group"])


def test_the_atlas_holds_a_map_and_a_picture_an_image(result: Result, tmp_path: Path) -> None:
    from PIL import Image

    (path,) = log(result, "atlas", tmp_path)
    table = pd.read_parquet(path)
    assert list(table["name"]) == list(result["images"]["image"])
    Image.open(io.BytesIO(table["image"].iloc[0]["bytes"])).verify()
    layer = table["layer"].iloc[0]
    maps = result["projection"].query("layer == @layer").set_index("image")
    assert table["x"].to_list() == pytest.approx(maps.loc[table["name"], "x"].to_list())
    assert {"predicted", "p_true"} <= set(table.columns)
    probes = result["summary"].query("control == 'probe'")
    assert probes.set_index("layer")["accuracy"].idxmax() == layer


def test_hugging_face_reads_the_evaluation(tmp_path: Path) -> None:
    import yaml
    from huggingface_hub import parse_eval_result_entries

    result = finished_run(TWO).result()
    (path,) = log(result, "eval-results", tmp_path)
    assert Path(path).parent.name == ".eval_results"
    entries = parse_eval_result_entries(yaml.safe_load(Path(path).read_text()))
    best = result["summary"].query("control == 'probe'").groupby("model", sort=False)["accuracy"].max()
    assert [entry.value for entry in entries] == pytest.approx(best.round(4).to_list())
    assert all("95 % interval" in entry.notes for entry in entries)


def test_the_command_line_hands_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    assert main(["export", run.id, "--to", "atlas", "--out", str(tmp_path)]) == 0
    assert Path(capsys.readouterr().out.strip()).exists()
    assert main(["export", run.id, "--projector", "--to", "atlas"]) == 2
    assert "--projector is for TensorBoard" in capsys.readouterr().err


def test_what_cannot_be_handed_over_is_told(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabError, match="no tracker 'tensorbord'; nearest: tensorboard"):
        log(result, "tensorbord")
    with pytest.raises(LabError, match="no curves over layers or steps"):
        log(lab.ask("slide"), "tensorboard", tmp_path)
    with pytest.raises(LabError, match="has no maps"):
        log(lab.ask("slide"), "atlas", tmp_path)
    with pytest.raises(LabError, match="probed no layers"):
        log(lab.ask("slide"), "eval-results", tmp_path)
    monkeypatch.setattr("lab.export.trackers.find_spec", lambda name: None)
    for row in TRACKERS.values():
        if row.package:
            with pytest.raises(LabError, match=f"{row.package} is not installed"):
                log(result, row.name, tmp_path)


def test_a_file_in_the_way_is_told(result: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(LabError, match="cannot be written to"):
        log(result, "atlas", tmp_path / "file")


def test_a_watched_training_has_a_curve_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    probes = pd.DataFrame(
        {"step": [-1, 0, 0, 8, 8], "layer": ["", "a", "b", "a", "b"], "control": ["pixels", *["probe"] * 4],
         "accuracy": [0.5, 0.5, 0.6, 0.7, 0.9], "ci_low": 0.1, "ci_high": 0.9}
    )  # fmt: skip
    watched: Any = Result(ProbeRequest(), {}, {})
    object.__setattr__(watched, "tables", {"probes": probes})
    found = [(one.step, one.value) for one in scalars(watched) if one.name == "probe/b/accuracy"]
    assert found == [(0, 0.6), (8, 0.9)]
    assert json.dumps([one.name for one in scalars(watched)]).count("pixels") == 0
