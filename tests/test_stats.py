"""Scores against scikit-learn and scipy; intervals against their promise (how often they hold the truth)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, rankdata, t
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from lab.stats import auc
from lab.stats import intervals as stats
from lab.stats.image_scores import measure_of
from lab.stats.simultaneous import stretched


def predictions(count: int, classes: int, seed: int, repeats: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities `(R, N, K)`, rounded so that there are ties, and labels with every class."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, count - classes)])
    raw = rng.uniform(0.05, 1, (repeats, count, classes)).round(1) + 0.4 * np.eye(classes)[labels]
    return raw / raw.sum(axis=2, keepdims=True), labels


@settings(deadline=None, max_examples=30)
@given(st.integers(10, 60), st.integers(2, 4), st.integers(0, 1000))
def test_scores_equal_scikit_learn(count: int, classes: int, seed: int) -> None:
    probabilities, labels = predictions(count, classes, seed)
    found, given_ = stats.scores(probabilities, labels, np.arange(count)), probabilities[0]
    expected_auc = (
        roc_auc_score(labels, given_[:, 1]) if classes == 2 else roc_auc_score(labels, given_, multi_class="ovr")
    )
    assert found.auc == pytest.approx(expected_auc)
    assert found.accuracy == pytest.approx((given_.argmax(axis=1) == labels).mean())
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, given_.argmax(axis=1)))
    assert found.log_loss == pytest.approx(log_loss(labels, given_))


def test_scores_average_repeats_and_take_labels_per_repeat() -> None:
    probabilities, labels = predictions(40, 3, 0, repeats=3)
    each = [stats.scores(p[None], labels, np.arange(40)) for p in probabilities]
    assert stats.scores(probabilities, labels, np.arange(40)).auc == pytest.approx(np.mean([s.auc for s in each]))
    shuffled = np.stack([labels, labels[::-1], labels])
    assert stats.scores(probabilities, shuffled, np.arange(40)).accuracy == pytest.approx(
        np.mean([(p.argmax(axis=1) == y).mean() for p, y in zip(probabilities, shuffled, strict=True)])
    )


def test_fold_scores_have_a_row_per_fold_and_average_to_the_whole() -> None:
    probabilities, labels = predictions(50, 2, 1, repeats=2)
    splits = np.stack([np.arange(50) % 5, (np.arange(50) // 2) % 5]).astype(np.int8)
    rows = list(stats.fold_scores(probabilities, labels, splits, np.full((2, 5), 0.1)))
    assert [(row["repeat"], row["fold"]) for row in rows] == [(r, f) for r in range(2) for f in range(5)]
    assert all(row["n_train"] == 40 and row["n_test"] == 10 and row["C"] == 0.1 for row in rows)
    whole = stats.scores(probabilities, labels, np.arange(50))
    assert np.mean([row["accuracy"] for row in rows]) == pytest.approx(whole.accuracy)
    assert np.mean([row["log_loss"] for row in rows]) == pytest.approx(whole.log_loss)


def test_a_fold_without_one_class_has_no_auc() -> None:
    probabilities, labels = predictions(20, 2, 0)
    rows = list(stats.fold_scores(probabilities, labels, labels[None].astype(np.int8), np.ones((1, 2))))
    assert all(np.isnan(row["auc"]) and np.isfinite(row["accuracy"]) for row in rows)


@pytest.mark.parametrize("right", [0, 1, 100, 239, 240])
def test_wilson_equals_scipy(right: int) -> None:
    expected = binomtest(right, 240).proportion_ci(method="wilson")
    assert stats.wilson(right / 240, 240) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_all_right_does_not_claim_certainty() -> None:
    labels = np.arange(240) % 2
    perfect = np.eye(2)[labels][None]
    found = stats.scores(perfect, labels, np.arange(240))
    assert found.accuracy == found.auc == 1.0
    assert 0.95 < found.ci_low < 0.985
    assert 0.95 < found.auc_ci_low < 0.995
    grouped = stats.scores(perfect, labels, np.arange(240) // 10)
    assert grouped.ci_low < found.ci_low
    assert grouped.auc_ci_low < found.auc_ci_low
    assert np.all(np.isnan(stats.wilson(0.5, 0)))


def test_auc_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for shift in (0.0, 1.5, 3.0):
        truth, held = norm.cdf(shift / np.sqrt(2)), 0
        for _ in range(400):
            values = np.concatenate([rng.standard_normal(30) + shift, rng.standard_normal(30)])
            area = (rankdata(values)[:30].sum() - 30 * 31 / 2) / 900
            low, high = auc.auc_interval(area, 30, 30)
            assert low <= area <= high
            held += low <= truth <= high
        assert held / 400 > 0.925


def test_bootstrap_keeps_groups_whole_and_classes_their_weight() -> None:
    labels, groups = np.repeat([0, 1], [30, 20]), np.arange(50) // 2
    boot = stats.bootstrap(groups, labels, resamples=200, seed=1)
    assert boot.weights.shape == (200, 50)
    assert boot.resamples == 200
    assert np.array_equal(boot.weights[:, ::2], boot.weights[:, 1::2])
    assert boot.weights[:, labels == 0].sum(axis=1) == pytest.approx(np.full(200, 0.6))
    assert np.array_equal(boot.weights, stats.bootstrap(groups, labels, resamples=200, seed=1).weights)
    assert not np.array_equal(boot.weights, stats.bootstrap(groups, labels, resamples=200, seed=2).weights)


def test_groups_weigh_the_same_in_value_and_interval_however_large_they_are() -> None:
    rng = np.random.default_rng(0)
    sizes = np.array([1] * 20 + [30] * 2)
    groups = np.repeat(np.arange(22), sizes)
    labels, values = groups % 2, rng.choice([0.0, 1.0], 22)
    boot = stats.bootstrap(groups, labels)
    assert boot.mean(values[groups]) == pytest.approx(values.mean())
    assert boot.groups == pytest.approx(22)
    single = stats.difference(stats.bootstrap(np.arange(22), np.arange(22) % 2), values)
    found = stats.difference(boot, values[groups])
    assert (found.low, found.high) == pytest.approx((single.low, single.high))
    probabilities = np.eye(2)[np.where(values[groups] > 0, labels, 1 - labels)][None]
    scored = stats.scores(probabilities, labels, groups)
    assert scored.accuracy == pytest.approx(values.mean())
    assert (scored.ci_low, scored.ci_high) == pytest.approx(stats.accuracy_interval(float(values.mean()), 22))


def test_balanced_weights_give_every_class_the_same_in_mixed_groups_too() -> None:
    rng = np.random.default_rng(1)
    labels, groups = np.sort(rng.integers(0, 3, 60) % 3), rng.integers(0, 25, 60)
    weights = stats.image_weights(groups, labels, balanced=True)
    assert np.bincount(labels, weights=weights) == pytest.approx(np.full(3, 1 / 3))
    boot = stats.bootstrap(groups, labels, resamples=50, balanced=True)
    for name in range(3):
        assert boot.weights[:, labels == name].sum(axis=1) == pytest.approx(np.full(50, 1 / 3))


def test_intervals_allow_for_refitting_and_for_few_images() -> None:
    labels, values = np.arange(200) % 2, np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 200)
    fixed, refitted = (
        stats.difference(stats.bootstrap(np.arange(200), labels, refit=factor), values) for factor in (1.0, stats.REFIT)
    )
    assert (refitted.high - refitted.low) / (fixed.high - fixed.low) == pytest.approx(stats.REFIT, rel=0.02)
    few = stats.bootstrap(np.arange(4), np.arange(4) % 2, refit=1.0)
    assert few.means(np.array([0.0, 0.0, 1.0, 1.0])).std() > 2 * np.sqrt(0.25 / 4)  # Student's t with 2 degrees


def test_other_seeds_widen_an_interval_and_one_seed_does_not() -> None:
    found = stats.Interval(0.2, 0.1, 0.3)
    assert stats.widened(found, 0.0, 2) == found
    wide = stats.widened(found, 0.05**2, 1000)
    assert wide.high - wide.low > 1.3 * (found.high - found.low)
    assert stats.widened(found, 0.05**2, 2).high > wide.high


def test_means_are_weighted_means() -> None:
    rng = np.random.default_rng(0)
    labels, values = np.arange(30) % 2, rng.uniform(size=(3, 2, 30))
    boot = stats.bootstrap(np.arange(30), labels, resamples=50)
    means = boot.means(values)
    assert means.shape == (50, 3, 2)
    assert means[7, 2, 1] == pytest.approx(np.sum(values[2, 1] * boot.weights[7]))


def test_an_image_s_parts_of_the_auc_have_its_mean_and_its_variance() -> None:
    """Against scikit-learn in one fold, and DeLong's variance against the spread over new images."""
    rng = np.random.default_rng(0)
    for classes in (2, 3):
        probabilities, labels = predictions(80, classes, 3)
        weights = stats.image_weights(np.arange(80), labels, balanced=True)
        parts = auc.image_areas(probabilities, labels, np.zeros((1, 80), np.int8), weights)
        areas = [
            roc_auc_score(labels == name, probabilities[0, :, name], sample_weight=weights) for name in range(classes)
        ]
        expected = np.mean(areas)
        assert parts @ weights == pytest.approx(expected)
    labels = np.repeat([0, 1], [60, 12])
    weights = stats.image_weights(np.arange(72), labels, balanced=True)
    areas, claimed = [], []
    for _ in range(400):
        values = rng.standard_normal(72) + labels
        odds = 1 / (1 + np.exp(-values))
        parts = auc.image_areas(np.stack([1 - odds, odds], 1)[None], labels, np.zeros((1, 72), np.int8), weights)
        areas.append(parts @ weights)
        claimed.append(sum(parts[labels == k].var(ddof=1) / (labels == k).sum() / 4 for k in (0, 1)))
    assert np.sqrt(np.mean(claimed)) == pytest.approx(np.std(areas), rel=0.15)


@pytest.mark.parametrize(
    ("count", "gain", "loss"), [(240, 0.3, 0.02), (240, 0.02, 0.02), (40, 0.2, 0.1), (20, 0.9, 0.0)]
)
def test_difference_interval_holds_the_truth_as_often_as_it_says(count: int, gain: float, loss: float) -> None:
    rng = np.random.default_rng(0)
    boot = stats.bootstrap(np.arange(count), np.arange(count) % 2, resamples=1000, refit=1.0)
    held = 0
    for _ in range(300):
        values = rng.choice([1.0, -1.0, 0.0], size=count, p=[gain, loss, 1 - gain - loss])
        found = stats.difference(boot, values)
        held += found.low <= gain - loss <= found.high
    assert held / 300 > 0.91


def test_grouped_images_make_wider_differences() -> None:
    rng = np.random.default_rng(0)
    per_group = rng.choice([0.0, 1.0], 30)
    values, labels = np.repeat(per_group, 8), np.repeat(np.arange(30) % 2, 8)
    widths = []
    for groups in (np.arange(240), np.repeat(np.arange(30), 8)):
        found = stats.difference(stats.bootstrap(groups, labels), values)
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_a_handful_that_agrees_does_not_claim_certainty() -> None:
    found = stats.difference(stats.bootstrap(np.arange(6), np.arange(6) % 2), np.ones(6))
    assert found.value == pytest.approx(1.0)
    assert found.low < 0.6


def test_correctness_and_chance() -> None:
    probabilities = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.2, 0.8], [0.3, 0.7]]])
    assert stats.correctness(probabilities, np.array([0, 1])).tolist() == [0.5, 1.0]
    assert stats.correctness(probabilities, np.array([[0, 1], [1, 0]])).tolist() == [1.0, 0.5]
    assert stats.chance(np.array([0, 0, 0, 1])) == 0.75
    assert stats.chance(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 7, 2, 3])) == pytest.approx(2 / 3)  # as scores count


def test_a_mean_of_few_values_is_as_scipy_has_it_and_of_one_is_not_bounded() -> None:
    from scipy.stats import t

    values = np.array([0.8, 0.9, 0.85, 0.7])
    found = stats.mean_interval(values)
    low, high = t.interval(0.95, 3, loc=values.mean(), scale=values.std(ddof=1) / 2)
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high))
    assert stats.mean_interval([0.5]) == stats.Interval(0.5, -np.inf, np.inf)


@pytest.mark.parametrize(
    ("counts", "measure"),
    [((9, 9), "accuracy"), ((10, 9), "balanced accuracy"), ((10, 5), "balanced accuracy"), ((11, 5), "AUC")],
)
def test_the_score_fits_the_sizes_of_the_classes(counts: tuple[int, int], measure: str) -> None:
    labels = np.repeat([0, 1], counts)
    assert measure_of(labels, np.arange(len(labels))) == measure
    assert measure_of(np.tile(labels, 2), np.tile(np.arange(len(labels)), 2)) == measure  # a group counts once


def test_students_t_has_satterthwaites_degrees_of_freedom() -> None:
    """Means of classes of 3 and 30 groups, as Welch's test of two samples of equal variance weighs them."""
    labels = np.repeat([0, 1], [3, 30])
    boot = stats.bootstrap(np.arange(33), labels, resamples=4000, balanced=True, refit=1.0)
    plain = 0.25 / 3 + 0.25 / 30  # the variance of half the sum of both means, of values with variance 1
    freedom = plain**2 / ((0.25 / 3) ** 2 / 2 + (0.25 / 30) ** 2 / 29)
    values = np.concatenate([[1.0, -1.0, 0.0], np.tile([1.0, -1.0], 15)])
    values[:3] = values[:3] / values[:3].std(ddof=1)
    values[3:] = values[3:] / values[3:].std(ddof=1)
    spread = (boot.means(values) - boot.mean(values)).std()
    assert spread == pytest.approx(np.sqrt(plain) * t.ppf(0.975, freedom) / stats.Z95, rel=0.05)


def test_a_stretch_for_no_test_or_one_changes_nothing() -> None:
    found = stats.Interval(0.5, 0.4, 0.7)
    for tests in (0, 1):
        same = stretched(found, tests)
        assert (same.low, same.high) == (pytest.approx(0.4), pytest.approx(0.7))
    assert stretched(found, 4).low == pytest.approx(0.5 - 0.1 * norm.ppf(1 - 0.025 / 4) / norm.ppf(0.975))


@pytest.mark.parametrize(("area", "positives", "negatives"), [(0.8, 2, 30), (0.62, 40, 60), (1.0, 5, 5), (0.3, 12, 90)])
def test_the_ends_of_an_auc_s_interval_just_reach_it(area: float, positives: int, negatives: int) -> None:
    """Newcombe's method 5 by its definition: at either end the area is 1.96 standard errors away, or there is none."""
    low, high = auc.auc_interval(area, positives, negatives)
    for end in {low, high} - {0.0, 1.0}:
        q1, q2 = end / (2 - end), 2 * end**2 / (1 + end)  # Hanley & McNeil 1982
        extra = (positives + negatives) / 2 - 1  # of both sides in either term: Newcombe's change
        variance = (end * (1 - end) + extra * (q1 - end**2 + q2 - end**2)) / ((positives - 1) * (negatives - 1))
        assert abs(area - end) == pytest.approx(stats.Z95 * np.sqrt(variance), rel=1e-6)
    assert 0 < low < area
    assert area < high < 1 or area == high == 1
    assert auc.auc_interval(area, 1, negatives) == (0.0, 1.0)


def test_images_are_ranked_among_those_of_their_own_fold() -> None:
    """Probes of other folds answer on scales of their own: the area is the mean of the folds' areas."""
    rng = np.random.default_rng(0)
    labels, folds = np.tile([0, 1], 60), np.repeat([0, 1, 2], 40)
    values = 1 / (1 + np.exp(-(rng.standard_normal(120) + labels + 3.0 * folds)))
    weights = stats.image_weights(np.arange(120), labels, balanced=True)
    parts = auc.image_areas(np.stack([1 - values, values], 1)[None], labels, folds[None].astype(np.int8), weights)
    areas = [roc_auc_score(labels[folds == fold], values[folds == fold]) for fold in range(3)]
    assert parts @ weights == pytest.approx(np.mean(areas))


def test_a_macro_interval_is_the_mean_of_the_classes_and_counts_groups() -> None:
    probabilities, labels = predictions(90, 3, 4)
    groups = np.arange(90) // 2 * 3 + labels  # some images share one with the next of their class
    found = auc.macro_auc_interval(probabilities[:1], labels[None], groups)
    ends = []
    for name in range(3):
        counts = [len(np.unique(groups[side])) for side in (labels == name, labels != name)]
        ends.append(auc.auc_interval(roc_auc_score(labels == name, probabilities[0, :, name]), *counts))
    assert found == pytest.approx(tuple(np.mean(ends, axis=0)))
    wider = auc.macro_auc_interval(probabilities[:1], labels[None], groups, refit=2.0)
    assert wider[0] < found[0] < found[1] < wider[1]
