"""Debiased CKA out of sums is that of all rows, whatever the chunks, their order and the origin."""

from __future__ import annotations

import functools
from itertools import combinations_with_replacement

import numpy as np
import pytest

import lab
from lab.embeddings import embed
from lab.embeddings.stored import store_vectors
from lab.errors import LabError
from lab.experiments.other_probes.layer_similarity import layer_similarity
from lab.geometry.similarity import cka_matrix, debiased_cka
from lab.geometry.similarity_sums import PairSums, cka_of_pairs, pairs_in_parts
from lab.images import open_image_set
from lab.models import load_model

NET = "test_resnet@untrained:0"
LAYERS = ("layer1.0", "layer3.0", "layer4.0")


def drawn(count: int, far: float) -> list[np.ndarray]:
    """Three layers of images that lie class by class: two that know the classes, one of noise."""
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(0, 4, count))
    base = rng.normal(size=(count, 12)) + 2 * np.eye(12)[labels]
    return [base @ rng.normal(size=(12, 8)) + far, np.tanh(base) * 3 - far, rng.normal(size=(count, 30)) * 0.01 + far]


def out_of_sums(layers: list[np.ndarray], chunks: list[np.ndarray]) -> np.ndarray:
    shifts = [layer[chunks[0]].mean(axis=0) for layer in layers]
    hsic = {}
    for a, b in combinations_with_replacement(range(len(layers)), 2):
        parts = [PairSums.of(layers[a][at], layers[b][at], shifts[a], shifts[b]) for at in chunks]
        hsic[a, b] = functools.reduce(lambda one, other: one + other, parts).hsic()
    return cka_of_pairs(hsic, len(layers))


@pytest.mark.parametrize("count", [4, 37, 500, 1200])
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_cka_out_of_sums_is_that_of_all_rows(count: int, far: float) -> None:
    layers = drawn(count, far)
    for chunks in (np.array_split(np.arange(count), 7), [*np.array_split(np.arange(count)[::-1], 3)]):
        chunks = [at for at in chunks if len(at)]
        assert np.abs(out_of_sums(layers, chunks) - cka_matrix(layers)).max() < 1e-9


def test_batches_of_one_class_would_not_do() -> None:
    """Why sums and not minibatches: of images that lie class by class, batches know nothing of the classes."""
    rng, labels = np.random.default_rng(0), np.repeat(np.arange(4), 200)
    layers = [rng.normal(size=(800, 6)) + 3 * rng.normal(size=(4, 6))[labels] for _ in range(2)]
    whole = debiased_cka(*layers)
    assert whole > 0.5
    assert np.mean([debiased_cka(*(layer[at] for layer in layers)) for at in np.split(np.arange(800), 8)]) < 0.1
    assert np.abs(out_of_sums(layers, np.split(np.arange(800), 8))[0, 1] - whole) < 1e-9


def test_a_constant_layer_has_no_similarity_and_few_images_are_refused() -> None:
    layers = [*drawn(50, 0.0), np.full((50, 3), 7.3)]
    found = out_of_sums(layers, np.array_split(np.arange(50), 4))
    assert np.isnan(found[3]).all()
    assert np.isfinite(found[:3, :3]).all()
    assert np.isfinite(cka_matrix(layers)[:3, :3]).all()
    with pytest.raises(LabError, match="4 images or more, not 3"):
        out_of_sums([layer[:3] for layer in layers], [np.arange(3)])


def test_parts_hold_every_pair_once_and_no_more_than_they_may() -> None:
    sizes = [3, 50, 7, 20]
    parts = pairs_in_parts(sizes, 8 * 400)
    assert sorted(pair for part in parts for pair in part) == list(combinations_with_replacement(range(4), 2))
    for part in parts:
        assert len(part) == 1 or sum(sizes[a] * sizes[b] for a, b in part) <= 400


def test_many_images_compares_layers_over_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.embeddings.vectorstore.MOST_HELD", 20_000)  # several shards
    monkeypatch.setattr("lab.experiments.other_probes.layer_similarity.SUMS_BYTES", 20_000)  # several readings
    model, images = load_model(NET), open_image_set("drawn:pets", per_class=20)
    chosen = [layer for layer in model.layers if layer.name in LAYERS]
    store_vectors(model, images, chosen[:1])  # in shards of its own
    found = lab.ask("many_images", model=NET, data="drawn:pets", per_class=20, layers=",".join(LAYERS))["similarity"]
    vectors = embed(model, images, chosen)
    expected = cka_matrix([vectors[name] for name in LAYERS])
    assert list(found["images"]) == [40] * 3
    for row in found.itertuples():
        a, b = LAYERS.index(str(row.layer_a)), LAYERS.index(str(row.layer_b))
        assert row.cka == pytest.approx(expected[a, b], abs=1e-9)
    again = layer_similarity(store_vectors(model, images, chosen[1:]), LAYERS[1:])
    assert np.abs(again - expected[1:, 1:]).max() < 1e-9


def test_an_image_that_is_there_twice_counts_twice() -> None:
    model, images = load_model(NET), open_image_set("drawn:pets", per_class=6)
    chosen = [layer for layer in model.layers if layer.name in LAYERS]
    stored = store_vectors(model, images, chosen)
    object.__setattr__(stored, "digests", [*images.digests, *images.digests[:3]])
    whole = np.concatenate([part[LAYERS[0]] for part in stored.joint_chunks(LAYERS)])
    assert len(whole) == 15
