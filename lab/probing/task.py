"""What a probe is asked: arguments that belong together, and the arrays that the answer is written into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.errors import LabError

LOGISTIC, RIDGE = "logistic", "ridge"  # kinds of linear probes that are offered for a whole run
INNER_FOLDS = 3  # of a training part, on which C is chosen
LARGE = 100_000  # images x the lesser of images and dimensions, from which on it is `lab.probing.large`'s business
MANY_CLASSES = 20  # from so many on it is in any case
FOLD_BYTES = 12_000_000  # folds are solved together while they are small: a call into numpy costs more than its work


@dataclass(frozen=True)
class ProbeFit:
    """Out-of-fold class probabilities `(R, N, K)` and the C chosen in each repeat and fold `(R, F)`."""

    probabilities: np.ndarray
    regularisation: np.ndarray


@dataclass(frozen=True)
class ProbeTask:
    """Checked arguments of `fit_probes`; `labels` is `(S, R, N)`, `grid` the values of C ascending."""

    embedding: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    groups: np.ndarray
    dimensions: tuple[int | None, ...]
    grid: np.ndarray
    seed: int
    classes: int
    kind: str = LOGISTIC

    @classmethod
    def checked(
        cls,
        embedding: np.ndarray,
        label_sets: np.ndarray,
        splits: np.ndarray,
        groups: np.ndarray,
        dimensions: Sequence[int | None],
        regularisation: Sequence[float],
        seed: int,
        kind: str = LOGISTIC,
    ) -> ProbeTask:
        """Return the task; raises LabError for shapes that do not belong together and values that are not finite."""
        labels = np.asarray(label_sets, dtype=np.int64)
        if labels.ndim == 2:
            labels = np.repeat(labels[:, None], len(splits), axis=1)
        count = len(embedding)
        if (
            embedding.ndim != 2
            or labels.ndim != 3
            or labels.shape[1:] != splits.shape
            or splits.shape[1] != count
            or len(groups) != count
        ):
            raise LabError(
                f"Embedding {embedding.shape}, label sets {np.shape(label_sets)}, splits {splits.shape} and groups "
                f"{np.shape(groups)} do not belong together; expected (N, D), (S, N), (R, N) and (N,)"
            )
        if not np.isfinite(embedding).all():
            raise LabError(
                "The embedding holds values that are not finite (nan or infinity): this layer overflows on these "
                "images; leave the layer out or check the weights"
            )
        if not embedding.shape[1]:  # components of constant features, which say nothing
            embedding = np.zeros((count, 1), dtype=embedding.dtype)
        grid = np.sort(np.asarray(regularisation, dtype=np.float64))
        if not len(grid) or grid[0] <= 0 or any(k is not None and k < 1 for k in dimensions):
            raise LabError("values of C must be above 0 and dimensions at least 1 (or None for all)")
        if kind not in (LOGISTIC, RIDGE) or (kind == RIDGE and tuple(dimensions) != (None,)):
            raise LabError(f"a probe is logistic, or ridge of all dimensions, not {kind} of {tuple(dimensions)}")
        classes = max(int(labels.max()) + 1, 2)
        return cls(embedding, labels, splits, np.asarray(groups), tuple(dimensions), grid, seed, classes, kind)

    def folds(self) -> list[tuple[int, int]]:
        """Return every repeat and fold."""
        return [(r, f) for r in range(len(self.splits)) for f in range(int(self.splits.max()) + 1)]

    @property
    def fits(self) -> int:
        """Return how many fits a fold is at most: of each label set one for each C and inner fold, and the refit; in
        closed form one."""
        return len(self.labels) * (1 if self.kind == RIDGE else len(self.grid) * INNER_FOLDS + 1)

    @property
    def large(self) -> bool:
        """Whether matrix products take the time (`lab.probing.large`); there all dimensions are asked for."""
        count, features = self.embedding.shape
        big = self.classes >= MANY_CLASSES or count * min(count, features) >= LARGE
        return big and self.dimensions == (None,)

    def folds_at_once(self) -> int:
        """Return how many folds are solved together."""
        count, features = self.embedding.shape
        return int(np.clip(FOLD_BYTES // (8 * count * min(count, features)), 1, 8))

    def empty_answer(self) -> dict[tuple[int | None, int], ProbeFit]:
        """Return a fit per dimension choice and label set, all nan yet."""
        repeats, count = self.splits.shape
        folds = int(self.splits.max()) + 1
        return {
            (dimension, s): ProbeFit(np.full((repeats, count, self.classes), np.nan), np.full((repeats, folds), np.nan))
            for dimension in self.dimensions
            for s in range(len(self.labels))
        }
