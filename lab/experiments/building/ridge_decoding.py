"""What can be read linearly off an embedding: ridge regression, out of fold, for many targets at once.

Per fold: features are standardised on the training part, and the test part is cut to its range (a feature that is zero
on nearly every training image would else be blown up beyond all measure); the strength of the penalty is chosen for
each target by leave-one-out error inside the training part, and the test part is predicted. R² is the share of the
targets' variance about the training mean that the predictions explain; 0 is as good as the mean, negative worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.probing.pca import principal_axes, standardise
from lab.stats.intervals import Bootstrap, Interval

PENALTIES = np.logspace(-4, 4, 17)  # of the mean variance of a principal axis


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
    """Return what a linear readout of `embedding` `(N, D)` says of `targets` `(N, T)`.

    `folds` `(N,)` says who is tested together; `learn`, bool `(N,)`, from which images it may learn at all.
    """
    targets = np.asarray(targets, dtype=np.float64)
    predictions, means = np.empty_like(targets), np.empty_like(targets)
    for fold in np.unique(folds):
        test = folds == fold
        known = ~test if learn is None else ~test & learn
        train, tested = standardise(embedding[known], embedding[test])
        tested = np.clip(tested, train.min(axis=0), train.max(axis=0))
        train_axes, test_axes = principal_axes(train, tested)
        mean = targets[known].mean(axis=0)
        means[test] = mean
        predictions[test] = mean + test_axes @ _coefficients(train_axes, targets[known] - mean)
    return Readout(targets, predictions, means)


def _coefficients(axes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return ridge coefficients `(P, T)` of centred targets in principal axes `(n, P)`, each target its own penalty."""
    variance = np.einsum("np,np->p", axes, axes)
    if not len(variance):
        return np.zeros((0, targets.shape[1]))
    products, squares = axes.T @ targets, axes**2
    best = np.full(targets.shape[1], np.inf)
    coefficients = np.zeros_like(products)
    for penalty in PENALTIES * variance.mean():
        shrunk = 1 / (variance + penalty)
        found = shrunk[:, None] * products
        leverage = 1 / len(axes) + squares @ shrunk
        # A training image left out would be missed by its residual over one minus its leverage (Allen's PRESS, 1974).
        error = (((targets - axes @ found) / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).sum(axis=0)
        better = error < best
        best[better] = error[better]
        coefficients[:, better] = found[:, better]
    return coefficients
