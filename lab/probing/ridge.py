"""Ridge regression of many targets on one embedding: fitted on a training part, told of a test part.

Features are standardised on the training part, and the test part is cut to its range (a feature that is zero on nearly
every training image would else be blown up beyond all measure); the strength of the penalty is chosen for each target
by leave-one-out error inside the training part.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lab.probing.pca import principal_axes, standardise

PENALTIES = np.logspace(-4, 4, 17)  # of the mean variance of a principal axis


class RidgeFit(NamedTuple):
    """Predictions `(m, T)` of the test part, the training means `(T,)` that they compete with, and what each training
    row would be predicted as, were it left out, `(n, T)`."""

    predictions: np.ndarray
    means: np.ndarray
    left_out: np.ndarray


def ridge_fit(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> RidgeFit:
    """Fit targets `(n, T)` to `train` `(n, D)`, and predict those of `test` `(m, D)`."""
    known, unknown = standardise(train, test)
    unknown = np.clip(unknown, known.min(axis=0), known.max(axis=0))
    train_axes, test_axes = principal_axes(known, unknown)
    mean = targets.mean(axis=0)
    coefficients, left_out = _coefficients(train_axes, targets - mean)
    return RidgeFit(mean + test_axes @ coefficients, mean, mean + left_out)


def _coefficients(axes: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ridge coefficients `(P, T)` of centred targets in principal axes `(n, P)`, each target its own penalty,
    and what each row would be predicted as, were it left out, `(n, T)`."""
    variance = np.einsum("np,np->p", axes, axes)
    left_out = np.zeros_like(targets)
    if not len(variance):
        return np.zeros((0, targets.shape[1])), left_out
    products, squares = axes.T @ targets, axes**2
    best = np.full(targets.shape[1], np.inf)
    coefficients = np.zeros_like(products)
    for penalty in PENALTIES * variance.mean():
        shrunk = 1 / (variance + penalty)
        found = shrunk[:, None] * products
        leverage = 1 / len(axes) + squares @ shrunk
        # A training image left out would be missed by its residual over one minus its leverage (Allen's PRESS, 1974).
        missed = (targets - axes @ found) / np.maximum(1 - leverage, 1e-9)[:, None]
        error = (missed**2).sum(axis=0)
        better = error < best
        best[better] = error[better]
        coefficients[:, better] = found[:, better]
        left_out[:, better] = (targets - missed)[:, better]
    return coefficients, left_out
