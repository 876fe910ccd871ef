"""Ridge regression of many targets on one embedding: fitted on a training part, told of a test part.

Features are standardised on the training part, and the test part is cut to its range (a feature that is zero on nearly
every training image would else be blown up beyond all measure); the strength of the penalty is chosen for each target
by leave-one-out error inside the training part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from lab.probing.pca import principal_axes, standardise

PENALTIES = np.logspace(-4, 4, 17)  # of the mean variance of a principal axis
MOST_LEFT_OUT = 256  # rows: a block of the hat matrix costs their square
LEAST_FREE = 1e-9  # of a row's freedom that its leverage leaves, so that what is certain does not divide by zero


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
    best = np.full(targets.shape[1], np.inf)
    coefficients, left_out = np.zeros((axes.shape[1], len(best))), np.zeros_like(targets)
    if not axes.shape[1]:
        return coefficients, left_out
    for found in ridge_path(axes, targets, PENALTIES * np.square(axes).sum(axis=0).mean()):
        error = (found.missed**2).sum(axis=0)
        better = error < best
        best[better] = error[better]
        coefficients[:, better] = found.coefficients[:, better]
        left_out[:, better] = (targets - found.missed)[:, better]
    return coefficients, left_out


class Ridge(NamedTuple):
    """At one penalty: coefficients `(P, T)`, and by how much each row is missed when its group is left out `(n, T)`."""

    coefficients: np.ndarray
    missed: np.ndarray


def ridge_path(
    axes: np.ndarray, targets: np.ndarray, penalties: Iterable[float], groups: np.ndarray | None = None
) -> Iterator[Ridge]:
    """Yield ridge regressions of centred targets `(n, T)` in principal axes `(n, P)`, one a penalty.

    A row that is left out is missed by its residual over one minus its leverage (Allen's PRESS, 1974); rows of one of
    the `groups` `(n,)` (default: none has any) by the same with their block of the hat matrix in the leverage's place.
    Of groups beyond `MOST_LEFT_OUT` rows so many are left out at a time.
    """
    variance = np.einsum("np,np->p", axes, axes)
    products, squares = axes.T @ targets, axes**2
    blocks = [] if groups is None else list(_blocks(groups))
    for penalty in penalties:
        shrunk = 1 / (variance + penalty)
        coefficients = shrunk[:, None] * products
        residual = targets - axes @ coefficients
        leverage = 1 / len(axes) + squares @ shrunk
        missed = residual / np.maximum(1 - leverage, LEAST_FREE)[:, None]
        for rows in blocks:
            inside = axes[rows]
            free = np.eye(rows.shape[1]) * (1 + LEAST_FREE) - 1 / len(axes) - (inside * shrunk) @ inside.mT
            missed[rows] = np.linalg.solve(free, residual[rows])
        yield Ridge(coefficients, missed)


def _blocks(groups: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of groups of several, `(groups, rows)` for each size that there is."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order])) + 1
    parts = [
        part[begin : begin + MOST_LEFT_OUT]
        for part in np.split(order, starts)
        for begin in range(0, len(part), MOST_LEFT_OUT)
    ]
    for size in sorted({len(part) for part in parts} - {1}):
        yield np.stack([part for part in parts if len(part) == size])
