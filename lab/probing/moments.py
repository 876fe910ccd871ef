"""What a ridge probe needs of vectors, as sums that are added up chunk by chunk and never need the vectors again.

    Moments.of(rows, labels, classes, shift)   sums of rows
    one.take_in(rows, labels), one += other    of more rows: every fold's training part out of one pass
    ridge_path(train)                          the probe of the best penalty from one eigendecomposition

Sums are of `row - shift`, in double precision: with a shift near the mean nothing is lost to cancellation. Features are
standardised and targets -1 and 1, as in `lab.probing.ridge_classifier`;
the penalty is that of the least generalised cross-validation error (Golub, Heath and Wahba 1979), for which sums do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.probing.ridge_classifier import ALPHAS

AT_ONCE = 256  # features whose products with all others are added up at once


@dataclass(eq=False)
class Moments:
    """Sums over rows `x - shift`, `(D,)`: how many, of them, `(D,)`, of their products, `(D, D)`, and by class.

    Labels come in several sets (true ones, shuffled ones): `class_counts` `(S, K)`, `class_sums` `(S, K, D)`.
    """

    shift: np.ndarray
    count: float
    sums: np.ndarray
    products: np.ndarray
    class_counts: np.ndarray
    class_sums: np.ndarray

    @classmethod
    def none(cls, shift: np.ndarray, classes: int, sets: int, products: np.ndarray | None = None) -> Moments:
        """Return the sums of no rows; `products` is where those of products will be, zeros, such as a file."""
        width = len(shift)
        there = np.zeros((width, width)) if products is None else products
        return cls(shift, 0.0, np.zeros(width), there, np.zeros((sets, classes)), np.zeros((sets, classes, width)))

    @classmethod
    def of(cls, rows: np.ndarray, labels: np.ndarray, classes: int, shift: np.ndarray) -> Moments:
        """Return the sums of `rows` `(n, D)` with `labels` `(S, n)`."""
        found = cls.none(shift, classes, len(labels))
        found.take_in(rows, labels)
        return found

    def take_in(self, rows: np.ndarray, labels: np.ndarray) -> None:
        """Add the sums of `rows` `(n, D)` with `labels` `(S, n)`."""
        values = rows.astype(np.float64) - self.shift
        member = (labels[:, None, :] == np.arange(self.class_counts.shape[1])[:, None]).astype(np.float64)
        self.count += len(rows)
        self.sums += values.sum(axis=0)
        for first in range(0, len(self.shift), AT_ONCE):  # no second array as large as all products
            self.products[first : first + AT_ONCE] += values[:, first : first + AT_ONCE].T @ values
        self.class_counts += member.sum(axis=2)
        self.class_sums += member @ values

    def __iadd__(self, other: Moments) -> Moments:
        if not np.array_equal(self.shift, other.shift):
            raise LabError("sums about different shifts cannot be added; use one shift for all chunks of a layer")
        self.count += other.count
        self.sums += other.sums
        self.products += other.products
        self.class_counts += other.class_counts
        self.class_sums += other.class_sums
        return self


@dataclass(frozen=True, eq=False)
class RidgePath:
    """The ridge probe of one set of labels at the best of `penalties` `(L,)`, that with the least of `errors` `(L,)`.

    `weights` `(D, K)` are of features standardised by `mean` and `scale` `(D,)` (0 for a constant one); `offsets`
    `(K,)` are added.
    """

    penalties: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    errors: np.ndarray

    @property
    def penalty(self) -> float:
        """The penalty with the least error."""
        return float(self.penalties[self.errors.argmin()])

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return the decision values `(n, K)` for `rows` `(n, D)`."""
        return np.asarray((rows.astype(np.float64) - self.mean) * self.scale @ self.weights + self.offsets)


def ridge_path(train: Moments, penalties: np.ndarray = ALPHAS) -> list[RidgePath]:
    """Return the ridge probes of every set of labels, `S` of them; penalties are scikit-learn's `alpha`."""
    count = train.count
    centre = train.sums / count
    variance = np.diag(train.products) / count - centre**2
    epsilon = count * np.finfo(np.float64).eps  # as `standardise` has it: variance within rounding of 0
    constant = variance <= epsilon * variance + (epsilon * (centre + train.shift)) ** 2
    scale = np.where(constant, 0.0, 1 / np.sqrt(np.where(constant, 1.0, variance)))
    correlation = train.products / count
    correlation -= np.outer(centre, centre)
    correlation *= np.outer(scale, scale)
    values, axes = np.linalg.eigh(correlation)
    values = np.maximum(values, 0.0)
    shrunk = 1 / (values + penalties[:, None] / count)  # (L, D)
    freedom = np.minimum(((values * shrunk).sum(axis=1) + 1) / count, 1 - 1e-6)
    found = []
    for counts, sums in zip(train.class_counts, train.class_sums, strict=True):
        offsets = 2 * counts / count - 1
        # Of targets 2·[class] - 1 less their mean; what a class sums to about the mean of all.
        crossed = axes.T @ ((2 * (sums - counts[:, None] * centre) / count) * scale).T  # (D, K)
        explained = (2 * shrunk - values * shrunk**2) @ crossed**2  # (L, K)
        errors = (1 - offsets**2 - explained).sum(axis=1) / (1 - freedom) ** 2
        weights = axes @ (shrunk[errors.argmin()][:, None] * crossed)
        found.append(RidgePath(penalties, weights, offsets, centre + train.shift, scale, errors))
    return found
