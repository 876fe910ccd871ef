"""Two networks on the same images: what accuracy and folds alone bring, and what is left."""

from __future__ import annotations

import numpy as np
import pytest

from lab.stats.disagreement import disagreement

COUNT = 400


def test_unrelated_errors_differ_by_what_their_accuracies_bring() -> None:
    rng = np.random.default_rng(0)
    apart, expected = [], []
    for _ in range(200):
        a, b = rng.random((1, COUNT)) < 0.7, rng.random((1, COUNT)) < 0.9
        apart.append((a != b).sum())
        expected.append(disagreement(a, b).by_accuracy)
    assert np.mean(apart) == pytest.approx(np.mean(expected), rel=0.03)
    assert np.isnan(disagreement(a, b).by_folds)


def test_a_network_against_itself_on_other_folds_differs_by_the_folds_only() -> None:
    rng = np.random.default_rng(1)
    sure, wrong = rng.random(COUNT) < 0.5, rng.random(COUNT) < 0.1

    def read() -> np.ndarray:
        return np.where(sure, ~wrong, rng.random((8, COUNT)) < 0.7)

    one, other = read(), read()
    found = disagreement(one, other)
    assert found.by_folds == pytest.approx((one[0] != other[0]).sum(), abs=25)
    assert found.steady_a + found.steady_b <= 5


def test_what_differs_in_every_repeat_is_counted_by_who_is_right() -> None:
    one, other = np.ones((3, COUNT), bool), np.ones((3, COUNT), bool)
    other[:, :30] = False
    one[:, 30:42] = False
    other[1, 50:60] = False  # in one repeat only
    found = disagreement(one, other)
    assert (found.steady_a, found.steady_b) == (30, 12)
    assert found.by_folds == pytest.approx(10 * 2 / 3 / 2)
