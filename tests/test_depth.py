"""Curves along depth: emergence on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.stats import depth as curves
from lab.stats.intervals import bootstrap

COUNT = 200
LABELS = np.arange(COUNT) % 2
BOOT = bootstrap(np.arange(COUNT), LABELS, resamples=400, balanced=True)


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
    assert reached <= 4  # 5 % were promised


def test_each_pair_of_classes_has_its_own_emergence() -> None:
    labels = np.arange(COUNT) % 3
    found = reading([0.34, 0.34, 0.34], classes=3)
    found[0, 0, labels == 2] = [0.45, 0.45, 0.1]
    found[1:, 0, labels == 2] = [0.05, 0.05, 0.9]  # class 2 stands out from layer 1, 0 and 1 never do
    half = (np.arange(COUNT) // 3) % 2 == 0
    found[:, 0, (labels < 2) & half] = [0.6, 0.3, 0.1]
    found[:, 0, (labels < 2) & ~half] = [0.3, 0.6, 0.1]
    boot = bootstrap(np.arange(COUNT), labels, resamples=400, balanced=True)
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


def test_many_pairs_of_classes_announce_nothing_on_nothing() -> None:
    """Forty-five pairs of ten classes are looked at, and the promise of 5 % is for all of them together."""
    labels, announced = np.arange(COUNT) % 10, 0
    boot = bootstrap(np.arange(COUNT), labels, resamples=400, balanced=True)
    for seed in range(20):
        noise = np.random.default_rng(seed).uniform(size=(6, 1, COUNT, 10))
        announced += any(pair.reached for pair in curves.emergence(np.linspace(0, 1, 6), noise, labels, boot))
    assert announced <= 2


@pytest.mark.parametrize(("sizes", "few"), [((2, 2, 2, 2, 2), 1), ((30, 2, 2), 1), ((8, 8, 8, 8, 8), 2)])
def test_classes_of_a_few_images_announce_nothing_on_nothing(sizes: tuple[int, ...], few: int) -> None:
    """Two images a class are all right by luck at one of six layers all the time."""
    labels, announced = np.repeat(np.arange(len(sizes)), sizes), 0
    boot = bootstrap(np.arange(len(labels)), labels, resamples=400, balanced=True)
    for seed in range(30):
        noise = np.random.default_rng(seed).uniform(size=(6, 1, len(labels), len(sizes)))
        announced += any(pair.reached for pair in curves.emergence(np.linspace(0, 1, 6), noise, labels, boot))
    assert announced <= few


def test_copies_in_a_group_are_no_further_evidence() -> None:
    """Twenty copies of two pictures a class do not show what twenty pictures a class show."""
    labels = np.repeat([0, 1], 20)
    right = np.where(labels[:, None] == np.arange(2), 0.9, 0.1)[None, None]
    for groups, reached in ((np.arange(40), True), (2 * labels + np.arange(40) % 2, False)):
        boot = bootstrap(groups, labels, resamples=400, balanced=True)
        (found,) = curves.emergence([0.5], right, labels, boot)
        assert found.reached is reached


def correct(accuracies: list[float]) -> np.ndarray:
    ease = (np.arange(COUNT) + 0.5) / COUNT
    return (ease < np.array(accuracies)[:, None]).astype(float)


def test_trend_tells_rise_fall_and_flat() -> None:
    depths = np.linspace(0, 1, 8)
    rising = curves.trend(depths, correct(list(np.linspace(0.5, 0.95, 8))), BOOT)
    falling = curves.trend(depths, correct(list(np.linspace(0.95, 0.5, 8))), BOOT)
    assert rising.value == pytest.approx(0.45, abs=0.01)
    assert rising.low > 0.3
    assert falling.value == pytest.approx(-rising.value)
    assert falling.high < -0.3
    assert curves.trend([0.0, 0.5, 1.0], correct([0.5, 0.7, 0.9]), BOOT).value == pytest.approx(0.4)
    assert np.isnan(curves.trend([0.0, 1.0], correct([0.5, 0.9]), BOOT).value)
    assert np.isnan(curves.trend([1.0, 1.0, 1.0], correct([0.5, 0.7, 0.9]), BOOT).value)


def test_a_trend_is_not_seen_in_layers_that_only_follow_each_other() -> None:
    """Nine layers of equal truth, each much like the one before it: the slope excludes 0 no more often than it says."""
    boot, seen = bootstrap(np.arange(COUNT), LABELS, resamples=400, refit=1.0), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        ease = rng.standard_normal(COUNT)
        layers = []
        for _ in range(9):
            ease = 0.95 * ease + np.sqrt(1 - 0.95**2) * rng.standard_normal(COUNT)
            layers.append((ease > -0.5).astype(float))
        found = curves.trend(np.linspace(0, 1, 9), np.stack(layers), boot)
        seen += not found.low <= 0 <= found.high
    assert seen <= 18  # 5 % is 10


def test_better_than_the_best_is_better_than_each() -> None:
    rng = np.random.default_rng(0)
    others = np.stack([correct([0.6])[0], correct([0.9])[0]])
    found = curves.against_best(correct([0.95])[0], others, BOOT)
    assert found.value == pytest.approx(0.05)
    assert found.low > 0
    assert curves.against_best(correct([0.7])[0], others, BOOT).high < 0
    wrong = 0
    for _ in range(100):
        layers = (rng.uniform(size=(6, COUNT)) < 0.8).astype(float)
        wrong += curves.against_best(layers[0], layers[1:], BOOT).low > 0
    assert wrong <= 2


def test_layers_as_good_as_the_best_are_not_called_worse() -> None:
    behind, best = curves.behind_best(correct([0.5, 0.7, 0.95, 0.94, 0.7]), BOOT)
    assert best == 2
    assert [gap.low > 0 for gap in behind] == [True, True, False, False, True]
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(100):
        found, _ = curves.behind_best((rng.uniform(size=(12, COUNT)) < 0.8).astype(float), BOOT)
        wrong += any(gap.low > 0 for gap in found)
    assert wrong <= 8  # although the best of twelve layers is picked after the fact
    assert curves.behind_best(correct([0.5]), BOOT)[0][0].value == 0.0


def test_early_and_late_thirds_always_hold_a_layer() -> None:
    early, late = curves.early_and_late([0.0, 0.2, 0.5, 0.8, 1.0])
    assert (early.tolist(), late.tolist()) == ([0, 1], [3, 4])
    early, late = curves.early_and_late([0.4, 0.5, 0.6])
    assert (early.tolist(), late.tolist()) == ([0], [2])


def test_a_number_is_reached_where_its_best_layer_leaves_the_margin_of_all_layers() -> None:
    """The margin by its definition, from the resamples themselves: just above it is reached, just below it is not."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((6, COUNT)) * np.array([0.3, 0.5, 0.4, 0.6, 0.8, 0.5])[:, None]
    noise -= BOOT.mean(noise)[:, None]
    draws = BOOT.means(noise)
    spread = np.sqrt((draws**2).mean(axis=0))
    assert (spread > 2**0.5 / (COUNT + 2)).all()  # the least spread is not what decides here
    margin = np.percentile((draws / spread).max(axis=1), 95)
    assert margin > curves.ONE_SIDED
    for layer in range(6):
        lift = np.zeros(6)
        for share, reached in ((0.98, False), (1.02, True)):
            lift[layer] = share * margin * spread[layer]
            found = curves.number_emergence(np.linspace(0, 1, 6), noise + lift[:, None], BOOT)
            assert found.reached is reached
            assert found.best == pytest.approx(lift[layer])


def test_the_interval_of_an_emergence_is_the_middle_of_its_resamples() -> None:
    """Against crossings found by a plain loop over the resampled curves."""
    depths, threshold_of = np.linspace(0, 1, 6), (0.0, 0.5)
    rng = np.random.default_rng(1)
    scores = np.clip(correct([0.1, 0.2, 0.35, 0.5, 0.55, 0.6]) + 0.2 * rng.standard_normal((6, COUNT)), -1, 1)
    number = curves.number_emergence(depths, scores, BOOT)
    odds = reading([0.5, 0.55, 0.65, 0.75, 0.8, 0.82], seed=4)
    (pair,) = curves.emergence(depths, odds, LABELS, BOOT)
    right = (odds[:, 0].argmax(axis=2) == LABELS).astype(float)
    for found, values, chance in ((number, scores, threshold_of[0]), (pair, right, threshold_of[1])):
        crossings = []
        for curve in BOOT.means(values):
            best = int(np.argmax(curve))
            threshold = chance + (curve[best] - chance) / 2
            low = [layer for layer in range(best) if curve[layer] < threshold]
            first = max(low) + 1 if low else 0
            ends = [first - 1, first]
            crossings.append(np.interp(threshold, curve[ends], depths[ends]) if low else depths[0])
        assert (found.ci_low, found.ci_high) == pytest.approx(tuple(np.percentile(crossings, (2.5, 97.5))), abs=1e-9)
