"""The direction of a batch of descents: limited-memory quasi-Newton (L-BFGS), one history per problem.

Nocedal & Wright, Numerical Optimization 2006, algorithm 7.4. All arrays begin with the axes `g` (designs) and `b`
(problems on a design), see `lab.probing.logistic`; problems that are done are taken out of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

HISTORY = 4  # pairs of steps and gradient changes kept; 3 to 6 cost the same within noise, 8 more
LEAST_PRODUCT = {np.float64: 1e-280, np.float32: 1e-36}  # of a step and a change: below, its inverse overflows
COMPACT_AT = 0.9  # finished problems leave the batch when the share still active falls below this


@dataclass
class History:
    """The last steps and gradient changes `(m, g, b, k, p)`, which stand for the curvature (two-loop recursion)."""

    steps: np.ndarray
    changes: np.ndarray
    inverse: np.ndarray  # (m, g, b): 1 / <step, change>, 0 for a pair that is not used
    added: int = 0

    @classmethod
    def empty(cls, coefficients: np.ndarray) -> History:
        """Return no pairs yet, for problems with coefficients `(g, b, k, p)` of their precision."""
        shape, kind = (HISTORY, *coefficients.shape), coefficients.dtype
        return cls(np.zeros(shape, kind), np.zeros(shape, kind), np.zeros(shape[:3], kind))

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        slot = self.added % HISTORY
        product = dot(step, change)
        usable = product > LEAST_PRODUCT[product.dtype.type]
        self.steps[slot], self.changes[slot] = step, change
        self.inverse[slot] = np.where(usable, 1.0 / np.where(usable, product, 1.0), 0.0)
        self.added += 1

    def direction(self, gradient: np.ndarray, precondition: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return a descent direction per problem; the preconditioned gradient where curvature pairs mislead."""
        q = gradient.copy()
        recent = [i % HISTORY for i in range(self.added - 1, max(self.added - HISTORY, 0) - 1, -1)]
        weights = {}
        for i in recent:
            weights[i] = self.inverse[i] * dot(self.steps[i], q)
            q -= weights[i][..., None, None] * self.changes[i]
        q = precondition(q)
        for i in reversed(recent):
            correction = weights[i] - self.inverse[i] * dot(self.changes[i], q)
            q += correction[..., None, None] * self.steps[i]
        uphill = dot(gradient, q) <= 0
        if uphill.any():
            q[uphill] = precondition(gradient)[uphill]
        return np.negative(q, out=q)

    def take(self, keep: np.ndarray) -> History:
        rows = rows_of(keep)
        return History(self.steps[:, rows, keep], self.changes[:, rows, keep], self.inverse[:, rows, keep], self.added)


def compaction(active: np.ndarray) -> np.ndarray | None:
    """Return the problems to keep `(g, b')`, or None while nearly all are active."""
    count = int(active.sum(axis=1).max())
    if count > COMPACT_AT * active.shape[1]:
        return None
    return np.sort(np.argsort(~active, axis=1, kind="stable")[:, :count], axis=1)


def rows_of(keep: np.ndarray) -> np.ndarray:
    return np.arange(len(keep))[:, None]


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the inner product per problem, `(g, b)`."""
    shape = (*a.shape[:2], -1)
    return np.asarray(np.vecdot(a.reshape(shape), b.reshape(shape)))
