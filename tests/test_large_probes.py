"""Probes of many images, dimensions or classes choose the penalty otherwise than others, and find the same."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from lab.experiments.separability.fits import ProbeDesign, fit_layer
from lab.experiments.separability.measure import EmbeddingSource, probing_stage
from lab.experiments.separability.request import ProbeRequest
from lab.probing import large, task
from lab.probing.cost import foreseen
from lab.probing.logistic import Design
from lab.probing.pca import largest_axes, standardise, standardise_single
from lab.probing.probes import GRID, ProbeFit, fit_probes, make_splits, shuffled_labels

# Images, dimensions, classes: turned into all principal axes, turned after a rotation, some axes only.
SHAPES = {"many classes": (288, 40, 24), "narrow": (900, 130, 3), "wide": (330, 900, 4), "two": (700, 600, 2)}


class _Sized:
    """As many images, of such classes."""

    def __init__(self, count: int, classes: tuple[str, ...]) -> None:
        self.count, self.classes = count, classes

    def __len__(self) -> int:
        return self.count


def asked(shape: str, gap: float = 1.2) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    count, size, classes = SHAPES[shape]
    rng, labels = np.random.default_rng(0), np.arange(count) % classes
    scale = 1 / np.sqrt(np.arange(1, size + 1))
    x = (rng.normal(size=(count, size)) + gap * rng.normal(size=(classes, size))[labels] / np.log2(classes)) * scale
    x[:, 3] = 5.0
    x[:, 5] += 300.0
    groups = np.arange(count) // 2
    splits = make_splits(labels, groups, folds=3, repeats=1)
    both = np.stack([np.repeat(labels[None], len(splits), axis=0), shuffled_labels(labels, groups, splits, seed=0)])
    return x.astype(np.float32), both, splits, groups


def fitted(shape: str, **how: float) -> tuple[ProbeFit, ProbeFit]:
    found = fit_probes(*asked(shape, **how), dimensions=(None,), threads=1)
    return found[None, 0], found[None, 1]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_all_penalties_side_by_side_give(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels, splits, groups = asked(shape)
    assert task.ProbeTask.checked(x, labels, splits, groups, (None,), GRID, 0).large
    found = fitted(shape)
    monkeypatch.setattr(task.ProbeTask, "large", False)
    expected = fitted(shape)
    assert np.array_equal(found[0].regularisation, expected[0].regularisation)
    for one, other in zip(found, expected, strict=True):
        same = np.isin(splits[0], np.flatnonzero((one.regularisation == other.regularisation)[0]))
        gaps = np.abs(one.probabilities - other.probabilities)[0]
        assert gaps[same].max(initial=0) < 3e-4
        assert gaps[same].sum() < 1e-5 * gaps.size
        assert gaps.max() < 0.02  # of shuffled labels the strongest penalties are as good as each other


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_what_scikit_learn_gives_at_the_same_penalty(shape: str) -> None:
    x, labels, splits, _ = asked(shape, gap=2.5)
    fit = fitted(shape, gap=2.5)[0]
    test = splits[0] == 0
    scaler = StandardScaler().fit(x[~test].astype(float))
    known, unseen = (scaler.transform(part.astype(float)) for part in (x[~test], x[test]))
    model = LogisticRegression(C=fit.regularisation[0, 0], tol=1e-9, max_iter=20_000).fit(known, labels[0, 0, ~test])
    assert np.abs(model.predict_proba(unseen) - fit.probabilities[0, test]).max() < 3e-4


def test_what_single_precision_cannot_settle_is_settled_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, kinds = fitted("many classes")[0], set()
    real = large.fit_logistic

    def spied(design: Design, *given: object, **how: object) -> object:
        kinds.add(design.features.dtype)
        return real(design, *given, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(large, "fit_logistic", spied)
    monkeypatch.setattr(large, "MOST_ITERATIONS", 1)
    found = fitted("many classes")[0]
    assert kinds == {np.dtype(np.float32), np.dtype(np.float64)}
    assert np.abs(found.probabilities - expected.probabilities).max() < 3e-4


def test_shuffled_labels_are_not_followed_to_weak_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    real = large._problem

    def spied(labels: np.ndarray, ridge: float, classes: int) -> object:
        seen.append(1 / ridge)
        return real(labels, ridge, classes)

    monkeypatch.setattr(large, "_problem", spied)
    x, labels, splits, groups = asked("narrow")
    fit_probes(x, labels[1:], splits, groups, dimensions=(None,), threads=1)
    assert max(seen) < max(GRID)


def test_a_class_that_no_training_image_of_a_fold_has_gets_no_probability() -> None:
    x, labels, splits, groups = asked("many classes")
    fold = splits[0] == 1
    own = np.where((labels[:1] == 7) & ~fold, 8, labels[:1])  # class 7 is in the test part of fold 1 only
    fit = fit_probes(x, own, splits, groups, dimensions=(None,), threads=1)[None, 0]
    assert np.isfinite(fit.probabilities).all()
    assert fit.probabilities[0, fold, 7].max() == 0.0


@pytest.mark.parametrize(("count", "size"), [(400, 60), (300, 700), (900, 300), (900, 600)])
def test_the_largest_axes_are_those_of_the_whole_decomposition(count: int, size: int) -> None:
    rng = np.random.default_rng(1)
    features = (rng.normal(size=(count, size)) * np.exp(-np.arange(size) / 12)).astype(np.float32)
    axes, spectrum, rest = largest_axes(features, 1)
    values, vectors = np.linalg.eigh(features.T.astype(float) @ features)
    assert np.allclose(np.sort(spectrum)[::-1][:20], values[::-1][:20], rtol=1e-3)
    assert np.abs(axes.T @ axes - np.eye(axes.shape[1])).max() < 1e-3
    assert np.linalg.norm(vectors[:, -10:].T @ axes, axis=1).min() > 0.999
    assert spectrum.sum() + rest * (min(count, size) - len(spectrum)) == pytest.approx(values.sum(), rel=1e-4)


def test_standardising_in_single_precision_loses_nothing_to_large_means() -> None:
    rng = np.random.default_rng(2)
    embedding = (rng.normal(size=(1100, 7)) * [1, 1e-3, 10, 0, 1, 1, 1] + [0, 50, 1e4, 3, 0, -7, 0]).astype(np.float32)
    train, test = np.arange(0, 1100, 2), np.arange(1, 1100, 2)
    found = np.concatenate(standardise_single(embedding, train, test))
    assert found.dtype == np.float32
    assert np.abs(found - np.concatenate(standardise(embedding[train], embedding[test]))).max() < 1e-5


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("small", [False, True])
def test_the_share_that_is_done_grows_to_all(threads: int, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:
        monkeypatch.setattr(task.ProbeTask, "large", False)
    shares: list[float] = []
    fit_probes(*asked("narrow"), dimensions=(None,), threads=threads, told=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert small or len(shares) > 20


def test_what_runs_ends_when_its_caller_leaves() -> None:
    shares: list[float] = []

    def interrupted(share: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_probes(*asked("narrow"), dimensions=(None,), threads=2, told=interrupted)
    assert len(shares) <= 4, "the other thread ends at its next step"


def test_many_classes_are_foreseen_and_what_is_quicker_is_named(caplog: pytest.LogCaptureFixture) -> None:
    labels = np.arange(6000) % 300
    design = ProbeDesign.of(labels, np.arange(6000), 5, 3, 0)
    classes = tuple(f"class {number}" for number in range(300))
    source = EmbeddingSource("m", False, "d", "v", (), {"layer": np.zeros((6000, 1280), np.float32)})
    asked_of = SimpleNamespace(images=_Sized(6000, classes), splits=design.splits, request=ProbeRequest())
    stage = probing_stage(asked_of, [source] * 3)  # type: ignore[arg-type]
    assert stage.endswith(": Probing every layer")
    assert "300 classes" in stage
    assert "ridge probes (--probe ridge) about" in stage
    closed = replace(asked_of.request, probe="ridge")
    told = probing_stage(SimpleNamespace(**{**vars(asked_of), "request": closed}), [source] * 3)  # type: ignore[arg-type]
    assert "--probe" not in told
    assert told != stage
    assert stage.split(": ")[0] in caplog.text
    few = SimpleNamespace(images=_Sized(6000, classes[:5]), splits=design.splits, request=ProbeRequest())
    assert probing_stage(few, [source]) == "Probing every layer"  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "size", "classes"), [(900, 300, 60), (1500, 64, 25)])
def test_what_is_foreseen_is_near_what_it_takes(count: int, size: int, classes: int) -> None:
    rng, labels = np.random.default_rng(0), np.arange(count) % classes
    x = rng.normal(size=(count, size)) + 0.5 * rng.normal(size=(classes, size))[labels]
    splits = make_splits(labels, np.arange(count), folds=5, repeats=1)
    expected = foreseen(count, [size], classes, folds=5, repeats=1, shuffled=False, threads=1)
    began = time.thread_time()
    fit_probes(x.astype(np.float32), labels[None], splits, np.arange(count), dimensions=(None,), threads=1)
    assert expected is not None
    assert 1 / 6 < expected[0] / (time.thread_time() - began) < 6
    assert expected[1] < expected[0]
    assert foreseen(count, [size], 10, folds=5, repeats=1, shuffled=False, threads=1) is None


def test_a_layer_of_many_classes_says_how_far_it_is() -> None:
    x, labels, _, groups = asked("narrow")
    design = ProbeDesign.of(labels[0, 0], groups, 3, 1, 0)
    shares: list[float] = []
    fit_layer(design, "layer", x, ("probe", "shuffled", "matched"), 1, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert max(np.diff(shares)) < 0.2
