"""What a ridge probe needs of vectors, as sums that are added up chunk by chunk and never need the vectors again.

    Moments.of(rows, labels, classes, shift)   sums of a chunk
    one + other, all - fold                    of both, of the rest: every fold's training part out of one pass
    ridge_path(train)                          the probe of every penalty from one eigendecomposition

Sums are of `row - shift`, in double precision: with a shift near the mean nothing is lost to cancellation. Features are
standardised and targets -1 and 1, as in `lab.probing.ridge_classifier`;
the penalty is that of the least generalised cross-validation error (Golub, Heath and Wahba 1979), for which sums do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.probing.ridge_classifier import ALPHAS


@dataclass(frozen=True, eq=False)
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
    def of(cls, rows: np.ndarray, labels: np.ndarray, classes: int, shift: np.ndarray) -> Moments:
        """Return the sums of `rows` `(n, D)` with `labels` `(S, n)`."""
        values = rows.astype(np.float64) - shift
        member = (labels[:, None, :] == np.arange(classes)[:, None]).astype(np.float64)
        return cls(
            shift, float(len(rows)), values.sum(axis=0), values.T @ values, member.sum(axis=2), member @ values
        )  # fmt: skip

    def __add__(self, other: Moments) -> Moments:
        return self._with(other, 1.0)

    def __sub__(self, other: Moments) -> Moments:
        return self._with(other, -1.0)

    def _with(self, other: Moments, sign: float) -> Moments:
        if not np.array_equal(self.shift, other.shift):
            raise LabError("sums about different shifts cannot be added; use one shift for all chunks of a layer")
        return Moments(
            self.shift, self.count + sign * other.count, self.sums + sign * other.sums,
            self.products + sign * other.products, self.class_counts + sign * other.class_counts,
            self.class_sums + sign * other.class_sums,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class RidgePath:
    """Ridge probes of one set of labels, by penalty: `weights` `(L, D, K)` of standardised features, `errors` `(L,)`.

    Features are standardised by `mean` and `scale` `(D,)` (0 for a constant one); `offsets` `(K,)` are added.
    """

    penalties: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    errors: np.ndarray

    @property
    def chosen(self) -> int:
        """Which penalty has the least error."""
        return int(self.errors.argmin())

    def scores(self, rows: np.ndarray, penalty: int | None = None) -> np.ndarray:
        """Return the decision values `(n, K)` for `rows` `(n, D)`, by default of the chosen penalty."""
        weights = self.weights[self.chosen if penalty is None else penalty]
        return np.asarray((rows.astype(np.float64) - self.mean) * self.scale @ weights + self.offsets)


def ridge_path(train: Moments, penalties: np.ndarray = ALPHAS) -> list[RidgePath]:
    """Return the ridge probes of every set of labels, `S` of them; penalties are scikit-learn's `alpha`."""
    count = train.count
    centre = train.sums / count
    variance = np.diag(train.products) / count - centre**2
    epsilon = count * np.finfo(np.float64).eps  # as `standardise` has it: variance within rounding of 0
    constant = variance <= epsilon * variance + (epsilon * (centre + train.shift)) ** 2
    scale = np.where(constant, 0.0, 1 / np.sqrt(np.where(constant, 1.0, variance)))
    correlation = (train.products / count - np.outer(centre, centre)) * np.outer(scale, scale)
    values, axes = np.linalg.eigh(correlation)
    values = np.maximum(values, 0.0)
    shrunk = 1 / (values + penalties[:, None] / count)  # (L, D)
    freedom = np.minimum(((values * shrunk).sum(axis=1) + 1) / count, 1 - 1e-6)
    found = []
    for counts, sums in zip(train.class_counts, train.class_sums, strict=True):
        offsets = 2 * counts / count - 1
        # Of targets 2·[class] - 1 less their mean; what a class sums to about the mean of all.
        crossed = axes.T @ ((2 * (sums - counts[:, None] * centre) / count) * scale).T  # (D, K)
        weights = np.einsum("de,le,ek->ldk", axes, shrunk, crossed, optimize=True)
        explained = (2 * shrunk - values * shrunk**2) @ crossed**2  # (L, K)
        errors = (1 - offsets**2 - explained).sum(axis=1) / (1 - freedom) ** 2
        found.append(RidgePath(penalties, weights, offsets, centre + train.shift, scale, errors))
    return found
