"""The order of emergence: tau against scipy, and planted orders (as expected, none, reversed) with their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from lab.stats.intervals import Interval
from lab.stats.ordering import gaps, order_of, order_of_seeds

DRAWS = 300


def measured(truth: np.ndarray, spread: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Depths measured with an error, and resamples that scatter about them by the same error."""
    depths = truth + spread * rng.standard_normal(len(truth))
    return depths, depths + spread * rng.standard_normal((DRAWS, len(truth)))


def test_tau_is_that_of_scipy_with_ties_too() -> None:
    rng = np.random.default_rng(0)
    for depths in (rng.random(8), np.round(rng.random(8), 1), np.array([0.1, 0.1, 0.4, 0.4])):
        found = order_of(depths, depths + 0.01 * rng.standard_normal((DRAWS, len(depths))))
        assert found.tau.value == pytest.approx(kendalltau(np.arange(len(depths)), depths).statistic)
        assert found.tau.low <= found.tau.value <= found.tau.high


@pytest.mark.parametrize(
    ("truth", "sign"), [(np.linspace(0.05, 0.95, 12), 1), (np.linspace(0.95, 0.05, 12), -1), (np.full(12, 0.5), 0)]
)
def test_planted_orders_are_told_apart(truth: np.ndarray, sign: int) -> None:
    rng = np.random.default_rng(1)
    said = []
    for _ in range(60):
        found = order_of(*measured(truth, 0.05, rng)).tau
        said.append(1 if found.low > 0 else -1 if found.high < 0 else 0)
    right = np.mean(np.array(said) == sign)
    assert right >= (0.9 if sign == 0 else 0.95), right


STEPS = np.linspace(0.05, 0.95, 12)
FIRST = 0.2  # depth of the first layer, below which nothing emerges


@pytest.mark.parametrize(
    "truth", [STEPS, STEPS[::-1], np.full(12, 0.5), np.repeat(STEPS[::3], 3), np.tile(STEPS[:6], 2)],
    ids=["claimed", "reversed", "none", "ties", "partly"],
)  # fmt: skip
@pytest.mark.parametrize("spread", [0.05, 0.15])
def test_the_interval_of_tau_holds_its_mean_and_is_no_wider_than_need_be(truth: np.ndarray, spread: float) -> None:
    rng = np.random.default_rng(4)
    found = [order_of(*(np.maximum(part, FIRST) for part in measured(truth, spread, rng))).tau for _ in range(150)]
    taus = np.array([one.value for one in found])
    held = np.mean([one.low <= taus.mean() <= one.high for one in found])
    needed = 2 * 1.96 * taus.std()
    assert held >= 0.9, held  # 95 % less three standard errors of 150
    assert 0.8 < np.mean([one.high - one.low for one in found]) / needed < 1.75


@pytest.mark.parametrize("between", [0.0, 0.2])
def test_the_mean_tau_of_several_starts_holds_that_of_other_starts(between: float) -> None:
    rng = np.random.default_rng(6)
    found = []
    for _ in range(150):
        starts = [STEPS[:6] + between * rng.standard_normal(6) for _ in range(3)]
        found.append(order_of_seeds([measured(truth, 0.15, rng) for truth in starts]))
    mean = np.mean([one.value for one in found])
    held = [one.low <= mean <= one.high for one in found]
    assert np.mean(held) >= 0.9, np.mean(held)
    assert np.median([one.high - one.low for one in found]) < 1.5


def test_one_start_says_nothing_of_others_and_starts_of_two_things_do_not_count() -> None:
    rng = np.random.default_rng(7)
    one, few = measured(STEPS, 0.01, rng), measured(STEPS[:2], 0.01, rng)
    assert order_of_seeds([one, few]) == Interval(order_of(*one).tau.value, -1, 1)
    assert np.isnan(order_of_seeds([few]).value)
    both = order_of_seeds([one, measured(STEPS[::-1], 0.01, rng)])
    assert (both.low, both.high) == (-1, 1)
    assert abs(both.value) < 0.1


@pytest.mark.parametrize("step", [0.0, 0.02, 0.08])
def test_pairs_are_called_reversed_no_more_often_than_five_times_in_a_hundred(step: float) -> None:
    """All pairs are as expected or equal: a run with any reversed pair is an error, whatever the number of pairs."""
    rng = np.random.default_rng(2)
    truth = step * np.arange(10)
    wrong = [any(gap.reversed for gap in gaps(*measured(truth, 0.05, rng))) for _ in range(150)]
    assert np.mean(wrong) <= 0.09  # 5 % and three standard errors of 150 runs


def test_a_pair_that_is_reversed_is_found_and_named() -> None:
    truth = np.array([0.1, 0.8, 0.3, 0.5, 0.9])
    found = {(gap.first, gap.second): gap for gap in gaps(*measured(truth, 0.02, np.random.default_rng(3)))}
    assert {pair for pair, gap in found.items() if gap.reversed} == {(1, 2), (1, 3)}
    assert found[0, 4].as_expected
    assert found[1, 2].difference.value == pytest.approx(0.5, abs=0.1)


def test_few_things_have_no_order() -> None:
    assert np.isnan(order_of([0.1, 0.2], np.zeros((DRAWS, 2))).tau.value)
    assert gaps([0.1], np.zeros((DRAWS, 1))) == []


def test_the_p_value_is_scipys_and_none_is_of_depths_that_are_all_equal() -> None:
    rng = np.random.default_rng(5)
    depths = rng.random(9)
    assert order_of(depths, np.tile(depths, (DRAWS, 1))).p == pytest.approx(kendalltau(np.arange(9), depths).pvalue)
    assert order_of(np.full(5, 0.3), np.full((DRAWS, 5), 0.3)).p == 1.0
