"""Folds: every image tested once a repeat, groups whole, classes even; shuffles that keep copies together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.probing.probes import fit_probes
from lab.probing.splits import given_split, grouped_folds, make_splits, shuffled_labels, usable_folds
from lab.stats.intervals import correctness


def draw_labels(data: st.DataObject, classes: int, groups_a_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw pure groups of 1 to 4 images, at least `groups_a_class` in each class, in random order."""
    labels, groups = [], []
    for name in range(classes):
        for _ in range(data.draw(st.integers(groups_a_class, groups_a_class + 6))):
            size = data.draw(st.integers(1, 4))
            groups += [len(set(groups))] * size
            labels += [name] * size
    order = data.draw(st.permutations(range(len(labels))))
    return np.array(labels)[list(order)], np.array(groups)[list(order)]


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(2, 5), st.integers(2, 6), st.integers(0, 3))
def test_folds_are_whole_groups_and_every_class_is_in_every_fold(
    data: st.DataObject, classes: int, folds: int, seed: int
) -> None:
    labels, groups = draw_labels(data, classes, folds)
    splits = make_splits(labels, groups, folds=folds, repeats=2, seed=seed)
    assert splits.dtype == np.int8
    assert splits.shape == (2, len(labels))
    for tested in splits:
        assert set(tested) == set(range(folds))
        for group in np.unique(groups):
            assert len(set(tested[groups == group])) == 1
        for name in range(classes):
            assert set(tested[labels == name]) == set(range(folds))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=6), st.integers(2, 5), st.integers(0, 9))
def test_single_images_are_dealt_evenly(counts: list[int], folds: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    tested = grouped_folds(labels, np.arange(len(labels)), folds, seed=seed)
    sizes = np.bincount(tested, minlength=folds)
    assert np.ptp(sizes) <= 1
    for name in np.unique(labels):
        assert np.ptp(np.bincount(tested[labels == name], minlength=folds)) <= 1


def test_repeats_and_seeds_differ_and_the_same_seed_repeats() -> None:
    labels, groups = np.arange(60) % 2, np.arange(60)
    splits = make_splits(labels, groups, seed=3)
    assert np.array_equal(splits, make_splits(labels, groups, seed=3))
    assert not np.array_equal(splits, make_splits(labels, groups, seed=4))
    assert not np.array_equal(splits[0], splits[1])


def test_group_names_do_not_matter() -> None:
    labels, groups = np.arange(40) % 2, np.arange(40) // 4
    renamed = groups * 7 + 1000
    assert np.array_equal(grouped_folds(labels, groups, 5, seed=0), grouped_folds(labels, renamed, 5, seed=0))


def test_mixed_groups_stay_whole() -> None:
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 3, 200), rng.integers(0, 50, 200)
    tested = grouped_folds(labels, groups, 5, seed=0)
    assert all(len(set(tested[groups == g])) == 1 for g in np.unique(groups))
    assert np.ptp(np.bincount(tested)) <= 8


def test_folds_shrink_to_the_scarcest_class() -> None:
    labels = np.array([0] * 20 + [1] * 6)
    groups = np.concatenate([np.arange(20), 100 + np.arange(6) // 2])  # class 1: three groups of two
    assert usable_folds(labels, groups, 5) == 3
    assert make_splits(labels, groups, folds=5, seed=0).max() == 2


def test_a_class_of_copies_of_one_image_is_named() -> None:
    labels, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 3])
    with pytest.raises(LabError, match="class 'lynx' has 1 image, copies counted once"):
        make_splits(labels, groups, seed=0, classes=("cat", "lynx"))


@pytest.mark.parametrize(
    ("labels", "groups", "folds", "message"),
    [
        ([0, 0, 0], [0, 1, 2], 5, "at least two classes"),
        ([0, 1], [0], 5, "equally long"),
        ([], [], 5, "at least one image"),
        ([0, 1, 0, 1], [0, 1, 2, 3], 1, "from 2 to 127"),
    ],
)
def test_bad_input_is_told(labels: list[int], groups: list[int], folds: int, message: str) -> None:
    with pytest.raises(LabError, match=message):
        make_splits(np.array(labels), np.array(groups), folds=folds, seed=0)


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(0, 3))
def test_shuffles_move_groups_whole_and_keep_how_many_groups_each_class_has_in_a_fold(
    data: st.DataObject, seed: int
) -> None:
    labels, groups = draw_labels(data, 3, 2)
    splits = make_splits(labels, groups, folds=2, repeats=2, seed=seed)
    shuffled = shuffled_labels(labels, groups, splits, seed=seed)
    assert shuffled.shape == (2, len(labels))
    _, first = np.unique(groups, return_index=True)
    for permuted, tested in zip(shuffled, splits, strict=True):
        assert all(len(set(permuted[groups == g])) == 1 for g in np.unique(groups))
        for fold in range(2):
            of_fold = first[tested[first] == fold]
            assert np.array_equal(np.sort(permuted[of_fold]), np.sort(labels[of_fold]))


def test_shuffles_of_mixed_groups_keep_class_counts() -> None:
    labels, groups = np.arange(60) % 3, np.arange(60) // 10
    splits = make_splits(labels, groups, folds=3, repeats=3)
    shuffled = shuffled_labels(labels, groups, splits, seed=0)
    for row, tested in zip(shuffled, splits, strict=True):
        for fold in range(3):
            assert np.array_equal(np.bincount(row[tested == fold]), np.bincount(labels[tested == fold]))
    assert not np.array_equal(shuffled[0], shuffled[1])
    assert np.array_equal(shuffled, shuffled_labels(labels, groups, splits, seed=0))


def test_shuffled_labels_score_chance_and_not_below_it() -> None:
    rng, found = np.random.default_rng(0), []
    for seed in range(60):
        labels, groups = rng.permutation(np.arange(40) % 2), np.arange(40)
        splits = make_splits(labels, groups, seed=seed, repeats=2)
        shuffled = shuffled_labels(labels, groups, splits, seed=seed)
        embedding = rng.standard_normal((40, 30)) + 2.0 * labels[:, None]
        fit = fit_probes(embedding, shuffled[None], splits, groups, dimensions=(None,), regularisation=(0.01,))
        found.append(correctness(fit[None, 0].probabilities, shuffled).mean())
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found) / np.sqrt(len(found)) < 0.04


def test_a_given_split_is_tested_where_it_says_and_trains_on_the_rest() -> None:
    labels, tested = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([1, 0, 0, 1, 0, 1, 1, 0])
    assert given_split(labels, np.arange(8), tested).tolist() == [[0, -1, -1, 0, -1, 0, 0, -1]]
