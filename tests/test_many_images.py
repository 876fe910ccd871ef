"""Ridge probes out of sums: against scikit-learn on all rows, chunk by chunk, and memory that does not grow."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages_helpers import healthy, opened

import lab
from lab.embeddings import embed
from lab.embeddings import stored as stored_vectors
from lab.embeddings.stored import store_vectors
from lab.embeddings.vectorstore import VectorStore
from lab.errors import LabError
from lab.experiments.other_probes import many_images
from lab.experiments.other_probes.many_images import ManyImagesRequest, findings
from lab.images import open_image_set
from lab.models import load_model
from lab.probing.moments import Moments, ridge_path
from lab.probing.ridge_classifier import ALPHAS
from lab.settings import cache_dir

NET = "test_resnet@untrained:0"
CLASSES, ROWS, DIM = 3, 400, 12


def drawn(seed: int = 0, far: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: classes that overlap, scales from 0.01 to 100, one constant feature, all shifted by `far`."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, ROWS)
    rows = rng.normal(size=(ROWS, DIM)) + 0.6 * np.eye(DIM)[labels]
    rows = rows @ rng.normal(size=(DIM, DIM)) * np.logspace(-2, 2, DIM) + far
    rows[:, 5] = 7.0
    return rows, labels


def sums(rows: np.ndarray, labels: np.ndarray, shift: np.ndarray) -> Moments:
    return Moments.of(rows, labels[None], CLASSES, shift)


@pytest.mark.parametrize("far", [0.0, 1e4])
def test_ridge_out_of_sums_is_scikit_learns_at_every_penalty(far: float) -> None:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    rows, labels = drawn(far=far)
    train, test = np.arange(ROWS) % 5 > 0, np.arange(ROWS) % 5 == 0
    shift, chunks = rows[:50].mean(axis=0), np.array_split(np.flatnonzero(train), 7)
    parts = (sums(rows[at], labels[at], shift) for at in chunks)
    whole = functools.reduce(operator.iadd, parts, Moments.none(shift, CLASSES, 1))
    scaler = StandardScaler().fit(rows[train])
    targets = np.where(labels[train, None] == np.arange(CLASSES), 1.0, -1.0)
    for penalty in ALPHAS:
        (found,) = ridge_path(whole, np.array([penalty]))
        expected = (
            Ridge(alpha=penalty).fit(scaler.transform(rows[train]), targets).predict(scaler.transform(rows[test]))
        )
        assert np.abs(found.scores(rows[test]) - expected).max() < 1e-6
    (found,) = ridge_path(whole)
    (alone,) = ridge_path(whole, np.array([found.penalty]))
    assert np.allclose(found.weights, alone.weights, rtol=1e-12)


def test_the_chosen_penalty_is_that_of_generalised_cross_validation() -> None:
    rows, labels = drawn()
    (found,) = ridge_path(sums(rows, labels, rows.mean(axis=0)))
    values = (rows - rows.mean(axis=0)) * np.where(rows.std(axis=0) > 1e-9, 1 / (rows.std(axis=0) + 1e-300), 0.0)
    targets = np.where(labels[:, None] == np.arange(CLASSES), 1.0, -1.0)
    errors = []
    for penalty in found.penalties:
        hat = values @ np.linalg.solve(values.T @ values + penalty * np.eye(DIM), values.T) + 1 / ROWS
        left = targets - hat @ targets
        errors.append((left**2).sum() / ROWS / (1 - np.trace(hat) / ROWS) ** 2)
    assert np.allclose(found.errors, errors, rtol=1e-8)


def test_sums_add_up_in_any_order_and_know_their_shift() -> None:
    rows, labels = drawn()
    one, two = (sums(rows[at], labels[at], rows[0]) for at in (slice(0, 150), slice(150, None)))
    whole = sums(rows, labels, rows[0])
    two += one
    for name in ("count", "sums", "products", "class_counts", "class_sums"):
        assert np.allclose(getattr(two, name), getattr(whole, name), rtol=1e-12)
    with pytest.raises(LabError, match="different shifts"):
        one += sums(rows, labels, rows[1])


def test_products_beyond_their_limit_are_in_a_file_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ManyImagesRequest(model=NET, data="drawn:pets", per_class=20, layers="layer4.0")
    usual = many_images.run(asked)
    monkeypatch.setattr(many_images, "MOST_SUMS", 10)
    places: list[np.ndarray] = []
    real = many_images._places_of_products
    monkeypatch.setattr(many_images, "_places_of_products", lambda *sizes: places.append(real(*sizes)) or places[-1])
    found = many_images.run(asked)
    assert [type(place) for place in places] == [np.memmap]
    assert [path.suffix for path in cache_dir("embeddings").rglob("*") if path.is_file()] == [".safetensors"]
    pd.testing.assert_frame_equal(*(one["accuracies"].drop(columns="seconds") for one in (usual, found)))


def test_every_image_comes_once_with_the_vector_that_embed_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.embeddings.vectorstore.MOST_HELD", 20_000)  # several shards
    model, images = load_model(NET), open_image_set("drawn:pets", per_class=20)
    layers = model.layers[-3:-1]
    stored = store_vectors(model, images, layers)
    assert stored.computed == 40
    assert len(list(stored.store.folder.glob("*.safetensors"))) > 1
    assert store_vectors(model, images, layers).computed == 0
    expected = embed(model, images, layers)
    assert expected.computed == 0, "the same place"
    for name, rows in expected.items():
        parts = list(stored.chunks(name))
        positions = np.concatenate([at for at, _ in parts])
        assert sorted(positions) == list(range(40))
        assert np.array_equal(np.concatenate([vectors for _, vectors in parts])[np.argsort(positions)], rows)
    next(iter(stored.store.folder.glob("*.safetensors"))).unlink()
    with pytest.raises(LabError, match="are gone from"):
        list(stored.chunks(layers[0].name))


def test_a_copy_of_an_image_is_passed_once_and_comes_twice() -> None:
    model, images = load_model(NET), open_image_set("drawn:pets", per_class=3)
    layers = model.layers[-2:-1]
    stored = store_vectors(model, images, layers)
    twice = stored_vectors.StoredVectors(stored.store, [*images.digests, images.digests[0]], stored.sizes, 0)
    parts = list(twice.chunks(layers[0].name))
    positions, vectors = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    assert sorted(positions) == list(range(7))
    assert np.array_equal(vectors[positions == 0], vectors[positions == 6])


def test_the_question_answers_as_scikit_learn_does_fold_by_fold() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    from lab.probing.splits import make_splits

    asked: dict[str, Any] = {"model": NET, "data": "drawn:orientation", "per_class": 60, "layers": "layer1.0,layer4.0"}
    found = lab.ask("many_images", **asked)
    images = open_image_set("drawn:orientation", per_class=60)
    folds = make_splits(images.labels, images.groups, folds=5, repeats=1, seed=0)[0]
    model = load_model(NET)
    layers = [layer for layer in model.layers if layer.name in ("layer1.0", "layer4.0")]
    for row in found["accuracies"].itertuples():
        vectors = embed(model, images, layers)[str(row.layer)].astype(np.float64)
        right = np.zeros(len(images), dtype=bool)
        for fold in range(5):
            train, test = folds != fold, folds == fold
            scaler = StandardScaler().fit(vectors[train])
            targets = np.where(images.labels[train, None] == np.arange(2), 1.0, -1.0)
            (path,) = ridge_path(Moments.of(vectors[train], images.labels[None, train], 2, vectors[train].mean(axis=0)))
            probe = Ridge(alpha=path.penalty).fit(scaler.transform(vectors[train]), targets)
            right[test] = probe.predict(scaler.transform(vectors[test])).argmax(axis=1) == images.labels[test]
        assert row.accuracy == pytest.approx(right.mean(), abs=1e-9)
        assert 0.3 < float(row.shuffled) < 0.7
    assert isinstance(found["controls"], pd.DataFrame)
    assert found["controls"]["accuracy"].iloc[0] == 0.5


def test_its_tab_has_an_empty_number_box_for_a_number_that_may_be_left_out() -> None:
    app = healthy(opened("break_the_stack", question="Many images"))
    (box,) = [box for box in app.number_input if box.label == "Per class"]
    assert box.value is None


def test_a_shard_is_written_before_much_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.embeddings.vectorstore.MOST_HELD", 1000)
    store = VectorStore("place")
    with store.writer(1e9, 1.0) as keep:
        for number in range(4):
            keep([f"{number:064d}"], {"layer": np.zeros((1, 300), np.float32)})
    assert len(list(store.folder.glob("*.safetensors"))) == 4


def test_the_best_of_many_layers_allows_for_how_many_there_were() -> None:
    """One layer of twenty whose own interval is just above chance is not said to be clearly above it."""
    rows = pd.DataFrame({"layer": [f"l{k}" for k in range(20)], "accuracy": 0.5, "ci_low": 0.4, "ci_high": 0.6,
                         "shuffled": 0.5})  # fmt: skip
    rows.loc[7, ["accuracy", "ci_low", "ci_high"]] = 0.61, 0.51, 0.71
    guess = pd.DataFrame({"control": ["chance"], "accuracy": [0.5]})
    (picked,) = findings({"accuracies": rows, "controls": guess}, 100)
    assert "at l7: 0.610 (0.4" in picked
    assert "not clearly above" in picked
    (alone,) = findings({"accuracies": rows.iloc[[7]], "controls": guess}, 100)
    assert "0.510 to 0.710" in alone
    assert "not clearly above" not in alone
