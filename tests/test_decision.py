"""Depth of decision: images whose true depth is planted, and networks that decide nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lab.stats.decision import decisions

LAYERS, COUNT = 9, 200
GROUPS = np.arange(COUNT)


def answers(
    truth: np.ndarray, labels: np.ndarray, *, classes: int = 2, seed: int = 0, alike: bool = False
) -> np.ndarray:
    """Return probabilities `(L, 2, N, K)`: right from layer `truth` on, before it a guess (`alike`: the same guess at
    every layer), never wrong in one repeat only."""
    rng = np.random.default_rng(seed)
    guess = rng.integers(0, classes, (LAYERS, len(labels)))
    if alike:
        guess[:] = guess[0]
    named = np.where(np.arange(LAYERS)[:, None] >= truth, labels, guess)
    found = np.full((LAYERS, 2, len(labels), classes), 0.3 / classes)
    np.put_along_axis(found, np.repeat(named[:, None], 2, axis=1)[..., None], 0.7, axis=3)
    return found


@pytest.mark.parametrize("classes", [2, 4])
def test_the_share_decided_by_each_layer_is_the_planted_one(classes: int) -> None:
    labels = np.arange(COUNT) % classes
    truth = np.random.default_rng(7).integers(2, LAYERS + 2, COUNT)  # two layers decide nothing; some images never
    runs = [decisions(answers(truth, labels, classes=classes, seed=s), labels, GROUPS) for s in range(30)]
    found = np.mean([[share.value for share in run.decided] for run in runs], axis=0)
    planted = [(truth <= layer).mean() for layer in range(LAYERS)]
    np.testing.assert_allclose(found, planted, atol=0.03)
    inside = [
        [share.low <= true <= share.high for share, true in zip(run.decided, planted, strict=True)] for run in runs
    ]
    assert np.mean(inside) > 0.95
    first = answers(np.where(truth < 5, 0, truth), labels, classes=classes)
    for run in [
        *runs[:5],
        decisions(first, labels, GROUPS),
    ]:  # as many images as that share are taken to be decided by then
        sure = [layer for layer in range(LAYERS) if run.decided[layer].low > 0]
        counted = [int(((run.decided_at >= 0) & (run.decided_at <= layer)).sum()) for layer in sure]
        assert counted == [round(run.decided[layer].value * COUNT) for layer in sure]


def test_most_that_is_right_for_good_from_a_layer_of_guesses_is_luck() -> None:
    """The issue's case: everything is decided at layer 5, so half of the images are right for good from 4 or before."""
    labels = np.arange(COUNT) % 2
    found = decisions(answers(np.full(COUNT, 5), labels), labels, GROUPS)
    assert found.right_on[4] == pytest.approx(COUNT / 2, abs=20)
    assert found.by_luck[4] == pytest.approx(COUNT / 2, abs=2)
    assert set(found.decided_at) == {5}
    assert (found.right_from < 5).sum() > 70


@pytest.mark.parametrize("alike", [False, True], ids=["independent guesses", "the same guesses at every layer"])
def test_where_nothing_is_decided_no_image_counts(alike: bool) -> None:
    labels = np.arange(COUNT) % 2
    counted = []
    for seed in range(40):
        found = decisions(answers(np.full(COUNT, 99), labels, seed=seed, alike=alike), labels, GROUPS)
        counted.append((found.decided_at >= 0).any())
        assert (found.right_from >= 0).sum() > 70
    assert np.mean(counted) <= 0.05


def test_a_layer_that_guesses_decides_nothing_however_alike_the_next_one_guesses() -> None:
    """Layers 0 to 4 guess alike, layer 5 is right where they are and on half of the rest, and layer 6 on all: what is
    right for good from the first layer on is far more than unrelated guesses would leave."""
    labels = np.arange(COUNT) % 2
    for seed in range(10):
        rng = np.random.default_rng(seed)
        guess = rng.permutation(labels)
        truth = np.where((guess == labels) | (rng.random(COUNT) < 0.5), 5, 6)
        probabilities = answers(truth, labels)
        early = np.full((5, 2, COUNT, 2), 0.3)
        np.put_along_axis(early, np.broadcast_to(guess, (5, 2, COUNT))[..., None], 0.7, axis=3)
        probabilities[:5] = early
        found = decisions(probabilities, labels, GROUPS)
        assert found.right_on[0] > COUNT / 3
        assert not ((found.decided_at >= 0) & (found.decided_at < 5)).any()


def test_the_surest_images_count_first() -> None:
    labels = np.zeros(COUNT, dtype=int)
    labels[1::2] = 1
    truth = np.where(np.arange(COUNT) < 60, 3, 6)
    probabilities = answers(truth, labels)
    probabilities[3, :, :60] = probabilities[3, :, :60] * 1.2 - 0.1  # the decided ones lead by more
    found = decisions(probabilities, labels, GROUPS)
    early = np.flatnonzero(found.decided_at == 3)
    assert len(early) > 40
    assert (early < 60).mean() > 0.95


def test_an_image_that_is_right_in_some_repeats_only_is_not_decided() -> None:
    labels = np.arange(COUNT) % 2
    probabilities = answers(np.zeros(COUNT, dtype=int), labels)
    probabilities[-1, 1, :20] = 1 - probabilities[-1, 1, :20]
    found = decisions(probabilities, labels, GROUPS)
    assert (found.right_from[:20] == -1).all()
    assert (found.decided_at[:20] == -1).all()
    assert (found.right_from[20:] == 0).all()


def test_a_layer_that_always_names_one_class_decides_nothing() -> None:
    labels = (np.arange(COUNT) % 20 == 0).astype(int)
    probabilities = np.broadcast_to(np.array([0.9, 0.1]), (LAYERS, 2, COUNT, 2)).copy()
    found = decisions(probabilities, labels, GROUPS)
    assert (found.decided_at == -1).all()
    assert max(share.value for share in found.decided) == 0


def test_copies_are_no_evidence() -> None:
    labels = np.arange(40) % 2
    truth = np.full(40, 3)
    alone = decisions(answers(truth, labels), labels, np.arange(40))
    copied = np.repeat(np.arange(40), 5)
    again = decisions(answers(truth, labels)[:, :, copied], labels[copied], copied)
    assert [s.low for s in again.decided] == pytest.approx([s.low for s in alone.decided])


def test_what_layers_of_these_accuracies_would_give_by_themselves() -> None:
    labels = np.arange(COUNT) % 2
    found = decisions(answers(np.full(COUNT, 8), labels), labels, GROUPS)
    assert found.independent[-1] == COUNT
    assert found.independent[-2] == pytest.approx(COUNT / 2, abs=25)
    assert np.all(np.diff(found.independent) >= 0)


def test_probes_of_noise_on_layers_that_are_alike_decide_nothing() -> None:
    """Through the lab's own probes, each layer nearly a rotation of the one before: errors go together, by luck."""
    from lab.probing.probes import fit_probes, make_splits

    labels, groups = np.arange(60) % 2, np.arange(60)
    counted = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        layer = rng.normal(size=(60, 24))
        splits = make_splits(labels, groups, seed=seed)
        found = []
        for _ in range(5):
            fits = fit_probes(layer, labels[None], splits, groups, dimensions=(None,), regularisation=(1e-3, 1e-1))
            found.append(fits[None, 0].probabilities)
            turn = np.linalg.qr(rng.normal(size=(24, 24)))[0]
            layer = np.maximum(layer @ turn + 0.15 * rng.normal(size=layer.shape), -0.5)
        counted.append((decisions(np.stack(found), labels, groups).decided_at >= 0).any())
    assert np.mean(counted) <= 0.125
