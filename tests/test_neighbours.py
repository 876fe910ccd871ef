"""Neighbours and silhouette against brute force and scikit-learn, and what must not matter to them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier

from lab.geometry import neighbours
from lab.geometry.neighbours import knn_accuracy, nearest_of_other_groups, silhouette, standardised


def cloud(seed: int, count: int = 60, features: int = 7, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, count - classes)])
    points = rng.standard_normal((count, features)) + rng.standard_normal((classes, features))[labels]
    return (points * np.geomspace(0.01, 100, features)).astype(np.float32), labels


def by_hand(embedding: np.ndarray, labels: np.ndarray, groups: np.ndarray, count: int) -> float:
    points = (embedding - embedding.mean(axis=0)) / embedding.std(axis=0)
    right = 0
    for i, point in enumerate(points):
        squared = ((points - point) ** 2).sum(axis=1)
        others = sorted((j for j in range(len(points)) if groups[j] != groups[i]), key=squared.__getitem__)[:count]
        votes = Counter(labels[j] for j in others)
        reach = {c: sum(squared[j] for j in others if labels[j] == c) for c in votes}
        right += min(votes, key=lambda c: (-votes[c], reach[c])) == labels[i]
    return right / len(points)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 7), st.integers(1, 3))
def test_knn_equals_brute_force_with_groups(seed: int, count: int, group_size: int) -> None:
    embedding, labels = cloud(seed)
    embedding, groups = embedding.astype(np.float64), np.arange(60) // group_size
    expected = by_hand(embedding, labels, groups, count)
    assert knn_accuracy(embedding, labels, groups, neighbours=count) == pytest.approx(expected)


def test_one_neighbour_equals_scikit_learn() -> None:
    embedding, labels = cloud(1)
    points = standardised(embedding)
    right = 0
    for i in range(len(points)):
        rest = np.arange(len(points)) != i
        model = KNeighborsClassifier(1).fit(points[rest], labels[rest])
        right += model.predict(points[i : i + 1])[0] == labels[i]
    assert knn_accuracy(embedding, labels, np.arange(60), neighbours=1) == pytest.approx(right / 60)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_silhouette_equals_scikit_learn(seed: int, classes: int) -> None:
    embedding, labels = cloud(seed, classes=classes)
    assert silhouette(embedding, labels) == pytest.approx(silhouette_score(standardised(embedding), labels), abs=1e-6)


def test_silhouette_of_a_class_with_one_image() -> None:
    embedding, labels = cloud(0)
    labels = np.where(np.arange(60) == 5, 9, labels)
    assert silhouette(embedding, labels) == pytest.approx(silhouette_score(standardised(embedding), labels), abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000))
def test_units_offsets_order_and_class_names_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embedding, labels = cloud(seed)
    here = (knn_accuracy(embedding, labels, np.arange(60)), silhouette(embedding, labels))
    order = rng.permutation(60)
    units = 10.0 ** rng.integers(-9, 4, 7)  # of some features far below 1
    moved = (embedding.astype(np.float64) * units + units * rng.uniform(-5, 5, 7))[order]
    renamed = np.array([7, 2, 4])[labels][order]
    there = (knn_accuracy(moved, renamed, order), silhouette(moved, renamed))
    assert there == pytest.approx(here, abs=1e-6)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, labels = cloud(3)
    here = (knn_accuracy(embedding, labels, np.arange(60)), silhouette(embedding, labels))
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 8 * 60 * 7)
    assert (knn_accuracy(embedding, labels, np.arange(60)), silhouette(embedding, labels)) == pytest.approx(here)


def test_copies_in_one_group_do_not_vote_for_each_other() -> None:
    rng = np.random.default_rng(0)
    points, labels = np.repeat(rng.standard_normal((60, 20)), 2, axis=0), np.repeat(rng.integers(0, 2, 60), 2)
    leaking = knn_accuracy(points, labels, np.arange(120), neighbours=1)
    grouped = knn_accuracy(points, labels, np.arange(120) // 2, neighbours=1)
    assert leaking == 1.0
    assert 0.3 < grouped < 0.7


def test_a_class_whose_images_are_one_group_is_never_right() -> None:
    embedding, labels = cloud(0, classes=2)
    assert knn_accuracy(embedding, labels, np.where(labels == 1, 1, 0)) == 0.0


@pytest.mark.parametrize(
    "embedding",
    [np.full((20, 3), 0.1, np.float32), np.full((20, 3), np.nan), np.zeros((20, 0)), np.full((20, 1), 1e30)],
)
def test_blank_input_has_no_value(embedding: np.ndarray) -> None:
    labels = np.arange(20) % 2
    with np.errstate(all="ignore"):
        assert np.isnan(knn_accuracy(embedding, labels, np.arange(20)))
        assert np.isnan(silhouette(embedding, labels))


def test_one_class_and_one_group_have_no_value() -> None:
    embedding, labels = cloud(0)
    assert np.isnan(silhouette(embedding, np.zeros(60, dtype=int)))
    assert np.isnan(knn_accuracy(embedding, labels, np.zeros(60, dtype=int)))


def test_few_images_and_copies_are_fine() -> None:
    embedding = np.array([[0.0], [1.0], [1.0]])
    assert knn_accuracy(embedding, np.array([0, 1, 1]), np.arange(3)) == pytest.approx(2 / 3)
    assert silhouette(embedding, np.array([0, 1, 1])) == pytest.approx(2 / 3)


def test_the_nearest_of_other_groups_is_found_as_by_hand() -> None:
    points, _ = cloud(5, count=30)
    groups = np.arange(30) // 2
    distance, nearest, usual = nearest_of_other_groups(points, groups, typical=4)
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    for i in range(30):
        apart = np.sqrt(((scaled - scaled[i]) ** 2).sum(axis=1))
        others = sorted(np.flatnonzero(groups != groups[i]), key=apart.__getitem__)
        assert nearest[i] == others[0]
        assert distance[i] == pytest.approx(apart[others[0]], rel=1e-5)
        assert usual[i] == pytest.approx(apart[others[3]], rel=1e-5)


@pytest.mark.parametrize("points", [np.zeros((30, 3)), np.eye(4), np.full((30, 2), np.nan)])
def test_there_is_no_nearest_without_points_enough(points: np.ndarray) -> None:
    distance, _, usual = nearest_of_other_groups(points, np.arange(len(points)), typical=4)
    assert np.isinf(distance).all()
    assert np.isinf(usual).all()
