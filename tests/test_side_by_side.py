"""Side by side instead of stacked: equal sizes, a linear stack that collapses, and a text that can say the opposite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lab.errors import LabError
from lab.experiments.width_vs_depth.networks import ARRANGEMENTS, STRIDE, build, width_for
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.run import run
from lab.experiments.width_vs_depth.tables import STACK, half_width, tables_of
from lab.experiments.width_vs_depth.tasks import TASKS, stripes
from lab.layers.modules import parameters_in

SMALL = WidthVsDepthRequest(
    tasks="orientation", parameters=10_000, size=32, per_class=40, test_per_class=30, seen=600, seeds=2
)


@pytest.mark.parametrize("name", ARRANGEMENTS)
@pytest.mark.parametrize("parameters", [24_000, 72_000])
def test_networks_are_as_large_as_they_may_be_and_no_larger(name: str, parameters: int) -> None:
    network = build(name, parameters, 48)
    assert 0.8 * parameters < parameters_in(network) <= parameters
    wider = ARRANGEMENTS[name].make(width_for(name, parameters, 48) + 1, 48, 2)
    assert parameters_in(wider) > parameters
    assert network.eval()(torch.zeros(2, 3, 48, 48)).shape == (2, 2)


def test_single_layers_and_the_stacks_second_have_equally_many_places() -> None:
    for name in ("stack", "linear"):
        places = build(name, 10_000, 48)[: 6 if name == "stack" else 4](torch.zeros(2, 3, 48, 48)).shape[-1]
        assert places == 48 // STRIDE
    assert build("wide", 10_000, 48)[:3](torch.zeros(2, 3, 48, 48)).shape[-1] == 48 // STRIDE


def test_the_linear_stack_is_linear_and_the_stack_is_not() -> None:
    """Up to a constant, the output of a sum is the sum of the outputs."""
    torch.manual_seed(0)
    one, two, nothing = torch.randn(4, 3, 48, 48), torch.randn(4, 3, 48, 48), torch.zeros(4, 3, 48, 48)

    def gap(name: str) -> float:
        network = build(name, 10_000, 48).double().eval()
        at = [network(part.double()).detach() for part in (one + two, one, two, nothing)]
        return float((at[0] - at[1] - at[2] + at[3]).abs().max() / at[0].abs().max())

    assert gap("linear") < 1e-6
    assert gap("stack") > 1e-3


def test_stripes_differ_in_nothing_but_orientation() -> None:
    lying, standing = (stripes(200, label, 48, 0).astype(float) for label in (0, 1))
    assert abs(lying.mean() - standing.mean()) < 4
    assert abs(lying.std() - standing.std()) < 4
    along = [
        np.abs(np.diff(images, axis=3)).mean() / np.abs(np.diff(images, axis=2)).mean() for images in (lying, standing)
    ]
    assert along[0] < 1 < along[1]
    assert np.array_equal(stripes(2, 0, 32, 5), stripes(2, 0, 32, 5))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("side")))
        partial_results: dict[str, Any] = {}
        before = torch.get_rng_state()
        result = run(SMALL, partial_results=partial_results)
        assert torch.equal(before, torch.get_rng_state())
        return result, partial_results


def test_a_run_has_every_network_and_goes_on_from_its_pieces(measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    result, partial_results = measured
    assert len(partial_results) == len(ARRANGEMENTS) * 2
    final = result["summary"].query("seen == seen.max()").set_index("network")
    assert set(final.index) == set(ARRANGEMENTS)
    assert (final["ci_low"] <= final["accuracy"]).all()
    assert (final["accuracy"] <= final["ci_high"]).all()
    monkeypatch.setattr("lab.experiments.width_vs_depth.run.train_one", lambda *_: pytest.fail("trained again"))
    again = run(SMALL, partial_results=partial_results)
    pd.testing.assert_frame_equal(again["summary"], result["summary"])
    assert result["networks"]["parameters"].max() <= SMALL.parameters


def test_a_training_is_repeatable(measured: Any) -> None:
    result, partial_results = measured
    fresh = {key: value for key, value in partial_results.items() if key != "orientation/wide/1"}
    again = run(SMALL, partial_results=fresh)
    assert np.array_equal(fresh["orientation/wide/1"]["correct"], partial_results["orientation/wide/1"]["correct"])
    pd.testing.assert_frame_equal(again["leads"], result["leads"])


def test_an_interruption_loses_no_finished_network(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from lab import threads

    partial_results: dict[str, Any] = {}
    first = [True]

    def interrupted(*_: Any) -> dict[str, np.ndarray]:
        if not first:
            return {}
        first.clear()
        end = time.monotonic() + 10
        while len(partial_results) < 2 and time.monotonic() < end:  # until others, which come later, are done
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setenv("FEATURE_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr("lab.experiments.width_vs_depth.run.train_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(SMALL, partial_results=partial_results)
    assert len(partial_results) >= 2


def test_intervals_hold_seeds_and_images() -> None:
    from scipy.stats import t

    values = np.array([0.8, 0.9, 0.85])
    seeds_only = t.interval(0.95, 2, loc=values.mean(), scale=values.std(ddof=1) / np.sqrt(3))
    assert half_width(values, 0.0) == pytest.approx((seeds_only[1] - seeds_only[0]) / 2)
    assert half_width(np.array([0.8, 0.8]), 0.01) == pytest.approx(0.0196, rel=1e-4)


def invented(accuracies: dict[str, dict[str, float]], spread: float = 0.005) -> dict[str, pd.DataFrame]:
    """Tables of trainings that ended with these accuracies by task and network, seeds so far apart."""
    request = WidthVsDepthRequest(test_per_class=200)
    found = {}
    for task, networks in accuracies.items():
        for name in ARRANGEMENTS:
            for seed in range(3):
                right = round(400 * (networks.get(name, 0.5) + spread * (seed - 1)))
                order = np.random.default_rng((seed, len(name))).permutation(400)
                correct = order < right
                found[task, name, seed] = {
                    "seen": np.array([0, 9000]),
                    "accuracy": np.array([0.5, correct.mean()]),
                    "correct": correct,
                }
    return tables_of(found, tuple(accuracies), request)


def test_leads_are_differences_of_the_summary() -> None:
    tables = invented({"faces": {"stack": 0.9, "wide": 0.6}})
    final = tables["summary"].query("seen == seen.max()").set_index("network")["accuracy"]
    assert len(tables["leads"])
    for row in tables["leads"].itertuples():
        assert row.lead == pytest.approx(final[STACK] - final[row.network])
        assert row.ci_low < row.lead < row.ci_high


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(LabError, match=r"no task 'face'; nearest: faces|no task 'face'.*nearest: faces"):
        WidthVsDepthRequest(tasks="face")
    with pytest.raises(LabError, match="no task is named"):
        WidthVsDepthRequest(tasks=" , ")
    with pytest.raises(LabError, match="fully connected needs 6,9"):
        run(WidthVsDepthRequest(parameters=1_000))
    with pytest.raises(LabError, match="seeds is 1"):
        WidthVsDepthRequest(seeds=1)
    assert set(TASKS) == set(WidthVsDepthRequest().tasks.split(","))


def test_tasks_are_the_same_in_any_order_and_spelling() -> None:
    from pages_helpers import healthy, opened

    from lab.ui.url_state import to_params

    assert WidthVsDepthRequest(tasks=" pets ,orientation,pets").canonical() == WidthVsDepthRequest(
        tasks="orientation,pets"
    )
    assert WidthVsDepthRequest().canonical() == WidthVsDepthRequest()
    asked = to_params(WidthVsDepthRequest(tasks="pets, shapes"))
    app = healthy(opened("break_the_stack", question="Side by side", experiment="width_vs_depth", **asked))
    assert app.multiselect(key="side_tasks").value == ["shapes", "pets"]
    app.number_input(key="side_seen").set_value(700).run()
    assert app.multiselect(key="side_tasks").value == ["shapes", "pets"]


def test_the_charts_draw_it(measured: Any) -> None:
    from lab.charts.pictures import picture
    from lab.registry import charts_of

    charts = charts_of(measured[0])
    assert set(charts) == {"budget", "leads"}
    for chart in charts.values():
        assert picture(chart, "svg").startswith(b"<svg")


def test_the_tab_offers_it_and_shows_what_was_found(measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages_helpers import healthy, opened, said

    from lab.experiments.base import Result
    from lab.runs import jobs
    from lab.runs.store import open_run

    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("a page load started a training"))
    empty = healthy(opened("break_the_stack", question="Side by side"))
    assert "Trains five small networks" in said(empty)
    run = open_run(SMALL)
    run.finish(Result(SMALL, measured[0].tables, {**measured[0].manifest, "sources": SMALL.sources()}))
    full = healthy(opened("break_the_stack", question="Side by side", run=run.id))
    assert measured[0].manifest["findings"][0][:40] in said(full).replace("\\", "")
    assert len(full.get("vega_lite_chart")) == 2
    full.multiselect(key="side_tasks").set_value([]).run()
    assert "no task is named" in said(full).replace("\\", "")
