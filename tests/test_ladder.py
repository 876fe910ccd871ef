"""The ladder: planted orders of emergence are told, runs repeat and go on, the command and the page show them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages_helpers import healthy, opened, said
from scipy.stats import binom

import lab
from lab.charts.theme import standalone
from lab.cli.main import main
from lab.errors import LabError
from lab.experiments.ladder import measure
from lab.experiments.ladder.climb import climb_of, likely_again
from lab.experiments.ladder.findings import findings
from lab.experiments.ladder.measure import CELLS, LadderNetwork, RungReading
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.ladder.run import run
from lab.experiments.ladder.tables import assemble
from lab.experiments.picture import open_picture
from lab.experiments.result import Result
from lab.images.synthetic import RUNGS, draw_set
from lab.layers import Layer
from lab.models import ModelRef
from lab.registry import charts_of
from lab.runs.store import open_run
from lab.stats.simultaneous import error_of_each
from lab.ui.ladder import cell

TINY = "test_resnet@untrained:1"
SMALL = LadderRequest(models=(TINY,), rungs=("hue", "texture", "count"), per_class=20)
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
NAMES = list(RUNGS)[:8]
PER_CLASS = 60


def network(twin: int = -1) -> LadderNetwork:
    layers = tuple(
        Layer(f"blocks.{number}", "block", depth, "NCHW", 8, 4, 4, 8, 9, "exact") for number, depth in enumerate(DEPTHS)
    )
    ref = ModelRef.parse("test_resnet@packaged" if twin < 0 else f"test_resnet@untrained:{twin}")
    return LadderNetwork("test_resnet@packaged", twin, ref, "", f"view {twin}", layers)


def planted(rung: str, first: int | None, rng: np.random.Generator, *, net: LadderNetwork, lost: bool = False) -> Any:
    """A rung that is read with 0.92 from a layer on (None: nowhere), and with `lost` no longer at the last one."""
    images = draw_set(RUNGS[rung].family.name, PER_CLASS, size=32)
    there = np.array([first is not None and number >= first for number in range(len(DEPTHS))])
    there[-1] &= not lost
    right = rng.random((len(DEPTHS), len(images))) < np.where(there, 0.92, 0.5)[:, None]
    named = np.where(right, images.labels, 1 - images.labels)
    probe = np.where(named[:, None, :, None] == np.arange(2), 0.8, 0.2)
    return RungReading(rung, net, images, probe, probe, np.full(len(DEPTHS), 8))


def told(firsts: list[int | None], *, twins: list[int | None] | None = None, lost: str = "") -> tuple[Any, list[str]]:
    rng = np.random.default_rng(0)
    nets = [network(), *([network(0)] if twins else [])]
    pixels = [planted(name, None, rng, net=nets[0]) for name in NAMES]
    readings = [RungReading(p.rung, None, p.images, p.probe[:1], p.matched[:1], p.dims[:1]) for p in pixels]
    for net, wanted in zip(nets, [firsts, twins or []], strict=False):
        for name, first in zip(NAMES, wanted, strict=True):
            readings.append(planted(name, first, rng, net=net, lost=name == lost))
    climbs = [climb_of(reading, reading.network) for reading in readings if reading.network]
    tables = assemble(nets, readings, climbs, PER_CLASS)
    return tables, findings(tables)


def test_an_order_that_was_planted_holds() -> None:
    tables, sentences = told([0, 0, 1, 1, 2, 3, 4, 4])
    assert sentences[0].startswith("Low-level first holds for test_resnet")
    assert "no pair clearly reversed" in sentences[0]
    row = tables["order"].iloc[0]
    assert row["tau_low"] > 0
    assert row["rungs"] == 8
    assert row["reversed"] == 0
    assert row["as_expected"] >= 10


def test_an_order_the_other_way_round_is_told() -> None:
    assert "the other way round" in told([4, 4, 3, 3, 2, 1, 0, 0])[1][0]


def test_no_order_is_not_shown() -> None:
    assert "is not shown" in told([2, 2, 2, 2, 2, 2, 2, 2])[1][0]


def test_the_rungs_for_which_it_fails_are_named() -> None:
    tables, sentences = told([0, 0, 4, 1, 2, 3, 4, 4])
    assert "not for every rung" in sentences[0] or "is not shown" in sentences[0]
    assert "orientation after frequency" in sentences[0]
    wrong = tables["pairs"].loc[tables["pairs"]["reversed"], ["lower", "higher"]].to_numpy().tolist()
    assert ["orientation", "frequency"] in wrong
    assert all(lower == "orientation" for lower, _ in wrong)


def test_what_no_layer_reads_and_what_is_lost_again_is_told() -> None:
    tables, sentences = told([0, 0, 1, 1, 2, 3, None, None], lost="brightness")
    emergence = tables["emergence"].set_index("rung")
    assert not emergence.loc[["shape", "part"], "reached"].any()
    assert emergence.loc["brightness", "declines"]
    assert emergence["declines"].sum() == 1
    assert "Not reached by any layer: shape and part." in sentences
    assert any(text.startswith("Clearly lost again by the end: brightness") for text in sentences)


def test_training_helps_where_the_twin_reads_nothing() -> None:
    tables, sentences = told([0, 0, 1, 1, 2, 3, 4, 4], twins=[0, 0, 1, 1, None, None, None, None])
    gains = tables["gains"].set_index("rung")
    assert (gains.loc[NAMES[4:], "gain_low"] > 0).all()
    assert (gains.loc[NAMES[:4], "gain_low"] <= 0).all()
    assert any(text.startswith("Training clearly helps") for text in sentences)
    assert any(text.startswith("Mean tau of untrained twins: ") for text in sentences)
    order = tables["order"].set_index("twin")
    assert order.loc[-1, "twins_tau"] == pytest.approx(order.loc[0, "tau"])
    assert order.loc[-1, ["twins", "twins_tau_low", "twins_tau_high"]].tolist() == [1, -1, 1]  # of other starts nothing
    assert order.loc[0, "twins"] == 0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("ladder")))
        return run(SMALL.canonical())


def test_equal_tables_when_run_twice(small: Result) -> None:
    again = run(SMALL.canonical())
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(again[name], table)


def test_a_run_goes_on_from_the_rungs_that_were_finished(small: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    draw_all, reads = measure._drawn_once, []

    def interrupted(images: Any, *rest: Any) -> Any:
        reads.append(images.spec)
        if len(reads) == 3:
            raise KeyboardInterrupt
        return draw_all(images, *rest)

    monkeypatch.setattr(measure, "_drawn_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(SMALL.canonical(), partial_results=kept)
    assert len(kept) == 5  # two rungs, pixels and one network each, and the cells so far
    assert dict.fromkeys(kept[CELLS]["rung"]) == {"hue": None, "texture": None}
    assert reads == ["drawn:hue", "drawn:texture", "drawn:count"]  # each drawn once, for pixels and network together
    found = run(SMALL.canonical(), partial_results=kept)
    assert reads[3:] == ["drawn:count"]
    pd.testing.assert_frame_equal(found["accuracy"], small["accuracy"])
    cells, table = pd.DataFrame(dict(kept[CELLS])), found["accuracy"].query("control == 'probe'")
    assert cells["accuracy"].round(6).tolist() == table["accuracy"].round(6).tolist()
    assert cells[["rung", "layer"]].to_numpy().tolist() == table[["rung", "layer"]].to_numpy().tolist()


def test_tables_hold_every_cell(small: Result) -> None:
    accuracy = small["accuracy"]
    layers = small["layers"]
    assert len(accuracy[accuracy["control"] == "probe"]) == 3 * len(layers)
    assert len(accuracy[accuracy["control"] == "pixels"]) == 3
    assert (accuracy["ci_low"] <= accuracy["accuracy"]).all()
    assert (accuracy["accuracy"] <= accuracy["ci_high"]).all()
    assert small["gains"].empty  # an untrained network has no twins
    assert len(small["predictions"]) == 3 * 40 * len(layers)
    assert small["examples"]["thumbnail"].map(lambda jpeg: jpeg.startswith(b"\xff\xd8")).all()


def test_charts_have_what_the_tables_hold(small: Result) -> None:
    charts = charts_of(small)
    read = {"invariance"} if len(small["invariance"]) else set()
    assert set(charts) == {"map", "emergence", "fingerprint", "labels"} | read
    for name, chart in charts.items():
        spec = json.dumps(standalone(chart))
        assert ("position" if name == "invariance" else "texture") in spec, name


def test_the_command_and_python_ask_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ladder", "--model", TINY, "--rungs=count,hue", "--per-class=20", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["request"]["rungs"] == ["hue", "count"]
    result = lab.ladder(TINY, rungs=("count", "hue"), per_class=20)
    assert result.request.as_dict() == document["request"]
    assert [row["accuracy"] for row in document["tables"]["accuracy"]] == list(result["accuracy"]["accuracy"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rungs": ("hues",)}, "no rung 'hues'; nearest: hue"),
        ({"rungs": ()}, "no rung was named"),
        ({"models": ()}, "no model was named"),
        ({"rungs": ("hue", "hue")}, "a rung was named twice"),
    ],
)
def test_what_cannot_be_asked_is_told(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words):
        LadderRequest(**fields)


def test_the_page_shows_a_finished_ladder(small: Result) -> None:
    folder = open_run(small.request)
    folder.finish(Result(small.request, small.tables, {**small.manifest, "sources": small.request.sources()}))
    app = healthy(opened("ladder", run=folder.id))
    assert len(app.get("vega_lite_chart")) == len(charts_of(small))
    assert small.findings[0].split(":")[0].partition("(")[0] in said(app).replace("\\", "")
    app.selectbox(key="ladder_rung").set_value("count").run()
    healthy(app)
    assert "drawings wrong at" in said(app)
    for what in (cell.MAP, cell.PATCHES):  # each is a question of its own, asked when it is wanted
        app.segmented_control(key="ladder_there").set_value(what).run()
        healthy(app)
        assert [button.key for button in app.button].count("run_offered") == 1


def test_a_drawing_that_is_wrong_is_a_picture_that_other_questions_take() -> None:
    images = draw_set("part", 100, seed=3)
    picture = open_picture(f"{images.spec}#floppy/floppy-0094")
    assert np.array_equal(picture.pixels(0), images.pixels(194))
    assert np.array_equal(open_picture(f"{images.spec}#7").pixels(0), images.pixels(101))  # numbers are of six a class
    with pytest.raises(LabError, match="has no image"):
        open_picture(f"{images.spec}#floppy/floppy-9999999")


def test_at_most_one_of_the_rungs_lies_outside_in_nineteen_of_twenty() -> None:
    for rungs in (8, 12, 40):
        miss = error_of_each(rungs)
        assert binom.cdf(1, rungs, miss) == pytest.approx(0.95)
        assert miss < 0.05
    assert error_of_each(1) == error_of_each(3) == 0.05  # few rungs: plain intervals, each for itself
    net = network()
    (climb,) = [climb_of(planted("hue", 3, np.random.default_rng(1), net=net), net)]
    plain, wide = likely_again(climb, 1), likely_again(climb, 12)
    assert wide[0] <= plain[0] <= climb.emergence.depth <= plain[1] <= wide[1]
    assert wide != plain
    assert plain == pytest.approx(tuple(np.percentile(climb.again, (2.5, 97.5))))
