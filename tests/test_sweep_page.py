"""The page *Sweep* and its chart: what is finished, beside how much of it is."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
import vl_convert
from pages_helpers import healthy, opened, said
from sweep_work import NETWORKS, light, plan

from lab.charts.sweep import STEPS, sweep_map
from lab.runs.examples import VARIABLE
from lab.runs.store import open_run
from lab.sweeps.example import example_sweep
from lab.sweeps.folder import remember
from lab.sweeps.plan import Plan
from lab.sweeps.setup import Setup
from lab.sweeps.tables import sweep_tables

PLACE = {"images": "drawn:pets", "layers": "stages", "probe": "probe"}


@pytest.fixture
def half(light_units: None) -> Plan:
    """A sweep of four networks: one with all seeds, one with one, one that failed, one that is not begun."""
    whole = plan()
    for unit in whole.units[:3]:
        light(*Setup().arguments(unit))
    for unit in whole.units[4:6]:
        open_run(unit.request).fail("a sentence with *stars* in it", "input")
    remember(whole)
    return whole


def drawn(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The rows of each layer of a chart."""
    return [spec["datasets"][layer["data"]["name"]] for layer in spec["layer"]]


def test_a_cell_is_the_nearest_layer_and_coverage_stands_beside(half: Plan) -> None:
    tables = sweep_tables(half)
    spec = sweep_map(tables, **PLACE).to_dict()
    assert vl_convert.vegalite_to_vega(json.dumps(spec))
    cells, beside = drawn(spec)
    assert {cell["network"] for cell in cells} == set(NETWORKS[:2])
    assert len(cells) == 2 * STEPS
    assert [row["units"] for row in beside] == ["2/2", "1/2", "0/2", "0/2"]
    scores = tables["layers"].set_index(["network", "layer"])["accuracy"]
    assert all(cell["accuracy"] == pytest.approx(scores[cell["network"], cell["layer"]], abs=1e-4) for cell in cells)
    first = [cell for cell in cells if cell["network"] == NETWORKS[0]]
    assert [cell["layer"] for cell in first] == ["stem"] * (STEPS // 2) + ["head"] * (STEPS // 2)
    assert first[0]["from"] == 0
    assert first[-1]["to"] == 1


def test_nothing_finished_is_an_empty_map(half: Plan) -> None:
    empty = plan(networks=NETWORKS[2:])
    cells, beside = drawn(sweep_map(sweep_tables(empty), **PLACE).to_dict())
    assert cells == ()
    assert [row["shown"] for row in beside] == ["0/2", "0/2"]


def test_the_page_says_how_much_is_there_and_why_the_rest_is_not(half: Plan) -> None:
    app = healthy(opened("sweep", sweep=half.id))
    assert app.session_state["sweep"] == half.id
    assert len(app.get("vega_lite_chart")) == 1
    assert app.get("progress")[0].proto.text == "3 of 8 units finished; 3 not begun, 2 failed"
    assert any(half.id in block.value for block in app.code)
    (lost,) = app.warning
    assert lost.value.startswith("2 units failed")
    assert r"\*stars\*" in lost.value


def test_a_link_to_another_sweep_shows_the_latest_and_an_empty_lab_says_how_to_begin(half: Plan) -> None:
    other = plan(seeds=1)
    remember(other)
    app = healthy(opened("sweep", sweep="sweep-000000000000"))
    assert "there is no sweep" in said(app)
    assert app.session_state["sweep"] == other.id
    assert "Your own sweep" not in said(app)


def test_an_empty_lab_says_how_to_begin() -> None:
    app = healthy(opened("sweep"))
    assert "Your own sweep" in said(app)
    assert any("feature-lab sweep plan.toml" in block.value for block in app.code)


@pytest.mark.parametrize("question", ["Atlas", "Networks by depth"])
def test_an_empty_lab_shows_the_sweep_that_came_with_it(question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    app = healthy(opened("sweep", question=question))
    assert "Example" in said(app)
    assert len(app.get("vega_lite_chart")) == 1
    assert "Your own sweep" in said(app)


def test_the_example_is_of_todays_plan_and_its_tables_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    example = example_sweep()
    assert example is not None, "the plan has changed: python docs/make_examples.py sweep"
    assert [unit.request.run_id for unit in example.plan.units] == example.tables["units"]["run"].tolist()
    assert (example.tables["units"]["status"] == "finished").all()
    scores = example.tables["scores"].query("control == 'probe'").groupby(["network", "images"])["accuracy"].max()
    best = example.tables["coverage"].set_index(["network", "images"])["best_accuracy"]
    pd.testing.assert_series_equal(scores.sort_index(), best.sort_index(), check_names=False)
