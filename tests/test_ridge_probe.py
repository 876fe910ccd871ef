"""The ridge probe in closed form: as scikit-learn's, with groups left out exactly, and known by its name everywhere."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.preprocessing import StandardScaler

import lab
from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.export.report.methods import methods
from lab.probing import ridge
from lab.probing.code_length import online_code
from lab.probing.pca import principal_axes, standardise
from lab.probing.probes import fit_probes, make_splits, shuffled_labels
from lab.probing.ridge import ridge_path
from lab.probing.ridge_classifier import ALPHAS

NET = "test_resnet@untrained"


def drawn(count: int, size: int, classes: int, copies: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors, labels and groups; every `copies` rows are nearly one."""
    rng = np.random.default_rng(count + size)
    groups = np.arange(count) // copies
    labels = groups % classes
    x = rng.normal(size=(count // copies + 1, size))[groups] + 0.05 * rng.normal(size=(count, size))
    return (x + 0.8 * rng.normal(size=(classes, size))[labels]).astype(np.float32), labels, groups


@pytest.mark.parametrize(("count", "size", "classes"), [(90, 8, 2), (60, 150, 3), (120, 30, 25)])
def test_its_answers_are_those_of_scikit_learn_for_all_label_sets(count: int, size: int, classes: int) -> None:
    x, labels, groups = drawn(count, size, classes)
    splits = make_splits(labels, groups, folds=3, repeats=2)
    both = np.stack([np.repeat(labels[None], 2, axis=0), shuffled_labels(labels, groups, splits, seed=0)])
    found = fit_probes(x, both, splits, groups, dimensions=(None,), kind="ridge")
    same = []
    for s, repeat, fold in np.ndindex(2, 2, 3):
        test = splits[repeat] == fold
        scaler = StandardScaler().fit(x[~test].astype(float))
        model = RidgeClassifierCV(alphas=ALPHAS).fit(scaler.transform(x[~test]), both[s, repeat, ~test])
        fit = found[None, s]
        answers = fit.probabilities[repeat, test].argmax(axis=1)
        same.append(np.array_equal(answers, model.predict(scaler.transform(x[test]))))
        same.append(np.isclose(fit.regularisation[repeat, fold], 0.5 / model.alpha_))
    assert len(same) == 24
    assert all(same)
    assert np.allclose(found[None, 1].probabilities.sum(axis=2), 1)


@pytest.mark.parametrize("most", [256, 2])
def test_groups_are_left_out_as_if_fitted_anew(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "MOST_LEFT_OUT", most)
    x, _, _ = drawn(40, 6, 2)
    rng = np.random.default_rng(0)
    groups, targets = rng.permutation(np.repeat(np.arange(14), [1, 2, 3, 4] * 3 + [5, 5])), rng.normal(size=(40, 3))
    axes = principal_axes(*standardise(x, x))[0]
    centred, away = targets - targets.mean(axis=0), []
    for penalty, found in zip((0.1, 30.0), ridge_path(axes, centred, (0.1, 30.0), groups), strict=True):
        away.append(np.abs(found.coefficients - SklearnRidge(alpha=penalty).fit(axes, centred).coef_.T).max())
        for group in range(14):
            own = np.flatnonzero(groups == group)
            for out in (own[begin : begin + most] for begin in range(0, len(own), most)):
                rest = np.setdiff1d(np.arange(40), out)
                other = SklearnRidge(alpha=penalty).fit(axes[rest], centred[rest])
                away.append(np.abs(found.missed[out] - centred[out] + other.predict(axes[out])).max())
    assert len(away) >= 2 * 15
    assert max(away) < 1e-6


def test_copies_do_not_weaken_the_penalty() -> None:
    x, labels, groups = drawn(240, 40, 2, copies=4)
    splits = make_splits(labels, groups, folds=4, repeats=1)
    kept, torn = (
        fit_probes(x, labels[None], splits, own, dimensions=(None,), kind="ridge")[None, 0]
        for own in (groups, np.arange(240))
    )
    right = [(fit.probabilities[0].argmax(axis=1) == labels).mean() for fit in (kept, torn)]
    assert right[0] > right[1] + 0.05
    assert kept.regularisation.max() < torn.regularisation.mean()


def test_probabilities_mean_what_they_say() -> None:
    x, labels, groups = drawn(1500, 12, 3)
    x += np.random.default_rng(1).normal(size=x.shape) * 1.5
    splits = make_splits(labels, groups, folds=5, repeats=1)
    found = fit_probes(x, labels[None], splits, groups, dimensions=(None,), kind="ridge")[None, 0].probabilities[0]
    right = found.argmax(axis=1) == labels
    assert found.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.05)
    assert 0.5 < right.mean() < 0.95, "neither certain nor lost"


def test_a_class_that_was_not_learned_is_never_named_and_a_constant_layer_guesses() -> None:
    x, labels, groups = drawn(60, 5, 3)
    splits = np.where(labels == 2, 0, 1 + np.arange(60) % 2)[None]
    found = fit_probes(x, labels[None], splits, groups, dimensions=(None,), kind="ridge")[None, 0].probabilities[0]
    assert np.all(found[labels == 2, 2] == 0)
    even = fit_probes(np.ones((60, 4), np.float32), labels[None], splits, groups, dimensions=(None,), kind="ridge")
    assert np.allclose(even[None, 0].probabilities.sum(axis=2), 1)


def test_other_kinds_and_dimensions_are_refused() -> None:
    x, labels, groups = drawn(60, 5, 2)
    splits = make_splits(labels, groups, folds=3, repeats=1)
    for how in ({"kind": "forest"}, {"kind": "ridge", "dimensions": (3,)}):
        with pytest.raises(LabError, match="a probe is logistic, or ridge"):
            fit_probes(x, labels[None], splits, groups, **{"dimensions": (None,), **how})  # type: ignore[arg-type]


ASKED: Any = {
    "images": "drawn:pets", "per_class": 12, "repeats": 1, "layers": "layer1.0,layer4.0", "folds": 3, "probe": "ridge",
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Result:
    return lab.probe(NET, **ASKED)


def test_a_run_is_read_by_it_with_all_controls_and_says_so(found: Result) -> None:
    assert "as ridge probes read them" in found.verdict.sentence
    assert "layers were read by ridge probes" in found.manifest["notes"]
    splits, layer = found["splits"], found.embeddings()[f"{NET}:0/layer4.0"]
    labels = np.unique(found["images"]["class"], return_inverse=True)[1]
    for fold in range(3):
        test = splits["fold"].to_numpy() == fold
        scaler = StandardScaler().fit(layer[~test].astype(float))
        row = found["folds"].query(f"layer == 'layer4.0' and control == 'probe' and fold == {fold}").iloc[0]
        model = RidgeClassifier(alpha=0.5 / row.C).fit(scaler.transform(layer[~test]), labels[~test])
        assert row.accuracy == pytest.approx(model.score(scaler.transform(layer[test]), labels[test]))
    told = dict(methods(found.request.as_dict(), found["images"], found["splits"]))["Probe accuracy"]
    assert told.startswith("Per layer, ridge regression")
    assert not re.search("logistic", told)


def test_the_labels_a_layer_needs_are_counted_by_it_too(found: Result) -> None:
    labels = np.unique(found["images"]["class"], return_inverse=True)[1]
    code = online_code(found.embeddings()[f"{NET}:0/layer4.0"], labels, probe="ridge")
    assert found["code_length"].query("layer == 'layer4.0'")["bits"].item() == pytest.approx(code.bits.mean())


def test_comparisons_and_searches_read_by_it(found: Result) -> None:
    own = found["summary"].query("control == 'probe'").set_index("layer")["accuracy"]
    compared = lab.compare([NET, f"{NET}:1"], controls=(), speed=False, **ASKED)
    first = compared["summary"].query(f"control == 'probe' and model == '{NET}:0'").set_index("layer")["accuracy"]
    assert first.to_dict() == own.to_dict()
    assert "layers were read by ridge probes" in compared.manifest["notes"]
    searched = lab.which(NET, sample=16, finalists=2, cheaper=0, controls=(), speed=False, **ASKED)
    assert searched["confirmed"].set_index("layer")["accuracy"].to_dict() == pytest.approx(own.to_dict())


def test_requests_that_do_not_choose_keep_their_names() -> None:
    usual = ProbeRequest()
    assert "probe" not in usual.as_dict()
    chosen = replace(usual, probe="ridge")
    assert ProbeRequest.from_dict(chosen.as_dict()) == chosen
    assert "--probe=ridge" in chosen.command()
    assert "probe='ridge'" in chosen.python()
    with pytest.raises(LabError, match="logistic"):
        ProbeRequest(probe="forest")


def test_vectors_are_read_by_it_and_numbers_are_not() -> None:
    x, labels, _ = drawn(60, 10, 2)
    found = lab.probe_arrays({"early": x[:, :3], "late": x}, labels, probe="ridge", repeats=1, controls=())
    assert "as ridge probes read them" in found.verdict.sentence
    assert "probe='ridge'" in found.request.python()
    with pytest.raises(LabError, match="for classes"):
        lab.probe_arrays({"early": x}, labels * 1.5, target="number", probe="ridge")
