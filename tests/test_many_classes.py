"""Probes of many classes choose the penalty otherwise than those of few, and find the same."""

from __future__ import annotations

import numpy as np
import pytest

from lab.probing import many_classes, probes
from lab.probing.logistic import Design
from lab.probing.probes import Probes, fit_probes, make_splits, shuffled_labels

CLASSES, COUNT, DIM = 24, 288, 40


def asked() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng, labels = np.random.default_rng(0), np.arange(COUNT) % CLASSES
    scale = 1 / np.sqrt(np.arange(1, DIM + 1))
    x = (rng.normal(size=(COUNT, DIM)) + 1.2 * rng.normal(size=(CLASSES, DIM))[labels]) * scale
    x[:, 3] = 5.0
    groups = np.arange(COUNT)
    splits = make_splits(labels, groups, folds=3, repeats=1)
    both = np.stack([np.repeat(labels[None], len(splits), axis=0), shuffled_labels(labels, groups, splits, seed=0)])
    return x.astype(np.float32), both, splits, groups


def fitted() -> Probes:
    return fit_probes(*asked(), dimensions=(None, 8), threads=1)


def test_it_is_what_all_penalties_side_by_side_give(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fitted()
    monkeypatch.setattr(probes, "MANY_CLASSES", CLASSES + 1)
    expected = fitted()
    for dimension in (None, 8):
        for labels in (0, 1):
            one, other = found[dimension, labels], expected[dimension, labels]
            assert np.array_equal(one.regularisation, other.regularisation)
            assert np.abs(one.probabilities - other.probabilities).max() < 1e-4
    assert len(set(found[None, 0].regularisation.ravel()) | set(found[None, 1].regularisation.ravel())) > 1


def test_what_single_precision_cannot_settle_is_settled_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, kinds = fitted(), set()
    real = many_classes.fit_logistic

    def spied(design: Design, *given: object, **how: object) -> object:
        kinds.add(design.features.dtype)
        return real(design, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(many_classes, "fit_logistic", spied)
    monkeypatch.setattr(many_classes, "MOST_ITERATIONS", 1)
    found = fitted()
    assert kinds == {np.dtype(np.float32), np.dtype(np.float64)}
    assert np.abs(found[None, 0].probabilities - expected[None, 0].probabilities).max() < 1e-4


def test_shuffled_labels_are_not_followed_to_weak_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    real = many_classes._fitted

    def spied(design: Design, problems: object, start: object) -> object:
        seen.append(float(1 / problems.ridge[0, 0]))  # type: ignore[attr-defined]
        return real(design, problems, start)  # type: ignore[arg-type]

    monkeypatch.setattr(many_classes, "_fitted", spied)
    x, labels, splits, groups = asked()
    fit_probes(x, labels[1:], splits, groups, dimensions=(None,), threads=1)
    assert max(seen) < max(probes.GRID)
