"""What may be said of an interval, many intervals at once, crossed units, and the best of equally many."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from lab.stats.claims import outcome
from lab.stats.intervals import Interval
from lab.stats.simultaneous import crossed_mean, intervals_at_once, mean_of_many, means_at_once
from lab.stats.subsets import best_of_width


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "more"),
        (-0.3, -0.1, "less"),
        (-0.04, 0.03, "same"),
        (0.01, 0.04, "same"),
        (-0.01, 0.2, "open"),
        (-0.3, 0.3, "open"),
        (float("nan"), float("nan"), "open"),
        (float("-inf"), float("inf"), "open"),
    ],
)
def test_no_difference_is_said_of_a_narrow_interval_only(low: float, high: float, said: str) -> None:
    assert outcome(Interval((low + high) / 2, low, high), 0.05) == said


def test_many_means_of_nothing_rarely_have_one_that_excludes_zero() -> None:
    rng = np.random.default_rng(0)
    alone, at_once = 0, 0
    for _ in range(400):
        values = rng.normal(size=(22, 5))
        alone += any(mean_of_many(row).low > 0 or mean_of_many(row).high < 0 for row in values)
        at_once += any(found.low > 0 or found.high < 0 for found in means_at_once(values))
    assert alone > 200  # what 22 uncorrected intervals do
    assert at_once <= 0.08 * 400


@pytest.mark.parametrize(("of_rows", "of_columns"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)])
def test_crossed_units_cover_whichever_of_them_varies(of_rows: float, of_columns: float) -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(600):
        values = (
            of_rows * rng.normal(size=(6, 1)) + of_columns * rng.normal(size=(1, 3)) + 0.3 * rng.normal(size=(6, 3))
        )
        found = crossed_mean(values)
        held += found.low <= 0 <= found.high
    assert held / 600 >= 0.93
    assert crossed_mean(rng.normal(size=(6, 1))).high == float("inf")  # one seed is no population
    assert crossed_mean(np.full((3, 3), 2.0)) == Interval(2.0, 2.0, 2.0)


def test_resampled_intervals_hold_all_at_once() -> None:
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(200):
        values = rng.normal(size=30)
        draws = values + rng.normal(size=(400, 30))
        missed += any(not found.low <= 0 <= found.high for found in intervals_at_once(values, draws))
    assert missed <= 0.09 * 200
    values, draws = np.array([1.0, np.nan]), np.ones((5, 2))
    assert np.isnan(intervals_at_once(values, draws)[1].low)


@pytest.mark.parametrize(("of_starts", "most"), [(0.0, 0.09), (1.0, 0.1), (3.0, 0.22)])
def test_resampled_intervals_hold_for_other_random_starts_too(of_starts: float, most: float) -> None:
    """Means over three starts, of other starts and other images: what images alone allow for misses far more often."""
    rng = np.random.default_rng(4)
    missed, alone = 0, 0
    for _ in range(300):
        starts = of_starts * rng.normal(size=(3, 8))
        values = starts.mean(axis=0) + rng.normal(size=8)
        draws = values + rng.normal(size=(300, 8))
        missed += any(not found.low <= 0 <= found.high for found in intervals_at_once(values, draws, starts))
        alone += any(not found.low <= 0 <= found.high for found in intervals_at_once(values, draws))
    assert missed <= most * 300
    assert (alone > 2 * missed) == (of_starts > 0)
    assert intervals_at_once(values, draws, starts[:1]) == intervals_at_once(values, draws)


def test_the_best_of_a_width_is_the_mean_over_all_subsets() -> None:
    rng = np.random.default_rng(3)
    chosen_by, value = rng.normal(size=9), rng.normal(size=9)
    for width in (1, 4, 9):
        subsets = [np.array(one) for one in combinations(range(9), width)]
        each = [value[one[chosen_by[one].argmax()]] for one in subsets]
        assert best_of_width(chosen_by, value, width) == pytest.approx(np.mean(each))
    assert best_of_width(chosen_by, value, 50) == value[chosen_by.argmax()]


def test_one_kind_of_channels_is_no_better_in_a_wide_layer() -> None:
    """Where the best of 1,280 beats the best of 32 by far, the best of 32 of the 1,280 does not."""
    rng = np.random.default_rng(4)
    wide, narrow = rng.beta(2, 6, size=(2000, 1280)), rng.beta(2, 6, size=(2000, 32))
    plain = wide.max(axis=1).mean() - narrow.max(axis=1).mean()
    equal = np.mean([best_of_width(one, one, 32) for one in wide[:300]]) - narrow.max(axis=1).mean()
    assert plain > 0.15
    assert abs(equal) < 0.01
