"""The boxes of the pages and their URL say the same: a copied link asks the same question in another browser."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from pages_helpers import healthy, opened, said
from PIL import Image
from streamlit.testing.v1 import AppTest

from lab.experiments.ablation.late_layers_only import LateLayersRequest
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.base import Request
from lab.experiments.building.filter_sum import FilterRequest
from lab.experiments.building.inversion import InversionRequest
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.picture import open_picture
from lab.runs.store import open_run
from lab.ui import choices, examples
from lab.ui.examples import few_examples
from lab.ui.routes import dashboard_file, page_of_run

TINY, OTHER = "test_resnet@untrained:1", "tf_efficientnet_lite0@untrained:0"
ASKED: tuple[Request, ...] = (
    LateLayersRequest(TINY, per_class=12, seed=3, stage="layer2"),
    FilterRequest(TINY, "drawn:pets#0", "layer1.0.conv1", channel=2),
    VisualizeRequest(TINY, "drawn:faces", per_class=9, layers="stages", steps=32, channels="top:2"),
    ChannelRequest(TINY, layer="layer1.0", channel=4, size=64),
    AttributeRequest(TINY, target="probe", per_class=20, checks=False),
)
BROKEN = (
    {"concatenation.dimension": "x"},
    {"concatenation.dimension": "-4"},
    {"part": "none"},
    {"break.places": "magic"},
)
TRAINED = "test_resnet@lab:mine"
# page -> key of its box of networks
NETWORK_BOXES = {
    "separability": "draft_models",
    "compare": "compare_models",
    "how_layers_build": "subject_model",
    "break_the_stack": "subject_model",
    "attributions": "subject_model",
    "channels": "subject_model",
}


def commands(app: AppTest) -> list[str]:
    return [str(code.value) for code in app.code]


def options(app: AppTest, key: str) -> list[str]:
    widget = app.multiselect(key=key) if key.endswith("models") else app.selectbox(key=key)
    return list(widget.options)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.experiment)
def test_an_opened_run_is_asked_again_by_its_copied_link(asked: Request) -> None:
    request = asked.canonical()
    run = open_run(request)
    run.fail("stop", "cancelled")
    path, query = page_of_run(request.experiment, run.id)
    app = opened(path.stem, **query)
    assert "was cancelled" in said(app)
    again = opened(path.stem, **dict(app.query_params))
    assert "run" not in again.query_params
    assert "was cancelled" in said(again)
    assert commands(again) == commands(app)


def test_an_image_of_a_set_is_not_opened_to_be_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(examples, "open_picture", lambda spec: asked.append(spec) or open_picture(spec))
    Image.new("RGB", (8, 8)).save(tmp_path / "mine.png")
    seen = ["photo:flower", "drawn:pets#1", str(tmp_path / "mine.png")]
    found = [few_examples("picture", spec) for spec in [*seen, "oxford-pets#0", f"{tmp_path}#0"]]
    assert [len(pictures) for pictures in found] == [1, 1, 1, 0, 0]
    assert set(asked) <= set(seen)  # those seen before are kept


def test_a_box_of_one_tab_leaves_the_run_that_another_shows() -> None:
    page, run = "how_layers_build", open_run(InversionRequest(TINY, steps=77).canonical())
    run.fail("stop", "cancelled")
    params = dict(opened(page, run=run.id, question="What is left").query_params)
    app = healthy(opened(page, **{**params, "question": "Receptive field"}))
    app.segmented_control(key="field_layers").set_value("blocks").run()
    params = {**dict(healthy(app).query_params), "question": "What is left"}
    assert params["field.layers"] == "blocks"
    assert "was cancelled" in said(opened(page, **params))


@pytest.mark.parametrize(("page", "key"), NETWORK_BOXES.items())
def test_every_page_offers_the_same_networks(page: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "list_trained", lambda: [SimpleNamespace(ref=lambda: TRAINED)])
    offered = options(healthy(opened(page)), key)
    assert set(offered) == set(choices.networks())
    assert TRAINED in offered


def test_what_a_box_says_is_in_the_url_and_the_usual_is_not() -> None:
    app = healthy(opened("break_the_stack", question="All layers"))
    assert "model" not in app.query_params
    app.selectbox(key="subject_model").set_value(OTHER).run()
    app.selectbox(key="together_dimension").set_value(8).run()
    assert app.query_params["model"] == OTHER
    assert app.query_params["concatenation.dimension"] == "8"
    app.selectbox(key="together_dimension").set_value(16).run()
    assert "concatenation.dimension" not in healthy(app).query_params


def test_another_network_forgets_the_names_of_layers_but_not_the_other_settings() -> None:
    app = healthy(
        opened("channels", question="Channel card", model=TINY, **{"channel.layer": "layer1.0", "channel.channel": "4"})
    )
    assert app.selectbox(key="card_layer").value == "layer1.0"
    app.selectbox(key="subject_model").set_value(OTHER).run()
    assert not {"channel.layer", "channel.channel"} & set(healthy(app).query_params)
    app = healthy(opened("attributions", model=TINY, **{"attribute.target": "tabby"}))
    app.selectbox(key="subject_model").set_value(OTHER).run()
    assert app.query_params["attribute.target"] == "tabby"


def test_the_choice_goes_along_to_the_next_page_unless_a_link_says_otherwise() -> None:
    app = healthy(opened("how_layers_build"))
    app.selectbox(key="subject_model").set_value(OTHER).run()

    def go(page: str, **params: str) -> AppTest:
        app.query_params.clear()
        for name, value in params.items():
            app.query_params[name] = value
        app.switch_page(os.path.relpath(dashboard_file(f"pages/{page}.py"), dashboard_file("app.py").parent))
        return healthy(app.run())

    assert go("channels").selectbox(key="subject_model").value == OTHER
    assert go("attributions", model="test_vit@untrained:0").selectbox(key="subject_model").value.startswith("test_vit")


@pytest.mark.parametrize("params", BROKEN)
def test_values_that_mean_nothing_count_as_the_usual_ones(params: dict[str, str]) -> None:
    app = healthy(opened("break_the_stack", **params))
    assert commands(app) == commands(healthy(opened("break_the_stack")))
