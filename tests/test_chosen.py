"""The layer and the image that one looks at are the same on every page, in the link and in the session."""

from __future__ import annotations

import json
import os

import pytest
from fake_runs import LAYERS, finished_run
from pages_helpers import healthy, opened, said
from streamlit.testing.v1 import AppTest
from tables import synthetic_result
from test_channels_page import finished
from test_channels_page import tables as channel_tables

from lab.charts.tables import changes_at
from lab.charts.theme import layers_of
from lab.errors import LabError
from lab.experiments.channels.visualize import VisualizeRequest
from lab.runs import jobs
from lab.ui.chosen import relative
from lab.ui.routes import dashboard_file


@pytest.mark.parametrize(
    ("name", "layers", "found"),
    [
        ("blocks.3.1", LAYERS, "blocks.3.1"),
        ("blocks.3", ["blocks.3.0", "blocks.3.1", "blocks.30.0"], "blocks.3.1"),
        ("blocks.3.1", ["blocks.2", "blocks.3", "blocks.30"], "blocks.3"),
        ("blocks.3.1.conv", ["blocks.3", "blocks.3.1"], "blocks.3.1"),
        ("blocks.3", ["blocks.30", "layer3"], ""),
    ],
)
def test_a_layer_stands_for_its_nearest_relative(name: str, layers: list[str], found: str) -> None:
    assert relative(name, layers) == found


def chosen_on(app: AppTest) -> tuple[str, str]:
    """The layer that a page shows, and the one its link names."""
    return app.session_state["layer"], in_link(app, "layer")


def in_link(app: AppTest, name: str) -> str:
    """The value of a parameter of a page's link, "" where it has none."""
    found = app.query_params.get(name, "")
    return found if isinstance(found, str) else found[-1]


def test_the_arrow_keys_go_a_layer_on_and_the_other_page_shows_the_same() -> None:
    finished_run()
    app = healthy(opened("separability"))
    assert chosen_on(app) == (LAYERS[-1], "")
    app.button(key="layer_before").click().run()
    app.button(key="layer_before").click().run()
    assert chosen_on(healthy(app)) == (LAYERS[-3], LAYERS[-3])
    assert app.button(key="layer_before").proto.shortcut == "left"
    app.button(key="layer_next").click().run()
    assert f"{LAYERS[-2]}" == app.session_state["layer"]
    app.query_params.clear()  # as the browser does between pages
    app.switch_page(os.path.relpath(dashboard_file("pages/embedding_maps.py"), dashboard_file("app.py").parent)).run()
    sent = json.loads(healthy(app).get("bidi_component")[0].proto.json)
    assert sent["layer"] == LAYERS[-2]
    assert chosen_on(app) == (LAYERS[-2], LAYERS[-2])


def test_the_first_and_the_last_layer_have_no_neighbour_beyond() -> None:
    finished_run()
    first = opened("separability", layer=LAYERS[0])
    assert (first.button(key="layer_before").disabled, first.button(key="layer_next").disabled) == (True, False)
    last = opened("separability", layer="no such layer")
    assert chosen_on(last)[0] == LAYERS[-1]
    assert last.button(key="layer_next").disabled


def test_a_question_goes_along_where_the_answer_is_there_and_offers_it_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.ui.channels.sheet_section.layer_names", lambda _: list(LAYERS))
    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("a choice of layer started a run"))
    found = {name: table for name, table in channel_tables().items() if name != "strip"}
    finished(VisualizeRequest(layers="blocks.1.0", channels="top:6", negative=True), found)
    app = healthy(opened("channels", question="Layer sheet", layer="blocks.1.0"))
    assert in_link(app, "visualize.layers") == "blocks.1.0"
    app = healthy(opened("channels", question="Layer sheet", layer="blocks.5.0"))
    assert "visualize.layers" not in app.query_params
    app.button(key="follow_visualize.layers").click().run()
    assert in_link(app, "visualize.layers") == "blocks.5.0"
    app.selectbox(key="visualize_layer").set_value("blocks.3.1").run()
    assert in_link(app, "layer") == "blocks.3.1", "what is chosen for a question is chosen for all pages"


def test_an_image_is_followed_through_all_layers() -> None:
    run = finished_run()
    image = run.result()["images"]["image"][4]
    for page in ("separability", "embedding_maps"):
        app = healthy(opened(page, image=image))
        assert image in said(app).replace("\\", "")
        app.button(key="image_none").click().run()
        assert "image" not in healthy(app).query_params
        assert not [one for one in app.button if one.key == "image_none"]
    assert not [one for one in opened("separability", image="../etc").button if one.key == "image_none"]


@pytest.mark.parametrize("at", range(3))
def test_changes_are_counted_against_the_layer_before(at: int) -> None:
    tables = synthetic_result(images=40).tables
    model = tables["layers"]["model"].iloc[0]
    order = layers_of(tables["predictions"], model)

    def right(layer: str) -> set[str]:
        table = tables["predictions"]
        here = (table["model"] == model) & (table["layer"] == layer) & (table["predicted"] == table["class"])
        return set(table.loc[here, "image"])

    now, before = right(order[at]), right(order[at - 1]) if at else set()
    found = changes_at(tables, model, order[at]).groupby("change")["image"].agg(set)
    whole = set(tables["images"]["image"])
    expected = {
        "newly right": now - before, "still right": now & before, "lost": before - now,
        "still wrong": whole - now - before,
    }  # fmt: skip
    assert found.to_dict() == {name: images for name, images in expected.items() if images}
    with pytest.raises(LabError, match="has no layer"):
        changes_at(tables, model, "blocks.9")
