"""Maps: neighbours that hold together in the map, a chain that morphs, and input that breaks other t-SNEs."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness

from lab.errors import LabError
from lab.geometry import projection, tsne
from lab.geometry.neighbours import knn_accuracy, standardised
from lab.geometry.projection import Projection, _principal_axes, align, last_points, placed, project_layers
from lab.geometry.tsne import _Pairs, divergence, exact_tsne, joint_probabilities


def chain_of_layers(count: int = 60, layers: int = 3) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Layers in which two classes drift apart along one direction."""
    rng = np.random.default_rng(0)
    labels, noise = np.arange(count) % 2, rng.standard_normal((count, 12))
    noise[:, 0] *= 0.5
    return {
        f"layer{i}": (noise + 3.0 * i * np.outer(labels, np.eye(12)[0])).astype(np.float32) for i in range(layers)
    }, labels


def clusters(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng, labels = np.random.default_rng(3), np.arange(count) % 4
    return rng.normal(size=(count, 20)) + 5.0 * rng.normal(size=(4, 20))[labels], labels


def digest(maps: list[Projection]) -> str:
    return hashlib.sha256(b"".join(m.points.tobytes() for m in maps)).hexdigest()


def test_maps_come_one_by_one_with_their_figures() -> None:
    embeddings, labels = chain_of_layers()
    seen: list[tuple[int, int]] = []
    made = []
    for one in project_layers(embeddings, labels, progress=lambda _s, done, total, _u: seen.append((done, total))):
        assert seen[-1] == (len(made), 3)  # asked for, not made ahead
        made.append(one)
    assert seen[-1] == (3, 3)
    assert [m.layer for m in made] == list(embeddings)
    for one, embedding in zip(made, embeddings.values(), strict=True):
        assert one.points.shape == (60, 2)
        scaled = standardised(embedding)
        assert one.trustworthiness == pytest.approx(trustworthiness(scaled, one.points, n_neighbors=5))
        assert one.trustworthiness > 0.75
        assert one.knn_embedding == pytest.approx(knn_accuracy(embedding, labels, np.arange(60)))
        assert one.note == ""


def test_two_clear_clusters_stay_two_clusters() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    embedding = rng.standard_normal((80, 20)) + 8.0 * labels[:, None]
    (made,) = project_layers({"x": embedding}, labels)
    assert made.knn_projection == 1.0
    assert made.trustworthiness > 0.8


def test_the_picture_morphs_rather_than_jumps() -> None:
    embeddings, labels = chain_of_layers(90, 4)
    warm = [m.points for m in project_layers(embeddings, labels)]
    cold = [next(iter(project_layers({k: v}, labels))).points for k, v in embeddings.items()]
    shift = {
        name: np.mean([procrustes(a, b)[2] for a, b in pairwise(points)])
        for name, points in (("warm", warm), ("cold", cold))
    }
    assert shift["warm"] < shift["cold"]
    for before, after in pairwise(warm):
        turn, _ = orthogonal_procrustes(after - after.mean(axis=0), before - before.mean(axis=0))
        assert np.allclose(turn, np.eye(2), atol=1e-6)  # nothing is left to turn


def test_the_same_seed_gives_the_same_bits_and_another_another_map() -> None:
    embeddings, labels = chain_of_layers()
    first, again, other = (digest(list(project_layers(embeddings, labels, seed=s))) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_a_chain_goes_on_where_it_stopped() -> None:
    embeddings, labels = chain_of_layers(40, 3)
    embeddings = {"a": embeddings["layer0"], "blank": np.ones((40, 3)), "b": embeddings["layer1"]}
    whole = list(project_layers(embeddings, labels))
    kept = [Projection.from_arrays(m.layer, m.as_arrays()) for m in whole[:2]]
    (rest,) = project_layers({"b": embeddings["b"]}, labels, previous=last_points(kept))
    assert np.array_equal(rest.points, whole[2].points)
    assert kept[0].note == whole[0].note
    assert kept[0].divergence == whole[0].divergence


def test_input_without_a_map_is_noted_and_the_chain_goes_on() -> None:
    embeddings, labels = chain_of_layers(40, 2)
    broken = embeddings["layer1"].copy()
    broken[3, 2] = np.nan
    made = list(
        project_layers(
            {
                "constant": np.full((40, 3), 0.1),
                "nan": broken,
                "a": embeddings["layer0"],
                "inf": np.full((40, 3), np.inf),
                "b": embeddings["layer1"],
            },
            labels,
        )
    )
    notes = {m.layer: m.note for m in made}
    assert notes == {
        "constant": "all images have the same embedding",
        "nan": "values that are not finite",
        "a": "",
        "inf": "values that are not finite",
        "b": "",
    }
    assert not made[0].points.any()
    assert np.isnan(made[1].points).all()
    assert np.isnan(made[1].trustworthiness)
    (cold,) = project_layers({"b": embeddings["layer1"]}, labels, previous=made[2].points)
    assert np.array_equal(cold.points, made[4].points)


@pytest.mark.parametrize("count", range(1, 8))
def test_few_images(count: int) -> None:
    rng = np.random.default_rng(count)
    embeddings = {"a": rng.standard_normal((count, 6)), "b": rng.standard_normal((count, 6))}
    maps = list(project_layers(embeddings, np.arange(count) % 2))
    assert len(maps) == 2
    for made in maps:
        assert made.points.shape == (count, 2)
        assert np.isfinite(made.points).all()
        assert bool(made.note) == (count < 5)


def test_copies_share_a_point_wherever_they_were_before() -> None:
    rng = np.random.default_rng(0)
    labels, spread = np.arange(60) % 2, rng.standard_normal((60, 4))
    few = np.repeat(rng.standard_normal((12, 4)), 5, axis=0)
    _, copies = project_layers({"spread": spread, "copies": few}, labels)
    for start in range(0, 60, 5):
        assert np.ptp(copies.points[start : start + 5], axis=0).max() == 0.0
    (two,) = project_layers({"two": np.repeat(np.eye(2), 30, axis=0)}, labels)
    assert two.note.startswith("too few different images")


@pytest.mark.parametrize("features", [1, 2, 70])
def test_narrow_wide_and_binary_embeddings(features: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    for embedding in (rng.standard_normal((60, features)), rng.integers(0, 2, (60, features)).astype(np.float32)):
        (made,) = project_layers({"x": embedding}, labels)
        assert np.isfinite(made.points).all()


def test_align_turns_and_mirrors_without_changing_distances() -> None:
    rng = np.random.default_rng(0)
    reference = rng.standard_normal((20, 2))
    turn = np.array([[0.6, 0.8], [0.8, -0.6]])  # a rotation and a mirror
    moved = reference @ turn + [5.0, -3.0]
    assert np.allclose(align(moved, reference), reference - reference.mean(axis=0))
    stretched = align(2.0 * moved, reference)
    assert np.allclose(stretched, 2.0 * (reference - reference.mean(axis=0)))


def test_groups_do_not_vote_for_themselves() -> None:
    rng = np.random.default_rng(0)
    points, labels = np.repeat(rng.standard_normal((30, 8)), 2, axis=0), np.repeat(rng.integers(0, 2, 30), 2)
    points = points + 1e-3 * rng.standard_normal(points.shape)
    (single,) = project_layers({"x": points}, labels)
    (grouped,) = project_layers({"x": points}, labels, np.arange(60) // 2)
    assert np.array_equal(single.points, grouped.points)
    assert single.knn_embedding > grouped.knn_embedding
    assert single.knn_projection > grouped.knn_projection


def test_a_layer_of_the_wrong_length_is_named() -> None:
    with pytest.raises(LabError, match=r"layer 'x' has shape \(3, 2\)"):
        list(project_layers({"x": np.zeros((3, 2))}, np.arange(4)))


@pytest.mark.parametrize("features", [3, 12, 80])
def test_the_axes_are_those_of_scikit_learns_pca_and_no_more_than_the_rank(features: int) -> None:
    rng = np.random.default_rng(features)
    points = standardised(rng.standard_normal((70, 3)) @ rng.standard_normal((3, features)))
    axes, expected = _principal_axes(points), PCA(3).fit_transform(points)
    assert axes.shape == (70, 3)
    assert np.allclose(np.abs(axes), np.abs(expected), atol=1e-6)


def test_the_exact_map_is_a_minimum_as_low_as_scikit_learns() -> None:
    from sklearn.manifold._t_sne import _joint_probabilities

    x, _ = clusters(150)
    axes = _principal_axes(standardised(x))
    joint = joint_probabilities(axes, 20.0)
    squares = ((axes[:, None] - axes) ** 2).sum(axis=2).astype(np.float32)
    pairs = np.triu_indices(len(axes), 1)
    assert np.abs(joint[pairs] - _joint_probabilities(squares, 20.0, 0)).max() < 1e-6
    start = 1e-4 * axes[:, :2] / axes[:, 0].std()
    points, found = exact_tsne(axes, start, perplexity=20.0, exaggeration=12.0, iterations=1000)
    model = TSNE(perplexity=20.0, init=start.astype(np.float32), method="exact", n_jobs=1)
    theirs = model.fit_transform(axes.astype(np.float32))
    assert found == pytest.approx(divergence(joint, points))
    assert found < divergence(joint, theirs) + 0.03
    assert model.kl_divergence_ == pytest.approx(divergence(joint, theirs), abs=1e-3)


@pytest.mark.parametrize("count", [40, 100])
def test_soon_after_exaggeration_few_points_lie_as_well_as_scikit_learns(count: int) -> None:
    """Steps that exaggeration allowed, carried on without it, throw them far apart."""
    for seed in range(3):
        axes = np.random.default_rng(seed).normal(size=(count, 6))
        start, perplexity = axes[:, :2] / axes[:, 0].std() * 1e-4, min(30.0, (count - 1) / 3)
        _, found = exact_tsne(axes, start, perplexity=perplexity, exaggeration=12.0, iterations=300)
        model = TSNE(method="exact", init=start.copy(), perplexity=perplexity, max_iter=300, min_grad_norm=0.0)
        assert found < model.fit(axes).kl_divergence_ + 0.15


def test_the_gradient_is_the_divergences() -> None:
    rng = np.random.default_rng(0)
    joint = joint_probabilities(rng.normal(size=(12, 3)), 3.0)
    points = rng.normal(size=(12, 2))
    gradient = _Pairs(joint).gradient(points)
    for i, axis in ((0, 0), (7, 1)):
        moved = [points.copy(), points.copy()]
        for sign, one in zip((-1, 1), moved, strict=True):
            one[i, axis] += sign * 1e-5
        slope = (divergence(joint, moved[1]) - divergence(joint, moved[0])) / 2e-5
        assert gradient[i, axis] == pytest.approx(slope, rel=1e-4)


@pytest.mark.parametrize(
    ("count", "reach", "kind"), [(12, 3.0, "f8"), (250, 3.0, "f8"), (96, 3.0, "f4"), (250, 3e3, "f4")]
)
def test_the_gradient_is_that_of_all_pairs(
    count: int, reach: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several blocks of rows, the last one short, and where rounding is felt."""
    monkeypatch.setattr(tsne, "BLOCK", 24_000)  # 96 rows of 250
    rng = np.random.default_rng(count)
    joint = joint_probabilities(rng.normal(size=(count, 3)), 3.0)
    points = reach * rng.normal(size=(count, 2))
    away = points[:, None] - points
    likeness = (1 - np.eye(count)) / (1 + (away**2).sum(axis=2))
    expected = 4 * (((joint - likeness / likeness.sum()) * likeness)[:, :, None] * away).sum(axis=1)
    found = _Pairs(joint.astype(kind)).gradient(points.astype(kind))
    tolerance = 1e-9 if kind == "f8" else 1e-2
    assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()


def test_of_very_many_images_a_sample_is_mapped_and_the_others_lie_between(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels = clusters(400)
    monkeypatch.setattr(projection, "MOST_MAPPED", 120)
    first, second = project_layers({"a": x, "b": x + 0.01}, labels)
    assert "120 images" in first.note
    assert first.usable
    assert second.usable
    assert np.isfinite([first.trustworthiness, first.divergence, second.divergence]).all()
    assert first.knn_projection > 0.95
    middle = np.stack([first.points[labels == k].mean(axis=0) for k in np.unique(labels)])
    away = np.linalg.norm(first.points[:, None] - middle, axis=2)
    assert (away.argmin(axis=1) == labels).mean() > 0.95
    assert np.allclose(placed(x, x[:50], first.points[:50])[:50], first.points[:50], atol=1e-3)
