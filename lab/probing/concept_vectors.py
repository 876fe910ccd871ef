"""Is a concept, given by examples, known at a layer? Its vector is held against those of random concepts.

A concept vector is the mean of the concept's images less that of others (FastCAV: Schmalwasser et al.,
arXiv 2505.17883). A random concept is as many images drawn from both together, so if the examples have nothing in
common its vector is one of many alike and p is exact (a permutation test, whatever the layer's dimensions). All
random concepts come out of one Gram matrix of the images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.probing.pca import standardise
from lab.probing.splits import grouped_folds

FOLDS = 5
DRAWS_BYTES = 64_000_000  # memory for the weights of random concepts at once


@dataclass(frozen=True)
class ConceptReading:
    """What one layer knows of one concept, and what it would seem to know of random ones.

    `accuracy` is balanced, of the nearer of the two means out of fold; `along` `(K,)` what a step along the concept
    vector changes in K given directions. `luck` `(B,)` and `luck_along` `(B, K)` are those of B random concepts.
    """

    accuracy: float
    luck: np.ndarray
    along: np.ndarray
    luck_along: np.ndarray

    @property
    def p(self) -> float:
        """How often a random concept is told apart as well or better."""
        return float(share_at_least(self.luck, self.accuracy))

    @property
    def p_along(self) -> np.ndarray:
        """How often a random concept changes each direction as much or more, either way, `(K,)`."""
        return share_at_least(np.abs(self.luck_along), np.abs(self.along))


def share_at_least(draws: np.ndarray, value: float | np.ndarray) -> np.ndarray:
    """Return the share of `draws` `(B, ...)` that reach `value`, the value itself being one of them, so never 0."""
    return np.asarray((1 + (draws >= np.asarray(value) - 1e-12).sum(axis=0)) / (len(draws) + 1))


def read_concept(
    vectors: np.ndarray, member: np.ndarray, directions: np.ndarray, *, draws: int, seed: int = 0
) -> ConceptReading:
    """Read one concept off one layer: `vectors` `(N, D)`, `member` `(N,)` True for its images.

    `directions` `(K, D)` are weights of the raw vectors, such as those of class probes. Every image counts as one of
    its own, so copies must be left out before.
    """
    count, found = len(vectors), member.astype(np.int64)
    folds = grouped_folds(found, np.arange(count), FOLDS, seed=(seed, 0xFA57))
    standard = standardise(vectors, vectors[:1])[0]
    gram = standard @ standard.T
    projected = vectors.astype(np.float64) @ directions.T
    rng = np.random.default_rng((seed, 0xCA7))
    orders = np.stack([np.arange(count), *(rng.permutation(count) for _ in range(draws))])
    size = max(1, DRAWS_BYTES // (8 * FOLDS * count * 3))
    parts = [_of_orders(gram, projected, found, folds, orders[i : i + size]) for i in range(0, len(orders), size)]
    accuracy, along = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ConceptReading(float(accuracy[0]), accuracy[1:], along[0], along[1:])


def _of_orders(
    gram: np.ndarray, projected: np.ndarray, member: np.ndarray, folds: np.ndarray, orders: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return accuracies `(B,)` and changes `(B, K)` when the image at each place is that of `orders` `(B, N)`.

    A mean is a weighing of images, and so is a vector between two means: products with it need the Gram matrix only.
    """
    trained = folds != np.arange(folds.max() + 1)[:, None]  # (F, N)
    inside, outside = (trained & (member == label) for label in (1, 0))
    means = [part / np.maximum(part.sum(axis=1, keepdims=True), 1) for part in (inside, outside)]
    rows = np.arange(len(orders))[:, None, None], np.arange(len(trained))[None, :, None], orders[:, None, :]
    own, other = np.zeros((2, len(orders), *trained.shape))
    own[rows], other[rows] = means[0], means[1]
    toward = (own - other) @ gram  # (B, F, N): every image along each fold's vector
    middle = np.vecdot(toward, (own + other) / 2)  # where the two means are equally near
    places = np.arange(len(orders))[:, None], folds, orders
    said = toward[places] > middle[places[:2]]
    right = said == (member == 1)
    accuracy = (right[:, member == 1].mean(axis=1) + right[:, member == 0].mean(axis=1)) / 2
    whole = np.where(member == 1, 1 / member.sum(), -1 / (1 - member).sum())
    return accuracy, np.einsum("n,bnk->bk", whole, projected[orders])
