"""t-SNE of few points, exactly: every pair counts (van der Maaten & Hinton 2008).

For some hundred points the n² pairs of an iteration are three matrix products and a few passes over an array that fits
into a core's cache, which is quicker than any tree. Step sizes, momentum and gains are scikit-learn's.
"""

from __future__ import annotations

import numpy as np

EXPLORED = 250  # iterations with exaggeration and little momentum
BISECTIONS, ENTROPY_TOLERANCE = 100, 1e-5  # as scikit-learn's
BLOCK = 96_000  # pairs at once, so that they stay in a core's cache
ROUNDED = 1e4  # squared distance from the middle from which rounding may bring 1 + a distance below 1 to be felt
MOMENTUM = (0.5, 0.8)  # while exploring, and afterwards
LEAST_GAIN, LEAST_RATE = 0.01, 50.0


def exact_tsne(
    axes: np.ndarray, start: np.ndarray, *, perplexity: float, exaggeration: float, iterations: int
) -> tuple[np.ndarray, float]:
    """Return the map `(N, 2)` of points `(N, D)`, begun at `start` `(N, 2)`, and its Kullback-Leibler divergence."""
    count = len(axes)
    joint = joint_probabilities(axes, perplexity).astype(np.float32)
    pairs = _Pairs(joint * np.float32(exaggeration))
    points = start.astype(np.float32)
    update, gains = np.zeros_like(points), np.ones_like(points)
    rate = np.float32(max(count / exaggeration / 4, LEAST_RATE))
    for iteration in range(iterations):
        if iteration == EXPLORED:  # anew, as scikit-learn: steps that exaggeration allowed are too long from here on
            pairs.wanted = joint
            update, gains = np.zeros_like(points), np.ones_like(points)
        gradient = pairs.gradient(points)
        turned = update * gradient < 0
        gains = np.where(turned, gains + 0.2, gains * 0.8).clip(LEAST_GAIN).astype(np.float32)
        update = np.float32(MOMENTUM[iteration >= EXPLORED]) * update - rate * gains * gradient
        points += update
    return points.astype(np.float64), divergence(joint, points)


def joint_probabilities(axes: np.ndarray, perplexity: float) -> np.ndarray:
    """Return how near each pair is, `(N, N)` with sum 1: Gaussians about each point, as wide as `perplexity` says."""
    squares = _squared_distances(axes.astype(np.float64))
    count = len(squares)
    np.fill_diagonal(squares, np.inf)
    squares -= squares.min(axis=1, keepdims=True)
    np.fill_diagonal(squares, 0.0)
    others = 1.0 - np.eye(count)
    low, high, beta = np.zeros(count), np.full(count, np.inf), np.ones(count)
    for _ in range(BISECTIONS):
        near = np.exp(-squares * beta[:, None]) * others
        total = near.sum(axis=1)
        entropy = np.log(total) + beta * (squares * near).sum(axis=1) / total
        away = entropy - np.log(perplexity)
        if np.abs(away).max() < ENTROPY_TOLERANCE:
            break
        wide = away > 0
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    near /= total[:, None]
    both = near + near.T
    return np.asarray(np.maximum(both / both.sum(), np.finfo(np.float64).eps * others))


def divergence(joint: np.ndarray, points: np.ndarray) -> float:
    """Return the Kullback-Leibler divergence of a map `(N, 2)` from the `joint` probabilities of its pairs."""
    likeness = 1.0 / (1.0 + _squared_distances(points.astype(np.float64)))
    np.fill_diagonal(likeness, 0.0)
    there = joint > 0
    wanted, found = joint[there].astype(np.float64), (likeness / likeness.sum())[there]
    return float((wanted * np.log(wanted / np.maximum(found, np.finfo(np.float64).tiny))).sum())


class _Pairs:
    """The gradient of the divergence, some rows of pairs at a time.

    `wanted` `(N, N)` is symmetric, so each pair is computed once: of its rows what lies right of the diagonal, which
    counts for the columns' points as well.
    """

    def __init__(self, wanted: np.ndarray) -> None:
        self.wanted = wanted
        self.rows = max(1, min(BLOCK // len(wanted), len(wanted)))
        size = self.rows * len(wanted)
        self.likeness, self.pull = np.empty(size, wanted.dtype), np.empty(size, wanted.dtype)
        self.ones = np.ones(size, wanted.dtype)  # a product with them is a sum, quicker

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the gradient `(N, 2)` at `points` `(N, 2)`."""
        points = points - points.mean(axis=0)  # distances by products lose least about the middle
        lengths = np.vecdot(points, points)[:, None]
        one = np.ones_like(lengths)
        # 1 + |a|² + |b|² - 2 a·b of all pairs, as one product.
        left, right = np.hstack([-2 * points, lengths, one]), np.hstack([points, one, lengths + 1]).T.copy()
        places = np.hstack([points, one, one])  # four columns are multiplied quicker than three
        near, apart = np.zeros_like(places), np.zeros_like(places)
        total, far = 0.0, lengths.max() > ROUNDED
        for begin in range(0, len(points), self.rows):
            own, later = slice(begin, begin + self.rows), slice(begin + self.rows, None)
            count = len(points[own])
            shape = count, len(points) - begin
            flat, ones = self.likeness[: shape[0] * shape[1]], self.ones[: shape[0] * shape[1]]
            likeness, pull = flat.reshape(shape), self.pull[: len(flat)].reshape(shape)
            np.matmul(left[own], right[:, begin:], out=likeness)
            if far:
                np.maximum(likeness, 1.0, out=likeness)
            np.reciprocal(likeness, out=likeness)
            likeness[np.arange(count), np.arange(count)] = 0.0
            total += 2 * float(flat @ ones) - float(likeness[:, :count].sum())
            np.multiply(likeness, self.wanted[own, begin:], out=pull)
            likeness *= likeness
            for found, weights in ((near, pull), (apart, likeness)):
                found[own] += weights @ places[begin:]
                found[later] += weights[:, count:].T @ places[own]
        pulled = near - apart / near.dtype.type(total)
        return np.asarray(4 * (pulled[:, 2:3] * points - pulled[:, :2]))


def _squared_distances(points: np.ndarray) -> np.ndarray:
    centred = points - points.mean(axis=0)
    lengths = np.vecdot(centred, centred)
    found = lengths[:, None] + lengths - 2 * (centred @ centred.T)
    return np.asarray(np.maximum(found, 0.0))
