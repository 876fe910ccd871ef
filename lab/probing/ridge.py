"""Ridge regression of many targets on one embedding: fitted on a training part, told of a test part.

Features are standardised on the training part, and the test part is cut to its range (a feature that is zero on nearly
every training image would else be blown up beyond all measure); the strength of the penalty is chosen for each target
by leave-one-out error inside the training part.
"""

from __future__ import annotations

import numpy as np

from lab.probing.pca import principal_axes, standardise

PENALTIES = np.logspace(-4, 4, 17)  # of the mean variance of a principal axis


def ridge_predictions(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions `(m, T)` for `test` `(m, D)` and the training means `(T,)` that they compete with.

    `train` is `(n, D)`, `targets` `(n, T)`.
    """
    known, unknown = standardise(train, test)
    unknown = np.clip(unknown, known.min(axis=0), known.max(axis=0))
    train_axes, test_axes = principal_axes(known, unknown)
    mean = targets.mean(axis=0)
    return mean + test_axes @ _coefficients(train_axes, targets - mean), mean


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
