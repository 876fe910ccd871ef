"""Probes against scikit-learn at the same C, their choice of C against a search by hand, and what must not matter."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lab.errors import LabError
from lab.probing.probes import GRID, INNER_FOLDS, Probes, fit_probes
from lab.probing.splits import grouped_folds, make_splits, shuffled_labels

CLOSE = 1e-4


def blobs(
    count: int, features: int, classes: int = 2, *, gap: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Classes that overlap, features of very different scale and offset, correlated."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = gap * rng.standard_normal((classes, features))
    points = rng.standard_normal((count, features)) + centres[labels]
    points += 0.7 * rng.standard_normal((count, 1))
    scaled = points * np.geomspace(1e-3, 1e3, features) + 5.0 * rng.standard_normal(features)
    return scaled.astype(np.float32), labels


def pipeline(C: float, dimension: int | None, rank: int) -> Pipeline:
    reduce = [PCA(min(dimension, rank), svd_solver="full")] if dimension else []
    return make_pipeline(StandardScaler(), *reduce, LogisticRegression(C=C, tol=1e-10, max_iter=20_000))


def reference(
    embedding: np.ndarray, labels: np.ndarray, splits: np.ndarray, C: np.ndarray, dimension: int | None
) -> np.ndarray:
    """Return out-of-fold probabilities by scikit-learn with the same C."""
    found = np.zeros((*splits.shape, labels.max() + 1))
    for repeat, tested in enumerate(splits):
        for fold in range(splits.max() + 1):
            test = tested == fold
            rank = min(*embedding[~test].shape)
            model = pipeline(C[repeat, fold], dimension, rank)
            model.fit(embedding[~test].astype(np.float64), labels[~test])
            found[repeat, test] = model.predict_proba(embedding[test].astype(np.float64))
    return found


@pytest.mark.parametrize(
    ("count", "features", "classes"), [(90, 5, 2), (80, 40, 2), (60, 200, 2), (90, 12, 3), (80, 150, 4)]
)
@pytest.mark.parametrize("dimension", [None, 8])
def test_equal_to_scikit_learn(count: int, features: int, classes: int, dimension: int | None) -> None:
    embedding, labels = blobs(count, features, classes)
    groups = np.arange(count)
    splits = make_splits(labels, groups, repeats=1, seed=1)
    label_sets = np.stack([labels, shuffled_labels(labels, groups, splits, seed=0)[0]])
    probes = fit_probes(embedding, label_sets, splits, groups, dimensions=(dimension,))
    assert len(label_sets) == 2
    for s, own in enumerate(label_sets):
        fit = probes[dimension, s]
        expected = reference(embedding, own, splits, fit.regularisation, dimension)
        assert np.abs(fit.probabilities - expected).max() < CLOSE


@pytest.mark.parametrize("C", [1e-6, 1e3])
def test_equal_to_scikit_learn_at_extreme_penalties(C: float) -> None:
    embedding, labels = blobs(60, 30, gap=1.5)
    groups = np.arange(60)
    splits = make_splits(labels, groups, repeats=1)
    fit = fit_probes(embedding, labels[None], splits, groups, dimensions=(None,), regularisation=(C,))[None, 0]
    assert set(np.unique(fit.regularisation)) == {C}
    assert np.abs(fit.probabilities - reference(embedding, labels, splits, fit.regularisation, None)).max() < CLOSE


@pytest.mark.parametrize(("features", "classes"), [(6, 2), (90, 2), (10, 3)])
def test_c_is_the_one_with_the_least_inner_log_loss(features: int, classes: int) -> None:
    embedding, labels = blobs(75, features, classes, gap=0.4)
    groups = np.arange(75)
    splits = make_splits(labels, groups, repeats=1, seed=2)
    chosen = fit_probes(embedding, labels[None], splits, groups, dimensions=(None,), seed=5)[None, 0].regularisation
    for fold in range(5):
        train = splits[0] != fold
        scaled, own = StandardScaler().fit_transform(embedding[train].astype(np.float64)), labels[train]
        inner = grouped_folds(own, groups[train], INNER_FOLDS, seed=(5, 0, fold))
        losses = []
        for C in GRID:
            total = 0.0
            for held in range(INNER_FOLDS):
                model = LogisticRegression(C=C, tol=1e-8, max_iter=5000).fit(scaled[inner != held], own[inner != held])
                out = inner == held
                total += log_loss(own[out], model.predict_proba(scaled[out]), normalize=False, labels=range(classes))
            losses.append(total)
        best = min(losses)
        assert losses[GRID.index(chosen[0, fold])] <= best * 1.001


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 1000), st.sampled_from([4, 30, 70]))
def test_order_of_images_does_not_matter(seed: int, features: int) -> None:
    embedding, labels = blobs(50, features, seed=seed)
    groups, splits = np.arange(50), make_splits(labels, np.arange(50), repeats=1, seed=seed)
    order = np.random.default_rng(seed).permutation(50)
    fixed = {"regularisation": (0.1,), "dimensions": (None, 3)}
    here = fit_probes(embedding, labels[None], splits, groups, **fixed)
    there = fit_probes(embedding[order], labels[order][None], splits[:, order], groups[order], **fixed)
    assert here.fits
    for key in here.fits:
        assert np.abs(here[key].probabilities[:, order] - there[key].probabilities).max() < CLOSE


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 1000), st.sampled_from([4, 30, 70]))
def test_units_and_offsets_of_features_do_not_matter(seed: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    embedding, labels = rng.standard_normal((50, features)), np.arange(50) % 2
    groups, splits = np.arange(50), make_splits(labels, np.arange(50), repeats=1, seed=seed)
    moved = embedding * rng.uniform(0.01, 100, features) * rng.choice([-1, 1], features) + rng.uniform(-9, 9, features)
    here, there = (fit_probes(x, labels[None], splits, groups, dimensions=(None, 3)) for x in (embedding, moved))
    assert here.fits
    for key in here.fits:
        assert np.array_equal(here[key].regularisation, there[key].regularisation)
        assert np.abs(here[key].probabilities - there[key].probabilities).max() < CLOSE


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_class_names_do_not_matter(seed: int) -> None:
    embedding, labels = blobs(60, 20, 3, seed=seed)
    groups, splits = np.arange(60), make_splits(labels, np.arange(60), repeats=1)
    renamed = np.array([2, 0, 1])[labels]
    fits = [fit_probes(embedding, y[None], splits, groups, regularisation=(0.1,))[None, 0] for y in (labels, renamed)]
    assert np.abs(fits[0].probabilities - fits[1].probabilities[..., [2, 0, 1]]).max() < CLOSE


def test_probabilities_are_complete_and_sum_to_one() -> None:
    embedding, labels = blobs(60, 20, 4)
    splits = make_splits(labels, np.arange(60), repeats=2)
    fits = fit_probes(embedding, labels[None], splits, np.arange(60)).fits
    assert fits
    for fit in fits.values():
        assert fit.probabilities.shape == (2, 60, 4)
        assert np.allclose(fit.probabilities.sum(axis=2), 1.0)
        assert fit.regularisation.shape == (2, 5)


def test_a_dimension_beyond_the_rank_is_the_full_probe() -> None:
    embedding, labels = blobs(60, 6)
    splits = make_splits(labels, np.arange(60), repeats=1)
    probes = fit_probes(embedding, labels[None], splits, np.arange(60), dimensions=(None, 16))
    assert np.array_equal(probes[None, 0].probabilities, probes[16, 0].probabilities)


def test_constant_and_repeated_features_change_nothing() -> None:
    embedding, labels = blobs(60, 6)
    splits = make_splits(labels, np.arange(60), repeats=1)
    constant = np.full((60, 3), [0.0, 1e6, -0.1], dtype=np.float32)
    plain, padded = (
        fit_probes(x, labels[None], splits, np.arange(60))[None, 0].probabilities
        for x in (embedding, np.hstack([embedding, constant]))
    )
    assert np.abs(plain - padded).max() < CLOSE


def test_a_feature_constant_in_training_does_not_speak_in_the_test() -> None:
    embedding, labels = blobs(60, 6)
    splits = make_splits(labels, np.arange(60), repeats=1)
    spike = np.zeros((60, 1), dtype=np.float32)
    spike[np.flatnonzero(splits[0] == 0)[0]] = 1e6
    with_spike = fit_probes(np.hstack([embedding, spike]), labels[None], splits, np.arange(60), dimensions=(None,))
    without = fit_probes(embedding, labels[None], splits, np.arange(60), dimensions=(None,))
    tested = splits[0] == 0
    assert np.abs((with_spike[None, 0].probabilities - without[None, 0].probabilities)[0, tested]).max() < CLOSE


def test_a_constant_embedding_gives_the_class_shares() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    splits = make_splits(labels, np.arange(40), repeats=1)
    fit = fit_probes(np.ones((40, 5), dtype=np.float32), labels[None], splits, np.arange(40))[None, 0]
    assert np.abs(fit.probabilities - [0.75, 0.25]).max() < 0.02


@pytest.mark.parametrize("classes", [2, 4])
def test_a_class_missing_from_a_training_part_gets_probability_zero(classes: int) -> None:
    embedding, labels = blobs(60, 10, classes)
    splits = (labels[None] == 0).astype(np.int8)  # fold 1 tests all of class 0, fold 0 all the others
    fit = fit_probes(embedding, labels[None], splits, np.arange(60))[None, 0]
    assert fit.probabilities[0, labels == 0, 0].max() == 0.0
    assert np.isfinite(fit.probabilities).all()


def test_shuffled_labels_are_read_at_chance() -> None:
    embedding, labels = blobs(240, 60)
    groups = np.arange(240)
    splits = make_splits(labels, groups, repeats=3)
    shuffled = shuffled_labels(labels, groups, splits, seed=0)
    label_sets = np.stack([np.repeat(labels[None], 3, axis=0), shuffled])
    probes = fit_probes(embedding, label_sets, splits, groups, dimensions=(None,))
    accuracy = [(probes[None, s].probabilities.argmax(axis=2) == label_sets[s]).mean() for s in (0, 1)]
    assert accuracy[0] > 0.95
    assert 0.4 < accuracy[1] < 0.6


def test_copies_leak_unless_they_are_grouped() -> None:
    rng = np.random.default_rng(0)
    labels, points = rng.integers(0, 2, 100), rng.standard_normal((100, 200)).astype(np.float32)
    embedding, twice = np.vstack([points, points]), np.concatenate([labels, labels])
    accuracy = {}
    for name, groups in (("single", np.arange(200)), ("grouped", np.arange(200) % 100)):
        splits = make_splits(twice, groups, repeats=2)
        fit = fit_probes(embedding, twice[None], splits, groups, dimensions=(None,))[None, 0]
        accuracy[name] = (fit.probabilities.argmax(axis=2) == twice).mean()
    assert accuracy["single"] > 0.75
    assert accuracy["grouped"] < 0.6


def digest(probes: Probes) -> str:
    partial_results = [fit.probabilities.tobytes() + fit.regularisation.tobytes() for fit in probes.fits.values()]
    return hashlib.sha256(b"".join(partial_results)).hexdigest()


def test_the_same_question_gives_the_same_bits_at_any_thread_count() -> None:
    embedding, labels = blobs(120, 90, 3)
    groups = np.arange(120)
    splits = make_splits(labels, groups, repeats=2)
    label_sets = np.stack([labels, shuffled_labels(labels, groups, splits, seed=1)[0]])
    digests = {digest(fit_probes(embedding, label_sets, splits, groups, threads=t)) for t in (1, 2, 2, 3)}
    assert len(digests) == 1


def test_small_batches_give_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    embedding, labels = blobs(60, 20, 3)
    splits = make_splits(labels, np.arange(60), repeats=1)
    whole = fit_probes(embedding, labels[None], splits, np.arange(60))
    monkeypatch.setattr("lab.probing.probes.BATCH_BYTES", 1)
    monkeypatch.setattr("lab.probing.task.FOLD_BYTES", 1)
    partial_results = fit_probes(embedding, labels[None], splits, np.arange(60))
    assert whole.fits
    for key, fit in whole.fits.items():
        assert np.abs(fit.probabilities - partial_results[key].probabilities).max() < CLOSE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding": np.full((20, 3), np.nan)}, "not finite"),
        ({"embedding": np.zeros((19, 3))}, "do not belong together"),
        ({"groups": np.arange(19)}, "do not belong together"),
        ({"regularisation": (0.0,)}, "above 0"),
        ({"regularisation": ()}, "above 0"),
        ({"dimensions": (0,)}, "at least 1"),
    ],
)
def test_bad_input_is_told(change: dict[str, object], message: str) -> None:
    labels = np.arange(20) % 2
    asked = {
        "embedding": np.zeros((20, 3)),
        "label_sets": labels[None],
        "splits": make_splits(labels, np.arange(20), repeats=1),
        "groups": np.arange(20),
        **change,
    }
    with pytest.raises(LabError, match=message):
        fit_probes(**asked)  # type: ignore[arg-type]


def test_a_fit_that_does_not_settle_is_told_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.probing.logistic.MAX_ITERATIONS", 3)
    embedding, labels = blobs(60, 20)
    with pytest.raises(LabError, match="did not settle in 3 iterations with C up to 1;"):
        fit_probes(embedding, labels[None], make_splits(labels, np.arange(60), repeats=1), np.arange(60))


@pytest.mark.parametrize("kind", ["heavy tails", "sparse", "one direction", "binary", "skewed"])
def test_hostile_features_are_survived(kind: str) -> None:
    rng = np.random.default_rng(0)
    plain, labels = rng.standard_normal((70, 90)), np.arange(70) % 3
    embedding = {
        "heavy tails": rng.standard_cauchy((70, 90)) * 1e3,
        "sparse": np.maximum(plain - 2.5, 0) * 1e4,
        "one direction": plain[:, :1] @ rng.standard_normal((1, 90)) + 1e-5 * plain,
        "binary": (plain > 1.5).astype(float),
        "skewed": np.exp(3 * plain),
    }[kind].astype(np.float32)
    splits = make_splits(labels, np.arange(70), repeats=1)
    fit = fit_probes(embedding, labels[None], splits, np.arange(70), dimensions=(None,))[None, 0]
    assert np.abs(fit.probabilities - reference(embedding, labels, splits, fit.regularisation, None)).max() < CLOSE


def test_an_embedding_without_a_feature_is_at_chance() -> None:
    """What is left of constant features when their principal components are taken."""
    labels, groups = np.arange(40) % 2, np.arange(40)
    splits = make_splits(labels, groups, folds=5, repeats=1, seed=0)
    found = fit_probes(np.zeros((40, 0), dtype=np.float32), labels[None], splits, groups, dimensions=(None,), seed=0)
    assert np.allclose(found[None, 0].probabilities, 0.5)
