"""Curves along depth: trend against scipy, emergence on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from lab.stats import depth as curves
from lab.stats.intervals import Bootstrap, bootstrap

COUNT = 200
LABELS = np.arange(COUNT) % 2
BOOT = bootstrap(np.arange(COUNT), LABELS, resamples=400)


def reading(accuracies: list[float], *, classes: int = 2, seed: int = 0) -> np.ndarray:
    """Return probabilities `(L, 1, N, K)`: at each layer a share of images is right, nested as far as it goes."""
    labels = np.arange(COUNT) % classes
    ease = np.random.default_rng(seed).permutation(COUNT) / COUNT
    found = np.full((len(accuracies), 1, COUNT, classes), 0.1)
    for layer, accuracy in enumerate(accuracies):
        named = np.where(ease < accuracy, labels, (labels + 1) % classes)
        found[layer, 0, np.arange(COUNT), named] = 0.9
    return found


def emerge(accuracies: list[float]) -> curves.Emergence:
    depths = np.linspace(0, 1, len(accuracies))
    (found,) = curves.emergence(depths, reading(accuracies), LABELS, BOOT)
    return found


def test_emergence_is_interpolated_between_layers() -> None:
    found = emerge([0.5, 0.5, 0.6, 0.9, 0.9])  # threshold 0.7, a third of the way from layer 2 to layer 3
    assert found.reached
    assert found.depth == pytest.approx(0.5 + 0.25 / 3)
    assert found.layer == 3
    assert found.ci_low <= found.depth <= found.ci_high


@pytest.mark.parametrize(
    ("accuracies", "depth", "layer"),
    [
        ([0.9, 0.9, 0.9], 0.0, 0),  # there from the start
        ([0.5, 0.8, 0.6, 0.9, 0.9], 0.5 + 0.25 / 3, 3),  # a hump that does not stay does not count
        ([0.5, 0.5, 0.9, 0.9, 0.6], 0.25 + 0.25 / 2, 2),  # a fall after the best layer does not undo it
        ([0.5, 0.9], 0.5, 1),
    ],
)
def test_emergence_of_curves_that_are_not_monotone(accuracies: list[float], depth: float, layer: int) -> None:
    found = emerge(accuracies)
    assert found.reached
    assert found.depth == pytest.approx(depth)
    assert found.layer == layer


def test_a_resample_without_a_class_says_nothing_of_where_it_emerges() -> None:
    weights = np.ones((400, COUNT))
    weights[:40, LABELS == 1] = 0  # a tenth of the resamples has drawn none of the second class
    boot = Bootstrap(weights, np.zeros(400), 1.0)
    (found,) = curves.emergence(np.linspace(0, 1, 5), reading([0.5, 0.5, 0.6, 0.9, 0.9]), LABELS, boot)
    assert found.ci_low == pytest.approx(found.depth)


def test_what_never_leaves_chance_does_not_emerge() -> None:
    rng = np.random.default_rng(0)
    reached = 0
    for _ in range(60):
        noise = rng.uniform(size=(10, 1, COUNT, 2))
        (found,) = curves.emergence(np.linspace(0, 1, 10), noise, LABELS, BOOT)
        reached += found.reached
        if not found.reached:
            assert np.isnan([found.depth, found.ci_low, found.ci_high]).all()
            assert found.layer == -1
    assert reached <= 8  # 5 % were promised


def test_each_pair_of_classes_has_its_own_emergence() -> None:
    labels = np.arange(COUNT) % 3
    found = reading([0.34, 0.34, 0.34], classes=3)
    found[0, 0, labels == 2] = [0.45, 0.45, 0.1]
    found[1:, 0, labels == 2] = [0.05, 0.05, 0.9]  # class 2 stands out from layer 1, 0 and 1 never do
    half = (np.arange(COUNT) // 3) % 2 == 0
    found[:, 0, (labels < 2) & half] = [0.6, 0.3, 0.1]
    found[:, 0, (labels < 2) & ~half] = [0.3, 0.6, 0.1]
    boot = bootstrap(np.arange(COUNT), labels, resamples=400)
    pairs = {(e.class_a, e.class_b): e for e in curves.emergence([0, 0.5, 1], found, labels, boot)}
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    assert not pairs[0, 1].reached
    assert pairs[0, 2].reached
    assert pairs[1, 2].layer == 1


def test_pairwise_accuracy_is_balanced_and_ties_count_half() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    boot = bootstrap(np.arange(100), labels, resamples=200)
    always_first = np.tile([0.9, 0.1], (2, 1, 100, 1))
    undecided = np.full((2, 1, 100, 2), 0.5)
    for probabilities in (always_first, undecided):
        (found,) = curves.emergence([0.0, 1.0], probabilities, labels, boot)
        assert found.best == pytest.approx(0.5)
        assert not found.reached


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.5, 1.0), min_size=2, max_size=12), st.integers(0, 99))
def test_crossings_are_where_their_definition_says(values: list[float], seed: int) -> None:
    curve = np.array(values).round(2)
    depth = np.sort(np.random.default_rng(seed).uniform(size=len(curve)))
    best = int(curve.argmax())
    threshold = 0.5 + (curve[best] - 0.5) / 2
    first = best
    while first > 0 and curve[first - 1] >= threshold:
        first -= 1
    (crossing,), (layer,) = curves._crossing(depth, curve[None])
    if first == 0:
        assert crossing == depth[0]
    else:
        assert layer == first
        assert depth[first - 1] <= crossing <= depth[first]
        line = np.interp(crossing, depth[first - 1 : first + 1], curve[first - 1 : first + 1])
        assert line == pytest.approx(threshold)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 20), min_size=3, max_size=12), st.integers(0, 99))
def test_kendall_equals_scipy(values: list[int], seed: int) -> None:
    depth = np.sort(np.random.default_rng(seed).integers(0, 8, len(values))).astype(float)
    expected = kendalltau(depth, values).statistic
    found = curves._kendall(depth, np.array([values], dtype=float))[0]
    assert found == pytest.approx(0.0 if np.isnan(expected) else expected)


def correct(accuracies: list[float]) -> np.ndarray:
    ease = (np.arange(COUNT) + 0.5) / COUNT
    return (ease < np.array(accuracies)[:, None]).astype(float)


def test_trend_tells_rise_fall_and_flat() -> None:
    depths = np.linspace(0, 1, 8)
    rising = curves.trend(depths, correct(list(np.linspace(0.5, 0.95, 8))), BOOT)
    falling = curves.trend(depths, correct(list(np.linspace(0.95, 0.5, 8))), BOOT)
    assert rising.tau.value == pytest.approx(1.0)
    assert rising.tau.low > 0.5
    assert rising.p < 0.01
    assert falling.tau.value == pytest.approx(-1.0)
    assert falling.tau.high < -0.5
    flat = curves.trend(depths, np.random.default_rng(0).integers(0, 2, (8, COUNT)).astype(float), BOOT)
    assert flat.p > 0.05
    assert np.isnan(curves.trend([0.0, 1.0], correct([0.5, 0.9]), BOOT).p)


def test_the_p_of_a_trend_is_fair_when_there_is_none() -> None:
    rng = np.random.default_rng(0)
    boot = Bootstrap(BOOT.weights[:20], BOOT.pseudo[:20], 1.0)
    below = [curves.trend(np.linspace(0, 1, 8), rng.uniform(size=(8, COUNT)), boot).p < 0.1 for _ in range(80)]
    assert np.mean(below) < 0.2


def test_a_peak_before_the_end_is_seen_and_noise_is_not() -> None:
    peaked, best = curves.last_against_best(correct([0.5, 0.7, 0.95, 0.7]), BOOT)
    assert best == 2
    assert peaked.value == pytest.approx(-0.25)
    assert peaked.high < 0
    rising, _ = curves.last_against_best(correct([0.5, 0.7, 0.95]), BOOT)
    assert rising.value == pytest.approx(0.25)
    assert rising.low > 0
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(100):
        found, _ = curves.last_against_best((rng.uniform(size=(12, COUNT)) < 0.8).astype(float), BOOT)
        wrong += found.high < 0
    assert wrong <= 10  # although the best of eleven layers is picked after the fact
    alone, _ = curves.last_against_best(correct([0.5]), BOOT)
    assert np.isnan(alone.value)


def test_early_and_late_thirds_always_hold_a_layer() -> None:
    early, late = curves.early_and_late([0.0, 0.2, 0.5, 0.8, 1.0])
    assert (early.tolist(), late.tolist()) == ([0, 1], [3, 4])
    early, late = curves.early_and_late([0.4, 0.5, 0.6])
    assert (early.tolist(), late.tolist()) == ([0], [2])
