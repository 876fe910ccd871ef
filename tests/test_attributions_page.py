"""The page *What a layer looks at* in every state, without a browser; overlays and charts by themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vl_convert
from streamlit.testing.v1 import AppTest

from lab.charts.overlays import AGAINST, FOR, MOST, heat
from lab.experiments.attribution.request import AttributeRequest, ScoreRequest
from lab.experiments.result import Result
from lab.progress import silent
from lab.registry import charts_of
from lab.runs import jobs
from lab.runs.store import RunFolder, open_run
from lab.settings import Compute, runs_dir
from lab.ui.attributions.overlays import opacity_style, overlay, scale
from lab.ui.routes import dashboard_file

MODEL = "test_resnet@untrained:1"


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Finished runs, computed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("computed")))
        requests = {
            "maps": AttributeRequest(MODEL, "drawn:pets#1"),
            "slow": AttributeRequest(MODEL, "drawn:pets#1", method="deeplift"),
            "some": AttributeRequest(MODEL, "drawn:pets#1", method="deeplift,occlusion", checks=False),
            "score": ScoreRequest(MODEL, images=2, per_class=8),
        }
        folders = {}
        for name, request in requests.items():
            run = open_run(request.canonical())
            jobs.compute(run, Compute(), silent)
            folders[name] = run.path
        yield folders


def here(folder: Path) -> RunFolder:
    """Put a finished run into this test's own home."""
    place = runs_dir() / folder.name
    shutil.copytree(folder, place)
    return RunFolder(place)


def opened(**params: str) -> AppTest:
    app = AppTest.from_file(str(dashboard_file("app.py")), default_timeout=60)
    app.switch_page(os.path.relpath(dashboard_file("pages/attributions.py"), dashboard_file("app.py").parent))
    for name, value in params.items():
        app.query_params[name] = value
    return app.run()


def said(app: AppTest) -> str:
    kinds = ("markdown", "caption", "error", "warning", "info", "success", "title")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind)).replace("\\", "")


def drawn(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def healthy(app: AppTest) -> AppTest:
    assert not app.exception
    assert not app.error
    return app


def test_an_empty_page_offers_to_look() -> None:
    app = healthy(opened())
    assert "Makes a map of this picture at every layer" in said(app)
    assert app.selectbox(key="subject_picture").value == "photo:flower"
    assert [name.split(" (")[0] for name in app.selectbox(key="method").options] == [
        "Grad-CAM", "Gradient × activation", "Activation", "Saliency", "Input × gradient",
    ]  # fmt: skip


def test_a_finished_run_shows_every_layer_with_its_checks(computed: dict[str, Path]) -> None:
    run = here(computed["maps"])
    app = healthy(opened(run=run.id))
    shown = drawn(app)
    for layer in run.result()["maps"]["layer"].unique():
        assert f"<b>{layer or 'Pixels'}</b>" in shown or layer == ""
    assert shown.count("data-layer=") == 5
    assert "on what differs" in shown
    assert "made random" in said(app)
    assert len(app.get("vega_lite_chart")) == 2


def test_only_valid_methods_are_offered_and_the_others_have_reasons(computed: dict[str, Path]) -> None:
    run = here(computed["maps"])
    app = healthy(opened(run=run.id))
    offered = app.selectbox(key="method").options
    assert any("Integrated gradients" in name for name in offered)
    table = run.result()["capability"]
    assert all(table[~table["valid"]]["reason"] != "")


def test_a_slow_method_asks_for_its_own_run(computed: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = here(computed["maps"])
    started: list[Any] = []
    monkeypatch.setattr(jobs, "start", started.append)
    app = opened(run=run.id)
    app.selectbox(key="method").set_value("guided_backprop").run()
    assert "fails published sanity checks" in said(app)
    app.button(key="run_offered").click().run()
    assert [request.method for request in started] == ["guided_backprop"]


def test_a_run_of_a_slow_method_opens_on_it(computed: dict[str, Path]) -> None:
    here(computed["maps"])
    app = healthy(opened(run=here(computed["slow"]).id))
    assert app.session_state["method"] == "deeplift"
    assert "missing of its sum" in drawn(app)


def test_a_run_of_several_methods_opens_by_itself(computed: dict[str, Path]) -> None:
    run = here(computed["some"])
    app = healthy(opened(run=run.id))
    assert app.session_state["method"] == "occlusion"
    assert drawn(app).count("<figure") > 0
    app.selectbox(key="method").set_value("deeplift").run()
    assert drawn(healthy(app)).count("<figure") > 0
    assert "--method=deeplift,occlusion" in "\n".join(str(code.value) for code in app.code)


def test_target_and_layers_travel_in_the_url() -> None:
    app = healthy(opened(**{"attribute.target": "tabby", "attribute.layers": "blocks", "attribute.steps": "40"}))
    assert app.selectbox(key="target").value == "tabby"
    assert "--target=tabby" in "\n".join(str(code.value) for code in app.code)
    assert "--steps=40" in "\n".join(str(code.value) for code in app.code)


@pytest.mark.parametrize(
    ("field", "value"), [("steps", "x"), ("baseline", "gray"), ("target", "probe:"), ("method", "magic")]
)
def test_a_broken_link_does_not_break_the_page(field: str, value: str) -> None:
    app = opened(**{f"attribute.{field}": value})
    assert not app.exception


def test_names_are_never_markup(computed: dict[str, Path]) -> None:
    app = opened(**{"attribute.target": "<b>x</b>*y*"})
    assert not app.exception
    assert "<b>x</b>" not in drawn(app)


def test_the_score_says_which_maps_are_right(computed: dict[str, Path]) -> None:
    run = here(computed["score"])
    app = healthy(opened(run=run.id, question="Which maps are right"))
    assert app.number_input(key="score_images").value == 2
    assert "pairs of method and layer find what differs" in said(app)
    assert len(app.get("vega_lite_chart")) == 2


def test_a_score_of_other_drawings_opens_as_it_was_asked() -> None:
    other = "drawn:pets?seed=1"
    run = open_run(ScoreRequest(MODEL, data=other).canonical())
    run.fail("out of memory", "crash")
    app = opened(run=run.id, question="Which maps are right")
    assert not app.exception
    assert app.selectbox(key="score_data").value == other
    assert "out of memory" in said(app)


# Overlays


def test_an_overlay_has_the_colour_and_strength_of_the_value() -> None:
    values = np.ones((4, 4))
    values[0, 0], values[3, 3] = 100.0, -100.0
    pixels = heat(values, 40, 40)
    assert tuple(pixels[0, 0]) == (*FOR, 255)
    assert tuple(pixels[-1, -1]) == (*AGAINST, 255)
    even = heat(np.full((4, 4), 0.003), 8, 8)
    assert set(even[..., 3].ravel()) == {round(255 / MOST)}  # an even map is the unit, whatever its values
    assert not heat(np.zeros((4, 4)), 8, 8)[..., 3].any()


def test_an_overlay_has_alternative_text_and_opacity() -> None:
    assert 'alt="&quot;&lt;x&gt;&quot;"' in overlay(b"b", '"<x>"')
    assert "opacity: 0.50" in opacity_style(0.5)
    assert f"{MOST:g} times an even map" in scale(True)


# Charts


@pytest.mark.parametrize("name", ["maps", "score"])
def test_charts_compile_and_say_what_they_show(computed: dict[str, Path], name: str) -> None:
    result: Result = RunFolder(computed[name]).result()
    charts = charts_of(result)
    assert len(charts) >= 6
    for chart in charts.values():
        spec = chart.to_dict()
        vl_convert.vegalite_to_vega(spec)
        assert spec["title"]
        assert len(spec["description"]) > 30
