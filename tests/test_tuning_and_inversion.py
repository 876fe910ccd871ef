"""Tuning of channels and pictures rebuilt from layers: unbiased shares, exact matches, texts that can say no."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lab.experiments.building import tuning_curves
from lab.experiments.building.inversion import InversionRequest, alike, spread
from lab.experiments.building.inversion import run as run_inversion
from lab.experiments.building.tuning_curves import TuningRequest, curve, draws, explained
from lab.experiments.building.tuning_curves import run as run_tuning
from lab.experiments.building.tuning_curves import summarised as summarised_tuning
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
    asked = np.tile(np.repeat(np.arange(4), 6), (8, 1))
    answers = rng.normal(size=(8, 24, 200))
    nothing = np.array([row["best"] for row in draws(answers, asked, "real", 200)])
    assert abs(nothing.mean()) < 0.12  # the best of 200 on its own data would be near 0.4
    assert max(explained(answers[0], asked[0])) > 0.25
    answers[:, :, 7] += 2 * asked
    assert all(row["channel"] == 7 and row["best"] > 0.5 for row in draws(answers, asked, "real", 200))
    rows = curve(answers, asked, ("a", "b", "c", "d"))
    assert rows[0]["channel"] == 7
    assert [row["response"] for row in rows] == sorted(row["response"] for row in rows)
    assert all(row["ci_low"] < row["response"] < row["ci_high"] for row in rows)


def test_gratings_have_their_orientation() -> None:
    rng = np.random.default_rng(3)
    assert len(ORIENTATIONS) > 1
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
        return run_tuning(TuningRequest(TINY, draws=4), partial_results=partial_results), partial_results


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


def planted(
    layers: dict[str, tuple[int, float]], *, twin: float = 0.0, starts: float = 0.0, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of a network whose layers have so many channels, tuned so strongly to both on average.

    `twin` is the strength in each of three twins, which differ by `starts`.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    asked = np.tile(np.repeat(np.arange(5), 2), (12, 1))
    narrowest = min(width for width, _ in layers.values())
    for kind in ("orientation", "shape"):
        for number, (layer, (width, strength)) in enumerate(layers.items()):
            where = {"layer": layer, "depth": number / (len(layers) - 1), "kind": kind}
            plans = [("real", -1, strength), ("shuffled", -1, 0.0)]
            plans += [("untrained", one, max(0.0, twin + starts * rng.normal())) for one in range(3)]
            for control, which, size in plans:
                effect = size * (asked - 2)[..., None] * -np.log((np.arange(width) + 0.5) / width)
                taken = draws(effect + rng.normal(size=(*asked.shape, width)), asked, control, narrowest)
                rows += [{"model": f"m{which}", **where, "twin": which, **row} for row in taken]
    found = pd.DataFrame(rows)
    return summarised_tuning(found), found


def test_a_wide_layer_is_not_called_sharper_for_its_width() -> None:
    """One kind of channels, 16 of them and 640: the best of all is sharper in the wide one, the best of 16 is not."""
    tables = planted({"narrow": (16, 0.25), "wide": (640, 0.25)})
    real = tables[0][tables[0]["control"] == "real"].set_index(["kind", "layer"])
    for number, kind in enumerate(("orientation", "shape")):
        assert real.loc[(kind, "wide"), "best_of_all"] > real.loc[(kind, "narrow"), "best_of_all"]
        said = findings(*tables)[number]
        assert "more at the last layer" not in said
        assert "of the best of 16 channels" in said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (0.0, 0.0, ("no change from first to last", "alike at the first and last layer")),
        (0.2, 0.9, ("more at the last layer than the first",)),
        (0.9, 0.2, ("less at the last layer than the first",)),
    ],
)
def test_the_tuning_text_follows_the_planted_truth(first: float, last: float, said: tuple[str, ...]) -> None:
    found = findings(*planted({"a": (40, first), "b": (160, (first + last) / 2), "c": (160, last)}, seed=1))
    assert all(any(one in found[number] for one in said) for number in (0, 1))
    if not first and not last:
        assert "is clearly tuned to" in found[2]


def test_nothing_is_rarely_called_sharper() -> None:
    false = 0
    for seed in range(40):
        found = findings(*planted({"a": (20, 0.0), "b": (80, 0.0)}, seed=seed))
        false += sum("than the first" in sentence for sentence in found[:2])
    assert false <= 6  # of 80; 2 are expected


def test_what_training_adds_is_said_over_several_random_starts() -> None:
    layers = {"a": (40, 0.8), "b": (40, 0.8)}
    more = findings(*planted(layers, twin=0.1))[-2]
    assert "tuned more to orientation at 2 of 2 layers" in more
    less = findings(*planted({"a": (40, 0.1), "b": (40, 0.1)}, twin=0.9))[-2]
    assert "more to orientation at 0 of 2 layers, less at 2" in less
    # Twins that differ as much among themselves as from the network show nothing.
    lucky = findings(*planted({"a": (40, 0.5), "b": (40, 0.5)}, twin=0.4, starts=0.4, seed=3))[-2]
    assert "more to orientation at 0 of 2 layers, less at 0" in lucky
    _, found = planted(layers, twin=0.1)
    one = found[found["twin"] < 1]
    assert "too few" in findings(summarised_tuning(one), one)[-2]


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
