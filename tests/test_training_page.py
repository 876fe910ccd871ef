"""The page *Train and watch* in every state, without a browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from pages_helpers import healthy, opened, said

from lab.experiments.ladder.steps import LadderStepsRequest
from lab.experiments.result import Result
from lab.experiments.training.request import TrainRequest, WatchRequest
from lab.experiments.training.train import run as teach
from lab.experiments.training.watch import run as watch
from lab.files import write_json
from lab.runs import jobs
from lab.runs.progress_file import ProgressFile
from lab.runs.store import RunFolder, open_run
from lab.training.loop import HISTORY
from lab.weights.trained import list_trained

QUICK = TrainRequest("test_resnet", per_class=14, size=32, epochs=3, name="page")


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("page")
        patch.setenv("FEATURE_LAB_HOME", str(home))
        return home, teach(QUICK), watch(WatchRequest("test_resnet@lab:page", layers="stages"))


@pytest.fixture
def at_home(computed: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FEATURE_LAB_HOME", str(computed[0]))
    return computed


def finished(result: Result, request: Any) -> RunFolder:
    run = open_run(request.canonical())
    manifest = {**result.manifest, "sources": request.canonical().sources()}
    run.finish(Result(request.canonical(), result.tables, manifest))
    return run


def words(app: Any) -> str:
    """What the page says, as a reader sees it: no escapes, no invisible joiners, code included."""
    code = " ".join(str(element.value) for element in app.get("code"))
    return f"{said(app)} {code}".replace("\\", "").replace("\u2060", "")


def test_an_empty_lab_offers_to_train_and_a_link_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("a page load started a training"))
    app = healthy(opened("train_and_watch", model="test_vit"))
    assert "Press Train" in said(app)
    assert app.session_state["train_model"] == "test_vit"
    assert app.session_state["train_name"] == ""


def test_train_asks_for_what_the_widgets_say(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[TrainRequest] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = opened("train_and_watch")
    app.number_input(key="train_seed").set_value(4)
    app.number_input(key="train_rate").set_value(0.002)
    app.run()
    assert "settings have changed" in said(app)
    app.button(key="train").click().run()
    assert started == [TrainRequest(seed=4, rate=0.002).canonical()]
    again = healthy(opened("train_and_watch", **dict(app.query_params)))
    assert again.session_state["train_rate"] == 0.002
    assert again.session_state["train_seed"] == 4


def test_what_cannot_be_trained_cannot_be_pressed() -> None:
    app = opened("train_and_watch")
    app.text_input(key="train_name").set_value("My pets!").run()
    assert not app.exception
    assert app.button(key="train").disabled
    assert "cannot be the name of trained weights" in words(app)


def test_a_training_under_way_shows_its_curve(at_home: Any) -> None:
    run = open_run(replace(QUICK, seed=9, name="under-way").canonical())
    run.claim()
    ProgressFile(run.path / "progress.json")("Training test_resnet", 3, 9, "batches")
    history = at_home[1]["history"]
    run.partial_results[HISTORY] = {
        name: history[name].to_numpy(float) for name in history if not name.startswith("ci_")
    }
    app = healthy(opened("train_and_watch", run=run.id))
    assert "Training test" in said(app)
    assert len(app.get("vega_lite_chart")) == 1
    run.fail("stop", "cancelled")
    assert "was cancelled" in said(opened("train_and_watch", run=run.id))


def test_a_finished_training_is_told_and_watching_is_offered(at_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(at_home[1], QUICK)
    app = healthy(opened("train_and_watch", run=run.id))
    text = words(app)
    assert "of 4 unseen test images right" in text
    assert "test_resnet@lab:page" in text
    assert "Reads every checkpoint" in text
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app.button(key="run_offered").click().run()
    assert started == [WatchRequest("test_resnet@lab:page").canonical()]
    assert app.query_params["name"] in ("page", ["page"])
    assert "model" not in app.query_params
    assert "of 4 unseen test images right" in words(app)


@pytest.mark.parametrize("tab", ["Layers", "First filters", "Maps"])
def test_a_watched_training_opens_from_its_link(at_home: Any, tab: str) -> None:
    finished(at_home[1], QUICK)
    run = finished(at_home[2], WatchRequest("test_resnet@lab:page"))
    app = healthy(opened("train_and_watch", run=run.id, watched_view=tab))
    assert app.session_state["watched_view"] == tab
    assert "on held-out images a probe reads" in words(app)
    assert app.query_params["name"] in ("page", ["page"])


def test_the_ladder_while_it_learnt_is_offered_in_its_tab_and_opens_from_its_link(at_home: Any) -> None:
    finished(at_home[1], QUICK)
    watched = finished(at_home[2], WatchRequest("test_resnet@lab:page"))
    app = healthy(opened("train_and_watch", run=watched.id, watched_view="Ladder"))
    assert "Reads twelve rungs" in words(app)
    request = LadderStepsRequest("test_resnet@lab:page").canonical()
    step = {"step": 0, "epoch": 0.0, "rung": "hue", "position": 1, "reached": True, "depth": 0.5, "ci_low": 0.4,
            "ci_high": 0.6, "layer": "layer1", "best": 0.9, "best_layer": "layer2"}  # fmt: skip
    found = Result(request, {"steps": pd.DataFrame([step])}, {"findings": ["Training added hue."]})
    run = finished(found, LadderStepsRequest("test_resnet@lab:page"))
    app = healthy(opened("train_and_watch", run=run.id))
    assert app.session_state["watched_view"] == "Ladder"
    assert "Training added hue." in words(app)
    assert len(app.get("vega_lite_chart")) == 2  # the curve of the training, and the ladder


def test_a_link_to_a_watching_whose_weights_are_gone_is_told(lab_home: Any) -> None:
    run = open_run(WatchRequest("test_resnet@lab:gone").canonical())
    write_json(run.path / "worker.json", {"pid": 2**22 + 1, "started": 1.0})
    app = opened("train_and_watch", run=run.id)
    assert not app.exception
    assert "cannot be shown" in said(app)


def test_trained_weights_are_listed_offered_and_deleted(at_home: Any) -> None:
    app = healthy(opened("train_and_watch"))
    assert "test_resnet@lab:page" in words(app)
    picker = healthy(opened("separability")).multiselect(key="draft_models")
    assert "test_resnet@lab:page" in picker.options
    kept = {path: path.read_bytes() for path in list_trained()[0].folder.iterdir()}
    app.button(key="forget_test_resnet_page").click().run()
    assert list_trained() == []
    for path, content in kept.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
