"""The layer one looks at, in charts over depth: which point a click picks, where what is chosen is marked."""

from __future__ import annotations

from typing import Any

import pytest
from pages_helpers import healthy, opened, said
from tables import synthetic_result

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.hero import hero
from lab.charts.picking import CHOSEN, LAYER_PICK, chosen_of, chosen_on_curves, newly_picked
from lab.runs.examples import VARIABLE

A, B, C = ({"layer": name} for name in "abc")


@pytest.fixture(scope="module")
def tables() -> Any:
    return synthetic_result().tables


@pytest.mark.parametrize(
    ("before", "now", "picked"),
    [
        ([], [A], A),
        ([A], [A, B], B),
        ([A, B], [B], A),  # a click on one that was picked before, while keys had gone on to another
        ([A, B], [C], C),  # the chart was drawn anew in between
        ([A], [A], A),  # so it was here, and the same point is clicked again
        ([], [], None),
    ],
)
def test_a_click_picks_what_it_has_toggled(before: list[Any], now: list[Any], picked: Any) -> None:
    assert newly_picked(before, now) == picked


def test_the_ring_lies_where_the_curve_has_the_layer(tables: Any) -> None:
    summary = tables["summary"].query("control == 'probe' and layer != ''")
    layers = {str(model): str(part["layer"].iloc[-1]) for model, part in summary.groupby("model")}
    marks = chosen_on_curves(tables, layers, "auc")
    assert {mark["model"]: mark["layer"] for mark in marks} == layers
    for mark in marks:
        row = summary[(summary["model"] == mark["model"]) & (summary["layer"] == mark["layer"])].iloc[0]
        assert (mark["depth"], mark["value"]) == (row["depth"], row["auc"])
    assert chosen_on_curves(tables, {}) == []
    assert chosen_of(summary, "no such layer", ("layer", "depth")) == []


@pytest.mark.parametrize("chart", [accuracy_by_depth, hero])
def test_only_the_named_data_tell_what_is_chosen(tables: Any, chart: Any) -> None:
    model = str(tables["layers"]["model"].iloc[0])
    known = {"models": [model]} if chart is accuracy_by_depth else {"model": model}
    spec = chart(tables, chosen=True, **known).to_dict()
    (pick,) = [one for one in spec["params"] if one["name"] == LAYER_PICK]
    assert pick["select"] == {
        "type": "point", "fields": ["model", "layer"], "toggle": "true", "clear": False,
    }  # fmt: skip
    assert "value" not in pick
    layers = next(part["layer"] for part in (spec, *spec.get("vconcat", ())) if _rings(part))
    (ring,) = _rings({"layer": layers})
    assert ring["encoding"]["x"]["field"] == "depth"
    assert ring["encoding"]["y"]["field"] == "value"
    plain = chart(tables, **known).to_dict()
    assert not any(_rings(part) for part in (plain, *plain.get("vconcat", ())))


def test_the_layer_one_looks_at_is_not_the_one_a_check_is_decided_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    app = healthy(opened("check", check_view="Images", layer="blocks.3.1"))
    assert {box.key: box.value for box in app.selectbox}["layer"] == "blocks.3.1"
    assert "is worse than" in said(app)


def _rings(spec: Any) -> list[Any]:
    return [part for part in spec.get("layer", ()) if part.get("data", {}).get("name") == CHOSEN]
