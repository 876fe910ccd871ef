"""Tuning of channels and pictures rebuilt from layers: unbiased shares, exact matches, texts that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.experiments.building import tuning_curves
from lab.experiments.building.inversion import InversionRequest, alike, spread, summarised
from lab.experiments.building.inversion import run as run_inversion
from lab.experiments.building.inversion_findings import findings as inversion_told
from lab.experiments.building.tuning_curves import TuningRequest, curve, draws, explained
from lab.experiments.building.tuning_curves import run as run_tuning
from lab.experiments.building.tuning_findings import findings
from lab.experiments.building.tuning_stimuli import ORIENTATIONS, SHAPES, drawn, grating, outline

TINY = "test_resnet@untrained:1"


def test_the_share_is_the_textbooks_and_zero_on_average_where_nothing_is() -> None:
    from scipy.stats import f_oneway

    rng = np.random.default_rng(0)
    asked = np.repeat(np.arange(5), 8)
    answers = rng.normal(size=(40, 300))
    answers[:, 0] += asked
    answers[:, 1] = 3.0
    found = explained(answers, asked)
    # epsilon squared from the F statistic: (F - 1) dfb / (F dfb + dfw)
    f = f_oneway(*(answers[asked == level, 0] for level in range(5))).statistic
    assert found[0] == pytest.approx((f - 1) * 4 / (f * 4 + 35))
    assert found[1] == 0
    assert abs(found[2:].mean()) < 0.02


def test_the_best_channel_is_chosen_on_other_draws() -> None:
    rng = np.random.default_rng(1)
    asked = np.tile(np.repeat(np.arange(4), 6), (5, 1))
    answers = rng.normal(size=(5, 24, 200))
    nothing = np.array([row["best"] for row in draws(answers, asked, "real")])
    assert abs(nothing.mean()) < 0.12  # the best of 200 on its own data would be near 0.4
    assert max(explained(answers[0], asked[0])) > 0.25
    answers[:, :, 7] += 2 * asked
    assert all(row["channel"] == 7 and row["best"] > 0.5 for row in draws(answers, asked, "real"))
    rows = curve(answers, asked, ("a", "b", "c", "d"))
    assert rows[0]["channel"] == 7
    assert [row["response"] for row in rows] == sorted(row["response"] for row in rows)
    assert all(row["ci_low"] < row["response"] < row["ci_high"] for row in rows)


def test_gratings_have_their_orientation() -> None:
    rng = np.random.default_rng(3)
    for level in range(len(ORIENTATIONS)):
        image = grating(rng, level, 128).astype(float).sum(axis=2)
        power = np.abs(np.fft.fft2(image - image.mean())) ** 2
        y, x = np.unravel_index(int(power.argmax()), power.shape)
        fy, fx = np.fft.fftfreq(128)[y], np.fft.fftfreq(128)[x]
        bars = np.rad2deg(np.arctan2(fy, fx)) + 90  # bars run across the wave
        assert abs((bars - level * 22.5 + 90) % 180 - 90) < 9


def test_outlines_lie_inside_and_have_equal_ink() -> None:
    rng = np.random.default_rng(4)
    ink: list[float] = []
    for level in range(len(SHAPES)):
        shares = []
        for _ in range(25):
            image = outline(rng, level, 96).astype(float)
            behind = image[0, 0]
            marked = np.abs(image - behind).max(axis=2) > 20
            assert not marked[:2].any()
            assert not marked[:, -2:].any()
            shares.append(float(marked.mean()))
        ink.append(float(np.mean(shares)))
    assert np.ptp(ink) < 0.2 * np.mean(ink)
    assert np.array_equal(drawn("shape", 1, 1, 48)[0], drawn("shape", 1, 1, 48)[0])


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    partial_results: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("tuning")))
        patch.setattr(tuning_curves, "EACH", 2)
        return run_tuning(TuningRequest(TINY, draws=3), partial_results=partial_results), partial_results


def test_a_run_tunes_every_layer(tuned: tuple[Any, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    result, partial_results = tuned
    tuning = result["tuning"]
    assert set(tuning["control"]) == {"real", "shuffled"}
    assert (tuning["best_low"] <= tuning["best"]).all()
    assert (
        (result["curves"].groupby(["layer", "kind"]).size().unstack()[["orientation", "shape"]] == [8, 5]).all().all()
    )
    monkeypatch.setattr(tuning_curves, "drawn", lambda *_: pytest.fail("drawn again"))
    monkeypatch.setattr(tuning_curves, "_examples", pd.DataFrame)
    assert run_tuning(result.request, partial_results=partial_results)["tuning"].equals(tuning)


def tuning_table(orientation: tuple[float, float], shape: tuple[float, float], twin: float, shuffled: float) -> Any:
    rows = []
    values = {("orientation", "real"): orientation, ("shape", "real"): shape}
    values |= {(kind, "untrained"): (twin, twin) for kind in ("orientation", "shape")}
    values |= {(kind, "shuffled"): (shuffled, shuffled) for kind in ("orientation", "shape")}
    for (kind, control), (first, last) in values.items():
        for layer, depth, value in (("a", 0.0, first), ("b", 0.5, (first + last) / 2), ("c", 1.0, last)):
            row = {"layer": layer, "depth": depth, "kind": kind, "control": control}
            for name in ("mean", "best"):
                row |= {name: value, f"{name}_low": value - 0.02, f"{name}_high": value + 0.02}
            rows.append(row)
    return pd.DataFrame(rows)


def test_the_tuning_text_follows_the_numbers() -> None:
    said = findings(tuning_table((0.8, 0.2), (0.1, 0.7), 0.05, 0.0))
    assert "the first of these layers has channels tuned more sharply" in said[0]
    assert "the last of these layers has channels tuned more sharply" in said[1]
    assert "from a on (depth 0.00), before those tuned to shape, from b on" in said[2]
    assert "orientation: more in the trained best channel at 3 of 3" in said[3]
    against = findings(tuning_table((0.2, 0.8), (0.5, 0.5), 0.9, 0.4))
    assert "the last of these layers has channels tuned more sharply" in against[0]
    assert "do not differ clearly" in against[1]
    assert "not before those tuned to shape" in against[2]
    assert "at 0 of 3 layers, less at 3" in against[3]
    assert "still explains 0.40" in against[-1]
    assert "clearly enough to say" in findings(tuning_table((0.0, 0.0), (0.0, 0.0), 0.0, 0.0))[2]


def test_the_first_layer_gives_the_picture_back_and_nothing_is_left_behind() -> None:
    from lab.models import load_model

    partial_results: dict[str, Any] = {}
    request = InversionRequest(TINY, most_layers=2, steps=25, starts=2)
    result = run_inversion(request, partial_results=partial_results)
    table = result["inversions"]
    assert (table["error"] < 0.5 * table["error_before"]).all()
    assert table["layer"].nunique() == 2
    first = table[table["layer"] == table["layer"].iloc[0]]
    assert (first["error"] < 0.35).all()
    assert "untrained itself" in result.manifest["findings"][-1]
    assert run_inversion(request, partial_results=partial_results)["summary"].equals(result["summary"])
    module = load_model(TINY).module
    assert not any(child._forward_hooks for child in module.modules())
    picture = np.random.default_rng(0).random((3, 16, 16))
    assert alike(picture * 0.3 + 0.4, picture) == pytest.approx(1)  # contrast and brightness do not count
    assert alike(np.zeros((3, 4, 4)), picture[:, :4, :4]) == 0
    assert spread(tuple(range(9)), 3) == (0, 4, 8)  # type: ignore[arg-type, comparison-overlap]


def test_the_inversion_text_follows_the_numbers() -> None:
    def table(trained: tuple[float, float], twin: tuple[float, float], error: float) -> pd.DataFrame:
        rows = [
            {"model": "m", "twin": is_twin, "layer": layer, "depth": depth, "start": start, "error": error}
            | {"likeness": value + 0.001 * start}
            for is_twin, values in ((False, trained), (True, twin))
            for layer, depth, value in zip("ab", (0.0, 1.0), values, strict=True)
            for start in range(3)
        ]
        return summarised(pd.DataFrame(rows))

    said = inversion_told(table((0.9, 0.1), (0.8, 0.5), 0.01), 3)
    assert "the more different pictures look alike" in said[0]
    assert "what its layer does not notice" in said[1]
    assert "worse at 1 of 2 layers and better at 1" in said[2]
    against = inversion_told(table((0.1, 0.9), (0.95, 0.95), 0.6), 3)
    assert "gives more of the picture back" in against[0]
    assert "may be the search's fault" in against[1]
    assert "worse at 0 of 2 layers and better at 2" in against[2]
