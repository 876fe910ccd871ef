"""How many labels a layer needs: codes and learning curves of embeddings whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from lab.errors import LabError
from lab.probing import code_length as code


def planted(separation: float, *, count: int = 120, dims: int = 12, classes: int = 2, seed: int = 0) -> tuple:
    """Return gaussian features whose class means lie `separation` apart along one axis per class, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    features = rng.normal(size=(count, dims))
    features[np.arange(count), labels] += separation
    return features, labels


PROBES = ("logistic", "ridge")


@pytest.mark.parametrize("probe", PROBES)
def test_what_a_layer_does_not_know_saves_nothing_and_what_it_knows_saves_nearly_all(probe: str) -> None:
    saved = []
    for separation in (0.0, 1.0, 3.0, 12.0):
        found = code.online_code(*planted(separation), probe=probe)
        assert found.uniform == 120
        saved.append((found.control - found.bits).mean())
    assert abs(saved[0]) < 3
    assert saved == sorted(saved)
    assert saved[-1] > 90


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("dims", [3, 300])
def test_no_labels_cost_more_than_naming_each_and_what_it_takes_to_find_that_out(dims: int, probe: str) -> None:
    found = code.online_code(*planted(0.0, dims=dims), probe=probe)
    experts = {"logistic": code.PENALTIES, "ridge": code.SHARPNESSES}[probe]
    most = found.uniform + np.log2(len(experts) + 1) + 1e-9
    assert np.all(found.bits <= most)
    assert np.all(found.control <= most)


@pytest.mark.parametrize("probe", PROBES)
def test_a_code_can_be_decoded_so_no_labels_have_two_codes_that_are_too_short(probe: str) -> None:
    """Kraft: over all labellings of a few images the weights 2^-bits must not exceed 1."""
    features = planted(2.0, count=8)[0]
    total = 0.0
    for number in range(2**8):
        labels = (number >> np.arange(8)) & 1
        if labels.min() < labels.max():  # a labelling with one class only would be another question
            total += 2.0 ** -code.online_code(features, labels, orders=1, probe=probe).bits[0]
    assert 0 < total <= 1


def test_the_code_agrees_with_scikit_learn_refitting_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    monkeypatch.setattr(code, "PENALTIES", (0.01,))
    features, labels = planted(1.5, count=64, dims=90)
    found = code.online_code(features, labels, seed=3, orders=1).bits[0]
    order = np.random.default_rng((3, 0xC0DE)).permutation(64)
    known, answers = StandardScaler().fit_transform(features)[order], labels[order]
    bits = 4.0
    for learned in (4, 8, 16, 32):
        block = slice(learned, 2 * learned)
        if len(set(answers[:learned])) < 2:
            pytest.fail("choose another seed: the first block must hold both classes")
        model = LogisticRegression(C=0.01, tol=1e-10, max_iter=10_000).fit(known[:learned], answers[:learned])
        right = model.predict_proba(known[block])[np.arange(learned), answers[block]]
        share = 1 / (learned + 1)
        bits -= np.log2((1 - share) * right + share / 2).sum()
    mixed = -np.log2((2.0**-bits + 2.0**-64) / 2)  # with naming the classes evenly
    assert found == pytest.approx(mixed, abs=0.02)


def test_the_code_of_ridge_probes_agrees_with_scikit_learn_refitting_every_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from scipy.special import softmax
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.preprocessing import StandardScaler

    monkeypatch.setattr(code, "SHARPNESSES", (3.0,))
    features, labels = planted(3.0, count=96, dims=30, classes=3)
    found = code.online_code(features, labels, seed=3, orders=1, probe="ridge").bits[0]
    order = np.random.default_rng((3, 0xC0DE)).permutation(96)
    known, answers = StandardScaler().fit_transform(features)[order], labels[order]
    bits = 6 * np.log2(3)
    for learned in (6, 12, 24, 48):
        block = slice(learned, 2 * learned)
        assert len(set(answers[:learned])) == 3, "choose another seed: the first block must hold all classes"
        model = RidgeClassifierCV(alphas=code.ALPHAS).fit(known[:learned], answers[:learned])
        right = softmax(3 * model.decision_function(known[block]), axis=1)[np.arange(learned), answers[block]]
        share = 1 / (learned + 1)
        bits -= np.log2((1 - share) * right + share / 3).sum()
    mixed = -np.log2(2.0**-bits + 2.0 ** (-96 * np.log2(3))) + 1  # with naming the classes evenly
    assert found == pytest.approx(mixed, abs=1e-6)
    assert found < 110, "what is known has been learned"


def test_blocks_are_halves() -> None:
    assert code.block_ends(240, 2) == [7, 15, 30, 60, 120, 240]
    assert code.block_ends(8, 2) == [4, 8]
    assert code.block_ends(600, 100) == [150, 300, 600]
    assert code.block_ends(10, 7) == [10]


@pytest.mark.parametrize("probe", PROBES)
def test_the_learning_curve_rises_to_what_is_known_and_stays_at_chance_otherwise(probe: str) -> None:
    known = code.learning_curve(*planted(4.0), probe=probe)
    assert known.per_class.tolist() == [1, 2, 5, 10, 20]
    mean = known.accuracy.mean(axis=1)
    assert mean[0] < 0.9 < mean[-1]
    assert np.all(np.diff(mean) > -0.03)
    nothing = code.learning_curve(*planted(0.0), probe=probe).accuracy.mean(axis=1)
    assert np.all(np.abs(nothing - 0.5) < 0.07)


def test_accuracy_with_few_labels_is_balanced() -> None:
    """Nothing is known, and 19 in 20 images are of one class: naming that class is no accuracy."""
    features = planted(0.0, count=160)[0]
    labels = (np.arange(160) % 20 == 0).astype(int)
    curve = code.learning_curve(features, labels)
    assert curve.per_class.max() <= 0.75 * labels.sum()
    assert np.all(np.abs(curve.accuracy.mean(axis=1) - 0.5) < 0.12)


@pytest.mark.parametrize("classes", [2, 3])
def test_draws_hold_equally_many_of_each_class(classes: int) -> None:
    labels = planted(1.0, classes=classes)[1]
    steps = np.array([1, 2, 5])
    order = code._even_order(labels, steps, classes, np.random.default_rng(0))
    assert sorted(order) == list(range(120))
    for step in steps:
        assert np.bincount(labels[order[: step * classes]]).tolist() == [step] * classes


def test_copies_count_once_and_large_sets_are_thinned_by_class() -> None:
    groups = np.repeat(np.arange(30), 4)
    kept = code.one_per_group(np.repeat(np.arange(30) % 2, 4), groups)
    assert kept.tolist() == list(range(0, 120, 4))
    labels = (np.arange(3000) % 100 == 0).astype(int)
    thinned = code.one_per_group(labels, np.arange(3000))
    assert abs(len(thinned) - code.MOST_IMAGES) <= 1
    assert labels[thinned].sum() == 6
    assert np.array_equal(thinned, code.one_per_group(labels, np.arange(3000)))


@pytest.mark.parametrize("probe", PROBES)
def test_a_constant_layer_knows_nothing(probe: str) -> None:
    labels = np.arange(40) % 2
    found = code.online_code(np.ones((40, 5)), labels, probe=probe)
    assert np.all(np.abs(found.bits - 40) < 3)
    assert np.allclose(code.learning_curve(np.ones((40, 5)), labels, probe=probe).accuracy, 0.5)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(LabError, match="at least 8 images"):
        code.online_code(np.ones((4, 2)), np.arange(4) % 2)
    with pytest.raises(LabError, match="not finite"):
        code.learning_curve(np.full((20, 2), np.nan), np.arange(20) % 2)
