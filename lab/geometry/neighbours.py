"""How classes lie in an embedding without any fitting: nearest neighbours and silhouette.

Features are standardised over all images first, so that a layer's units do not matter. Both measures look at the
geometry that a probe may or may not be able to use; neither is evidence alone.
"""

from __future__ import annotations

import numpy as np

NEIGHBOURS = 5
BLOCK_BYTES = 64_000_000  # distances are computed for as many images at once as fit this


def knn_accuracy(
    embedding: np.ndarray, labels: np.ndarray, groups: np.ndarray, *, neighbours: int = NEIGHBOURS
) -> float:
    """Return the share of images whose nearest images of other groups mostly carry their class.

    A tie between classes is settled by the nearer neighbours' sum of squared distances. nan when there are no images
    of another group, or the embedding is constant or not finite.
    """
    return votes_right(standardised(embedding), labels, groups, neighbours)


def silhouette(embedding: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean silhouette of the classes (Rousseeuw 1987), -1 to 1.

    An image that is alone in its class counts 0, as in scikit-learn. nan for one class, and for an embedding that is
    constant or not finite.
    """
    points = standardised(embedding)
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) < 2 or _blank(points):
        return float("nan")
    member = np.eye(len(classes))[index]
    counts = member.sum(axis=0)
    total = 0.0
    for rows in _blocks(len(points)):
        to_class = np.sqrt(_squared_distances(points, rows)) @ member
        own = index[rows][:, None]
        alone = counts[index[rows]] == 1
        inside = np.take_along_axis(to_class, own, 1)[:, 0] / np.maximum(counts[index[rows]] - 1, 1)
        means = to_class / counts
        np.put_along_axis(means, own, np.inf, 1)
        outside = means.min(axis=1)
        widest = np.maximum(inside, outside)
        value = np.where(alone | (widest == 0), 0.0, (outside - inside) / np.where(widest > 0, widest, 1.0))
        total += float(value.sum())
    return total / len(points)


def standardised(embedding: np.ndarray) -> np.ndarray:
    """Return features with mean 0 and deviation 1 over all images, float64; constant features become 0."""
    values = embedding.astype(np.float64)
    deviation = values.std(axis=0)
    constant = deviation <= 1e-7 * np.abs(values).max(axis=0, initial=0.0)  # float32 rounding
    return np.asarray((values - values.mean(axis=0)) * np.where(constant, 0.0, 1 / np.where(constant, 1, deviation)))


def votes_right(points: np.ndarray, labels: np.ndarray, groups: np.ndarray, neighbours: int) -> float:
    """Return the leave-one-group-out accuracy of a nearest-neighbour vote among points `(N, D)`, used as they are."""
    if _blank(points) or len(np.unique(groups)) < 2:
        return float("nan")
    classes, index = np.unique(labels, return_inverse=True)
    right = 0
    for rows in _blocks(len(points)):
        distance = _squared_distances(points, rows)
        distance[groups[rows][:, None] == groups] = np.inf
        count = min(neighbours, len(points) - 1)
        nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
        far = np.take_along_axis(distance, nearest, 1)
        usable = np.isfinite(far)
        ballots = np.zeros((len(nearest), len(classes)))
        reach = far.max(axis=1, where=usable, initial=1e-300)[:, None]
        weight = np.where(usable, 1.0 - 1e-3 * np.where(usable, far, 0.0) / reach / count, 0.0)
        np.add.at(ballots, (np.arange(len(nearest))[:, None], index[nearest]), weight)
        right += int((ballots.argmax(axis=1) == index[rows]).sum())
    return right / len(points)


def nearest_of_other_groups(
    embedding: np.ndarray, groups: np.ndarray, *, typical: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return per image the distance to the nearest of another group, which one that is, and the distance to the
    `typical`-th nearest; each `(N,)`.

    Distances are of standardised features; infinite where there are too few others or the embedding is not usable.
    """
    points = standardised(embedding)
    distance, nearest = np.full(len(points), np.inf), np.zeros(len(points), dtype=np.int64)
    usual = distance.copy()
    if _blank(points) or len(points) <= typical:
        return distance, nearest, usual
    for rows in _blocks(len(points)):
        squared = _squared_distances(points, rows)
        squared[groups[rows][:, None] == groups] = np.inf
        nearest[rows] = squared.argmin(axis=1)
        distance[rows] = np.sqrt(squared.min(axis=1))
        usual[rows] = np.sqrt(np.partition(squared, typical - 1, axis=1)[:, typical - 1])
    return distance, nearest, usual


def _blank(points: np.ndarray) -> bool:
    return not (np.isfinite(points).all() and points.any())


def _blocks(count: int) -> list[slice]:
    size = max(1, BLOCK_BYTES // (8 * max(count, 1)))
    return [slice(begin, min(begin + size, count)) for begin in range(0, count, size)]


def _squared_distances(points: np.ndarray, rows: slice) -> np.ndarray:
    """Return squared distances of some points to all, 0 to themselves."""
    norms = np.einsum("nd,nd->n", points, points)
    squared = norms[rows, None] + norms - 2.0 * (points[rows] @ points.T)
    np.maximum(squared, 0.0, out=squared)
    squared[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = 0.0
    return np.asarray(squared)
