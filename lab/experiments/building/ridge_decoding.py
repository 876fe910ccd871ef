"""What can be read linearly off an embedding: ridge regression, out of fold, for many targets at once.

Per fold a ridge regression is fitted (`lab.probing.ridge`) and the test part is predicted. R² is the share of the
targets' variance about the training mean that the predictions explain; 0 is as good as the mean, negative worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.probing.ridge import ridge_fit
from lab.stats.intervals import Bootstrap, Interval


@dataclass(frozen=True)
class Readout:
    """Out-of-fold predictions and the training means they compete with, `(N, T)` each."""

    targets: np.ndarray
    predictions: np.ndarray
    means: np.ndarray

    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the squared errors of the predictions and of the means, `(N, T)` each."""
        return (self.targets - self.predictions) ** 2, (self.targets - self.means) ** 2

    def r2(self, columns: slice | np.ndarray = slice(None)) -> float:
        """Return R² over the targets in `columns`, pooled."""
        left, whole = (part[:, columns].sum() for part in self.errors())
        return float(1 - left / whole) if whole > 0 else float("nan")

    def interval(self, boot: Bootstrap, columns: slice | np.ndarray = slice(None)) -> Interval:
        """Return R² with its 95 % percentile interval over resampled images."""
        left, whole = (boot.weights @ part[:, columns].sum(axis=1) for part in self.errors())
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = 1 - left / whole
        if not np.isfinite(draws).all():
            return Interval(self.r2(columns), float("nan"), float("nan"))
        low, high = np.percentile(draws, (2.5, 97.5))
        return Interval(self.r2(columns), float(low), float(high))


def read_out(
    embedding: np.ndarray, targets: np.ndarray, folds: np.ndarray, *, learn: np.ndarray | None = None
) -> Readout:
    """Return what a linear probe of `embedding` `(N, D)` says of `targets` `(N, T)`.

    `folds` `(N,)` says who is tested together; `learn`, bool `(N,)`, from which images it may learn at all.
    """
    targets = np.asarray(targets, dtype=np.float64)
    predictions, means = np.empty_like(targets), np.empty_like(targets)
    for fold in np.unique(folds):
        test = folds == fold
        known = ~test if learn is None else ~test & learn
        predictions[test], means[test], _ = ridge_fit(embedding[known], targets[known], embedding[test])
    return Readout(targets, predictions, means)
