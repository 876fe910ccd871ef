"""On which images only one of two networks is right, beside what accuracy and folds bring about by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np


@dataclass(frozen=True)
class Disagreement:
    """Numbers of images, of N.

    steady_a, steady_b: the first is right in every repeat and the second wrong in every repeat, and the reverse.
    by_accuracy: on so many only one would be right if networks of these accuracies erred on unrelated images.
    by_folds: on so many a network is right in one repeat and wrong in another, for a pair of repeats, the mean of both
    networks; nan for a single repeat. What two networks differ by in one repeat means little below that.
    """

    steady_a: int
    steady_b: int
    by_accuracy: float
    by_folds: float


def disagreement(one: np.ndarray, other: np.ndarray) -> Disagreement:
    """Return how two networks differ on the same images, from who is right in each repeat, `(R, N)`."""
    a, b = np.asarray(one) > 0.5, np.asarray(other) > 0.5
    right_a, right_b = float(a.mean()), float(b.mean())
    pairs = list(combinations(range(len(a)), 2))
    folds = [float((right[r] != right[s]).sum()) for right in (a, b) for r, s in pairs]
    return Disagreement(
        int((a.all(axis=0) & ~b.any(axis=0)).sum()),
        int((b.all(axis=0) & ~a.any(axis=0)).sum()),
        a.shape[1] * (right_a * (1 - right_b) + right_b * (1 - right_a)),
        float(np.mean(folds)) if folds else float("nan"),
    )
