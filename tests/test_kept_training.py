"""What a training of one's own was watched by is a run: it opens again, on the pages too; other results are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pages_helpers import healthy, opened, said
from torch import nn

import lab
from lab.errors import BeingComputed, LabError
from lab.experiments.training.request import WatchRequest
from lab.export.formats import export_run
from lab.registry import charts_of, request_from
from lab.runs.jobs import sole_worker
from lab.runs.store import find_run, list_runs

IMAGES = 60
LABELS = np.arange(IMAGES) % 2


class Small(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def pictures() -> torch.Tensor:
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(IMAGES, 1, 8, 8)).astype(np.float32))
    return noise + torch.from_numpy(LABELS)[:, None, None, None].float()


def watched(steps: int = 3, keep: str = "mine", seed: int = 0) -> lab.TrainingProbes:
    probes = lab.TrainingProbes(Small(), pictures(), LABELS, ["0", "4"], seed=seed, keep=keep)
    for step in range(steps):
        probes(step)
        with torch.no_grad():
            probes.network[4].weight.add_(0.5)  # type: ignore[index]
    return probes


def test_it_opens_with_what_was_read_and_grows_with_every_step(lab_home: Any) -> None:
    probes = watched(1)
    assert lab.load_run("mine").findings == []
    for step in (1, 2):
        probes(step)
    read = lab.load_run("mine")
    assert read.findings == probes.findings
    assert len(read.findings) == 3
    for name, table in probes.tables.items():
        pd.testing.assert_frame_equal(read[name], table, check_dtype=False)
    (run,) = list_runs()
    assert (run.name, run.status, run.request.title()) == ("mine", "finished", "Small while it learnt")
    assert run.fresh
    assert lab.runs()["question"].tolist() == ["watch"]


def test_another_name_or_seed_is_another_run_and_none_keeps_nothing(lab_home: Any) -> None:
    watched(1, keep="")
    assert not list_runs()
    for keep, seed in (("a", 0), ("b", 0), ("a", 1)):
        watched(1, keep=keep, seed=seed)
    assert len(list_runs()) == 3
    watched(2, keep="b")
    assert len(list_runs()) == 3
    assert lab.load_run("b")["probes"]["step"].nunique() == 3  # two steps, and the pixels


def test_it_is_told_that_it_came_from_python_and_is_not_computed_anew(lab_home: Any) -> None:
    request = watched(2).result.request
    assert isinstance(request, WatchRequest)
    assert request.command().startswith("# the network Small came from Python: lab.TrainingProbes(Small, images, ")
    assert request.sources() == {}
    assert request_from(request.as_dict()) == request.canonical() == request
    with pytest.raises(LabError, match="the network Small learnt in a Python process"):
        lab.ask("watch", model=request.model)


def test_other_results_are_not_kept_and_nobody_writes_at_once(lab_home: Any) -> None:
    with pytest.raises(LabError, match="is kept by whoever computes it as a run: `feature-lab ask"):
        lab.ask("slide").keep()
    probes = watched(1)
    with sole_worker(find_run("mine")), pytest.raises(BeingComputed):
        probes(1)


def test_checkpoints_are_kept_alike_and_exported(lab_home: Any, tmp_path: Any) -> None:
    first, last = Small(), Small()
    with torch.no_grad():
        last[4].weight.add_(1.0)
    given = (pictures().numpy(), LABELS)
    found = lab.watch({0: first, 9: last}, given, layers=["0", "4"], keep="checkpoints")
    read = lab.load_run("checkpoints")
    pd.testing.assert_frame_equal(read["gains"], found["gains"], check_dtype=False)
    assert charts_of(read).keys() == {"probes", "layers"}
    for name in ("html", "csv", "svg"):
        assert export_run(read, name, tmp_path / name)
    assert "came from Python" in (tmp_path / "html").glob("*.html").__next__().read_text()


def test_pages_show_its_curves_and_list_it(lab_home: Any) -> None:
    run_id = watched(2).result.request.run_id
    app = healthy(opened("train_and_watch", run=run_id))
    assert "2 steps read so far, the last is 1" in said(app)
    assert [tab.label for tab in app.tabs] == ["Layers"]
    assert len(app.get("vega_lite_chart")) == 2
    app.button(key="leave_watched").click().run()
    assert healthy(app).selectbox(key="train_model")
    app.button(key=f"show_{run_id}").click().run()
    assert "2 steps read so far" in said(healthy(app))
    assert "mine" in said(healthy(opened("runs")))
    watched(1, keep="short")
    one = healthy(opened("train_and_watch", run=find_run("short").id))
    assert "1 step read so far" in said(one)
