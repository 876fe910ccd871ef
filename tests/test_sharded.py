"""A set in shards, passed shard by shard: the tables of the whole set, whatever the order, engine, tries or deaths."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from test_shards import SHARDS, tar

import lab
from lab.cli import main
from lab.embeddings.sharded import Passing, is_passed, pass_shard
from lab.experiments.other_probes.many_images import ManyImagesRequest, run
from lab.images import tar_shards
from lab.images.shards import shards_of
from lab.models import card, load_model
from lab.sweeps import shard_units, slurm_engine
from lab.sweeps.attempt import FINISHED
from lab.sweeps.engines import ENGINES, Engine

NET = "test_resnet@untrained:0"
LAYERS = "layer1.0,layer4.0"
PARTS = [range(20 * k, 20 * k + 20) for k in range(3)]
LEFT_OUT = ["seconds", "finished", "planned"]


@pytest.fixture
def spec(tmp_path: Path) -> str:
    for number, part in enumerate(PARTS):
        (tmp_path / f"pets-{number:03d}.tar").write_bytes(tar(part))
    return f"{tmp_path}/pets-*.tar"


def asked(spec: str, **more: Any) -> lab.Result:
    return run(ManyImagesRequest(model=NET, data=spec, layers=LAYERS, **more))


def same(one: lab.Result, other: lab.Result) -> None:
    for name in ("accuracies", "similarity", "controls"):
        left = [column for column in LEFT_OUT if column in one[name]]
        pd.testing.assert_frame_equal(one[name].drop(columns=left), other[name].drop(columns=left), rtol=1e-12)


@pytest.mark.parametrize("kind", SHARDS)
def test_shards_one_by_one_give_the_tables_of_the_set_opened_whole(kind: str, tmp_path: Path) -> None:
    for number, part in enumerate(PARTS):
        (tmp_path / f"{number}.{kind}").write_bytes(SHARDS[kind](part))
    found = asked(str(tmp_path))
    assert found["accuracies"]["finished"].tolist() == found["accuracies"]["planned"].tolist() == [3, 3]
    assert found["accuracies"]["images"].tolist() == [60, 60]
    same(found, asked(str(tmp_path), per_class=1000))  # which opens it whole
    grouped = asked(f"{tmp_path}/*.{kind}?group=site")
    same(grouped, asked(f"{tmp_path}/*.{kind}?group=site", per_class=1000))
    assert grouped["accuracies"]["ci_low"].tolist() != found["accuracies"]["ci_low"].tolist()


def test_each_image_is_read_once_and_a_finished_shard_not_again(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []
    real = tar_shards.TarReader.__call__

    def counting(self: tar_shards.TarReader) -> bytes:
        read.append((self.shard.name, self.offset))
        return real(self)

    monkeypatch.setattr(tar_shards.TarReader, "__call__", counting)
    first = asked(spec)
    assert len(read) == len(set(read)) == 60
    same(first, asked(spec))
    assert len(read) == 60


def here(work: Callable[..., str], order: random.Random, units: Any, setup: Any) -> Any:
    """An engine of this process: units in any order, some twice."""
    for unit in order.sample([*units, *units[:1]], len(units) + 1):
        yield unit, work(*setup.arguments(unit))


def engine_of(work: Callable[..., str], monkeypatch: pytest.MonkeyPatch, seed: int = 0) -> None:
    row = shard_units.engine_named("local")
    made = type(row)("local", "", functools.partial(here, work, random.Random(seed)))
    monkeypatch.setattr(shard_units, "engine_named", lambda _: made)


@pytest.mark.parametrize("seed", [0, 1])
def test_any_order_and_a_shard_twice_give_the_same(spec: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_of(shard_units.passed, monkeypatch, seed)
    assert lab.pass_shards(NET, spec, layers=LAYERS)["status"].tolist() == [FINISHED] * 3
    same(asked(spec), asked(spec, per_class=1000))


def test_a_shard_that_fails_three_times_is_set_aside_and_tried_again_when_it_is_asked_for(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def poisoned(request: Mapping[str, Any], device: str, batch_size: int) -> str:
        if request["shard"]["name"] == "pets-001.tar":
            tries.append(1)
            return "MemoryError: too much"
        return shard_units.passed(request, device, batch_size)

    engine_of(poisoned, monkeypatch)
    found = lab.pass_shards(NET, spec, layers=LAYERS).set_index("shard")
    assert len(tries) in (3, 4)  # the engine names one unit twice
    assert found.loc["pets-001.tar"].tolist() == ["set aside", "MemoryError: too much"]
    result = asked(spec)
    assert result["accuracies"][["images", "finished", "planned"]].to_numpy().tolist() == [[40, 2, 3]] * 2
    assert "1 of the 3 shards are not there whole: pets-001.tar (MemoryError: too much)" in result.manifest["notes"][-1]
    engine_of(shard_units.passed, monkeypatch)
    assert (lab.pass_shards(NET, spec, layers=LAYERS)["status"] == FINISHED).all()
    same(asked(spec), asked(spec, per_class=1000))


def test_a_shard_cut_off_counts_as_far_as_it_can_be_read(spec: str) -> None:
    path = Path(spec.replace("*", "002"))
    path.write_bytes(path.read_bytes()[:40000])
    (path.parent / "pets-003.tar").write_bytes(b"no tar at all" * 100)
    found = asked(spec)
    assert asked(spec.replace("*", "002"), folds=2)["accuracies"]["images"].iloc[0] < 20, "the shard as it is now"
    same(found, asked(spec, per_class=1000))
    assert 40 < found["accuracies"]["images"].iloc[0] < 60
    assert "2 of the 4 shards" in found.manifest["notes"][-1]
    assert "pets-003.tar" in found.manifest["notes"][-1]


def test_equal_files_of_two_classes_are_left_out_and_copies_share_a_fold(spec: str, tmp_path: Path) -> None:
    (tmp_path / "pets-003.tar").write_bytes(tar(range(10, 14)))  # copies of the first shard's
    found = asked(spec)
    assert found["accuracies"]["images"].iloc[0] == 64
    same(found, asked(spec, per_class=1000))


def test_what_a_killed_writer_left_is_written_anew(spec: str) -> None:
    first = asked(spec)
    shard = shards_of(spec)[0]
    known = card(NET)
    passing = Passing(known, tuple(layer for layer in known.layers if layer.name in LAYERS.split(",")), {})
    folder = passing.folder(shard)
    assert is_passed(folder)
    (folder / "images.parquet").unlink()
    (folder / "000007.safetensors").write_bytes(b"half")
    assert not is_passed(folder)
    assert pass_shard(load_model(NET), passing, shard) == 20
    assert is_passed(folder)
    same(asked(spec), first)
    next(folder.glob("*.safetensors")).unlink()
    assert not is_passed(folder)
    same(asked(spec), first)


def test_processes_pass_shards_and_the_command_says_how_many(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--model", NET, "--data", spec, "--layers", LAYERS]
    assert main(["shards", *words, "--workers", "1"]) == 0
    assert "3 of 3 shards are passed; what can be read of them: feature-lab ask many_images" in capsys.readouterr().err
    monkeypatch.setattr("lab.embeddings.sharded.pieces_of", None)  # nothing is read again
    assert asked(spec)["accuracies"]["images"].tolist() == [60, 60]
    assert main(["shards", "--model", NET, "--data", "drawn:pets"]) == 2
    assert "does not lie in shards" in capsys.readouterr().err


def test_jobs_of_slurm_pass_shards_and_one_that_is_killed_is_tried_again(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With submitit's own executor for one machine, in the place of Slurm."""
    Path(spec.replace("*", "002")).unlink()
    monkeypatch.setitem(ENGINES, "slurm", Engine("slurm", "", functools.partial(slurm_engine.run, cluster="local")))
    monkeypatch.setattr(slurm_engine, "POLL_SECONDS", 0.1)
    monkeypatch.setattr("submitit.Job._results_timeout_s", 0.5)  # for answers of dead jobs to come over a slow folder
    submitted, jobs = slurm_engine._submitted, []

    def first_job_killed(*of: Any) -> Any:
        pairs = submitted(*of)
        if not jobs:
            threading.Timer(1, pairs[0][0]._process.kill).start()
        jobs.extend(pairs)
        return pairs

    monkeypatch.setattr(slurm_engine, "_submitted", first_job_killed)
    found = lab.pass_shards(NET, spec, layers=LAYERS, engine="slurm", workers=2)
    assert found["status"].tolist() == [FINISHED] * 2
    assert jobs[0][0].state == "INTERRUPTED"
    assert [unit.request.shard.name[5:8] for _, unit in jobs] == ["000", "001", "000"]
    with monkeypatch.context() as patch:
        patch.setattr("lab.embeddings.sharded.pieces_of", None)  # nothing is read again
        found = asked(spec)
    same(found, asked(spec, per_class=1000))
