"""The cheap scores against what they stand for: the evidence computed directly, and refits without each image."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lab.errors import LabError
from lab.probing.evidence import PENALTIES, cheap_scores, log_evidence
from lab.probing.pca import principal_axes, standardise


def drawn(count: int, dim: int, effect: float, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features on different scales in which classes differ along as many directions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    features = rng.normal(size=(count, dim)) + effect * np.eye(classes, dim)[labels]
    return features @ rng.normal(size=(dim, dim)) * np.logspace(-1, 1, dim) + 5, labels


def axes_and_targets(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    standard, _ = standardise(features, features[:1])
    member = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
    return standard, principal_axes(standard, standard[:1])[0], member - member.mean(axis=0)


@pytest.mark.parametrize(("count", "dim", "effect"), [(40, 6, 1.5), (40, 12, 0.7), (36, 50, 1.0)])
def test_evidence_is_the_largest_density_of_the_labels(count: int, dim: int, effect: float) -> None:
    """Labels are normal with covariance I/b + FF'/a: its density, maximised over a and b by a general optimiser."""
    from scipy.optimize import minimize
    from scipy.stats import multivariate_normal

    features, axes, targets = axes_and_targets(*drawn(count, dim, effect))
    found = log_evidence(axes, targets)
    assert found.shape == (3,)
    for value, target in zip(found, targets.T, strict=True):

        def missing(logs: np.ndarray, target: np.ndarray = target) -> float:
            covariance = np.exp(-logs[1]) * np.eye(count) + np.exp(-logs[0]) * features @ features.T
            return -multivariate_normal(np.zeros(count), covariance).logpdf(target) / count

        bounds = [(-6.0, 12.0), (-6.0, 8.0)]
        best = min(minimize(missing, start, bounds=bounds, method="Nelder-Mead").fun for start in ((2, 1), (5, 3)))
        assert value >= -best - 1e-4
        assert value == pytest.approx(-best, abs=2e-3)


def test_evidence_is_that_of_the_papers_iteration() -> None:
    """Algorithm 1 of You et al. (2021): alpha and beta by turns until their ratio stays."""
    features, axes, targets = axes_and_targets(*drawn(60, 8, 1.0))
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    found = log_evidence(axes, targets)
    assert found.shape == (3,)
    for value, target in zip(found, targets.T, strict=True):
        squares, projected = singular**2, (left.T @ target) ** 2
        rest, alpha, beta = target @ target - projected.sum(), 1.0, 1.0
        for _ in range(2000):
            ratio = alpha / beta
            gamma = (squares / (squares + ratio)).sum()
            weights = (squares * projected / (squares + ratio) ** 2).sum()
            residual = (projected * ratio**2 / (squares + ratio) ** 2).sum() + rest
            alpha, beta = gamma / weights, (60 - gamma) / residual
        ratio = alpha / beta
        weights = (squares * projected / (squares + ratio) ** 2).sum()
        residual = (projected * ratio**2 / (squares + ratio) ** 2).sum() + rest
        logs = 8 * np.log(alpha) + 60 * np.log(beta) - np.log(alpha + beta * squares).sum() - 60 * np.log(2 * np.pi)
        expected = (logs - beta * residual - alpha * weights) / 2 / 60
        assert value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("dim", "effect"), [(5, 1.0), (60, 2.0)])
def test_left_out_answers_are_those_of_refits_without_each_image(dim: int, effect: float) -> None:
    features, labels = drawn(30, dim, effect)
    _, axes, targets = axes_and_targets(features, labels)
    best, answers = np.inf, targets
    for penalty in PENALTIES[4:] * (axes**2).sum(axis=0).mean():
        left = np.stack(
            [
                Ridge(alpha=penalty)
                .fit(np.delete(axes, row, 0), np.delete(targets, row, 0))
                .predict(axes[row][None])[0]
                for row in range(30)
            ]
        )
        if (error := ((left - targets) ** 2).sum()) < best:
            best, answers = error, left
    found, rows = cheap_scores(features, labels), np.arange(30)
    assert np.array_equal(found.correct, answers.argmax(axis=1) == labels)
    margins = [answers[k, labels[k]] - np.delete(answers[k], labels[k]).max() for k in rows]
    assert found.margin == pytest.approx(np.mean(margins) / np.std(margins), rel=1e-6)


def without(row: int, axes: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """What ridge regression that has not seen a row predicts for it."""
    probe = Ridge(alpha=penalty).fit(np.delete(axes, row, 0), np.delete(targets, row, 0))
    return np.asarray(probe.predict(axes[row][None])[0])


def test_scores_do_not_notice_scale_rotation_or_order() -> None:
    features, labels = drawn(48, 7, 1.0)
    known = cheap_scores(features, labels)
    order = np.random.default_rng(1).permutation(48)
    mixed = cheap_scores(1000 * features[order] - 3, labels[order])
    assert (mixed.evidence, mixed.margin) == pytest.approx((known.evidence, known.margin), abs=1e-9)
    assert np.array_equal(mixed.correct, known.correct[order])


def test_evidence_and_answers_grow_with_the_classes_distance() -> None:
    found = [cheap_scores(*drawn(90, 8, effect)) for effect in (0.0, 0.8, 1.6, 4.0)]
    evidence = [one.evidence for one in found]
    assert evidence == sorted(evidence)
    assert found[0].correct.mean() < 0.5 < 0.9 < found[-1].correct.mean()


def test_a_constant_layer_says_nothing_and_bad_input_is_told() -> None:
    labels = np.arange(20) % 2
    nothing = cheap_scores(np.ones((20, 3)), labels)
    noise = cheap_scores(np.random.default_rng(0).normal(size=(20, 1)), labels)
    assert nothing.evidence <= noise.evidence + 1e-6
    assert nothing.correct.mean() <= 0.5
    assert -100 <= nothing.margin <= noise.margin
    with pytest.raises(LabError, match="not finite"):
        cheap_scores(np.full((20, 3), np.nan), labels)
    with pytest.raises(LabError, match="4 or more"):
        cheap_scores(np.ones((3, 3)), labels[:3])
