"""The order of emergence: tau against scipy, and planted orders (as expected, none, reversed) with their coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from lab.stats.ordering import gaps, order_of

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
