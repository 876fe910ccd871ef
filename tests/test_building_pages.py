"""The tabs about shapes and about what is left: empty, full, opened from the list of runs; and their charts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pages_helpers import healthy, opened, said
from streamlit.testing.v1 import AppTest

from lab.experiments.base import Request
from lab.experiments.building import edges_to_shapes, tuning_curves
from lab.experiments.building.edges_to_shapes import EdgesRequest
from lab.experiments.building.factor_decoding import FactorsRequest
from lab.experiments.building.filter_sum import FilterRequest
from lab.experiments.building.filter_sum import run as compute_filter
from lab.experiments.building.inversion import InversionRequest
from lab.experiments.building.thumbnail_decoding import ThumbnailRequest
from lab.experiments.building.tuning_curves import TuningRequest
from lab.experiments.result import Result
from lab.registry import charts_of
from lab.runs.store import RunFolder, open_run
from lab.ui.building.views import by_weights
from lab.ui.routes import page_of_run

TINY = "test_resnet@untrained:1"
SHAPES, LEFT = "Edges become shapes", "What is left"
ASKED: dict[str, Request] = {
    "edges": EdgesRequest(),
    "tuning": TuningRequest(TINY),
    "thumbnail": ThumbnailRequest(TINY),
    "factors": FactorsRequest(TINY),
    "inversion": InversionRequest(TINY),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Small runs of every question, as if they were the usual ones."""
    from lab.registry import EXPERIMENTS

    small = {
        "edges": EdgesRequest(seeds=2, epochs=1),
        "tuning": TuningRequest(TINY, draws=4),
        "thumbnail": ThumbnailRequest(TINY, per_class=12),
        "factors": FactorsRequest(TINY, per_class=20),
        "inversion": InversionRequest(TINY, most_layers=2, steps=5),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("pages")))
        patch.setattr(edges_to_shapes, "TRAINING", 160)
        patch.setattr(edges_to_shapes, "HELD_OUT", 60)
        patch.setattr(tuning_curves, "EACH", 2)
        found = {name: EXPERIMENTS[name].run(request, **_how()) for name, request in small.items()}
    return {name: Result(ASKED[name], result.tables, result.manifest) for name, result in found.items()}


def _how() -> dict[str, Any]:
    from lab.progress import silent
    from lab.settings import Compute

    return {"progress": silent, "compute": Compute(device="cpu"), "partial_results": {}}


def kept(result: Result) -> RunFolder:
    request = result.request.canonical()
    run = open_run(request)
    manifest = {
        **result.manifest,
        "request": request.as_dict(),
        "sources": request.sources(),
        "timings": {"total": 1.0},
    }
    run.finish(Result(request, result.tables, manifest))
    return run


def page(question: str, **params: str) -> AppTest:
    return healthy(opened("how_layers_build", question=question, model=TINY, **params))


@pytest.mark.parametrize("question", [SHAPES, LEFT])
def test_an_empty_tab_offers_to_run(question: str) -> None:
    app = page(question)
    assert app.button(key="run_offered")
    assert "minute" not in said(app), "a promise that no measurement keeps"


def test_every_view_of_an_empty_tab_has_its_offer() -> None:
    app = page(LEFT)
    for view, words in (("Which facts can be read", "Reads every factor"), ("The picture rebuilt", "Changes noise")):
        app.segmented_control(key="left_view").set_value(view).run()
        assert words in said(healthy(app))


def test_a_run_is_shown_where_it_belongs(results: dict[str, Result]) -> None:
    assert results
    for name, result in results.items():
        run = kept(result)
        where, query = page_of_run(name, run.id)
        assert where.stem == "how_layers_build"
        app = healthy(opened("how_layers_build", **query))
        text = said(app).replace("\\", "").replace("\u2060", "")
        assert result.manifest["findings"][0][:40] in text, name
        assert app.get("vega_lite_chart"), name


def test_other_views_of_a_finished_run(results: dict[str, Result]) -> None:
    for result in results.values():
        kept(result)
    app = page(SHAPES)
    app.number_input(key="edges_seed").set_value(2).run()
    healthy(app)
    app.segmented_control(key="shapes_view").set_value("The chosen network").run()
    healthy(app).segmented_control(key="tuning_which").set_value("mean").run()
    healthy(app)
    app = page(LEFT)
    app.segmented_control(key="thumbnail_pooling").set_value("avg").run()
    assert "As they are read" in said(healthy(app)) or "as they are read" in said(app)


def test_the_place_of_a_filter_is_still_there_after_a_look_at_another_tab() -> None:
    kept(compute_filter(FilterRequest(TINY, "drawn:pets#0")))
    app = page("One filter", picture="drawn:pets#0")

    def place() -> list[int]:
        return [app.number_input(key=f"sum_{name}").value for name in ("channel", "row", "column")]

    before = place()
    assert any(before)
    for question in ("Sizes and weights", "One filter"):
        app.session_state["question"] = question
        healthy(app.run())
    assert place() == before


def test_runs_without_a_speaking_channel_are_shown(results: dict[str, Result]) -> None:
    from lab.experiments.building.edges_findings import findings

    result = results["edges"]
    none = {"combinations": result["combinations"].iloc[:0], "channels": result["channels"].iloc[:0]}
    tables = {**result.tables, **none, "responses": result["responses"].iloc[:0]}
    kept(Result(result.request, tables, {**result.manifest, "findings": findings(tables)}))
    app = page(SHAPES)
    assert "No channel of this network speaks for a shape" in said(app)


@pytest.mark.parametrize("name", list(ASKED))
def test_charts_compile_and_say_what_they_show(name: str, results: dict[str, Result]) -> None:
    import vl_convert

    charts = charts_of(results[name])
    assert charts
    for chart in charts.values():
        spec = chart.to_dict()
        assert spec["description"]
        vl_convert.vegalite_to_vega(spec)
        assert "NaN" not in json.dumps(spec)


def test_tuning_curves_are_drawn_for_every_layer(results: dict[str, Result]) -> None:
    import vl_convert

    from lab.charts.decoding import factor_map
    from lab.charts.shapes import tuning_curve

    curves = results["tuning"]["curves"]
    for kind in ("orientation", "shape"):
        for layer in curves["layer"].unique():
            chart = tuning_curve(results["tuning"].tables, kind=kind, model=TINY, layer=layer)
            vl_convert.vegalite_to_vega(chart.to_dict())
    assert factor_map(results["factors"].tables).to_dict()["height"] > 100


def test_reports_of_these_runs_open_offline(results: dict[str, Result], tmp_path: Path) -> None:
    from lab.export.report.answer import render_answer

    text = render_answer(results["factors"])
    assert results["factors"].manifest["findings"][0][:30] in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_weights_that_a_training_began_with_are_untrained() -> None:
    mine = {"trained": "test_resnet@lab:pets", "untrained": "test_resnet@lab:pets/0"}
    assert by_weights(mine.values()) == mine
    assert by_weights([TINY]) == {"untrained": TINY}


def test_commands_ask_the_same() -> None:
    import shlex

    request = replace(FactorsRequest(TINY), pooling="4x4", seed=3)
    words = shlex.split(request.command())
    assert words[:3] == ["feature-lab", "ask", "factors"]
    assert "--pooling=4x4" in words
