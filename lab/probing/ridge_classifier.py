"""A ridge probe in closed form: what it costs is known beforehand and hardly grows with the number of classes.

Ridge regression on targets of -1 and 1, as scikit-learn's RidgeClassifier. One eigendecomposition of the training part
holds all penalties and label sets. The penalty is that of the least squared error on groups that are left out of the
training part (`lab.probing.ridge.ridge_path`: exact, without fitting anew); where no image has a copy this is
RidgeClassifierCV. Decision values become probabilities by a softmax whose temperature has the least log-loss on the
same left-out values (Guo et al., "On calibration of modern neural networks", ICML 2017): it moves no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lab.probing.logistic import probabilities
from lab.probing.pca import principal_axes, standardise
from lab.probing.ridge import ridge_path
from lab.probing.task import ProbeTask

ALPHAS = np.logspace(-2, 6, 17)
GRID = tuple(0.5 / ALPHAS)  # as C: a penalty of alpha weighs as much as C = 1 / (2 alpha), says scikit-learn
SHARPEST, SOFTEST = 20.0, 0.05  # what decision values, which lie about -1 and 1, are multiplied by
HALVINGS = 30


def probe_fold(task: ProbeTask, repeat: int, fold: int, step: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of the chosen C `(S,)` and the probabilities of the test part `(S, m, K)`.

    `step` is told of each label set whose probe is done, and of none at each penalty.
    """
    tested = task.splits[repeat] == fold
    train = np.flatnonzero(~tested)
    known, unseen = principal_axes(*standardise(task.embedding[train], task.embedding[tested]))
    labels = task.labels[:, repeat, train]
    found = best_ridge(known, unseen, labels, task.classes, 0.5 / task.grid[::-1], task.groups[train], step)
    answers = []
    for values, left_out, own in zip(found.values, found.left_out, labels, strict=True):
        answers.append(probabilities(_sharpness(left_out, own) * values.T).T)
        step(1)
    return len(task.grid) - 1 - found.places, np.array(answers)


class BestRidge(NamedTuple):
    """The place of the chosen penalty `(S,)`, the decision values of the test part `(S, m, K)`, -inf of classes that
    the training part lacks, and those of each training row without its group `(S, n, K)`."""

    places: np.ndarray
    values: np.ndarray
    left_out: np.ndarray


def best_ridge(
    known: np.ndarray,
    unseen: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalties: np.ndarray,
    groups: np.ndarray | None = None,
    step: Callable[[int], None] = lambda fits: None,
) -> BestRidge:
    """Return, for each of label sets `(S, n)`, the ridge probe of the penalty with the least squared error on groups
    that are left out; `known` `(n, P)` and `unseen` `(m, P)` are principal axes."""
    member = labels[:, None] == np.arange(classes)[:, None]  # (S, K, n)
    targets = np.where(member, 1.0, -1.0).reshape(-1, len(known)).T
    mean = targets.mean(axis=0)
    sets = np.arange(len(labels))
    least, places = np.full(len(sets), np.inf), np.zeros(len(sets), dtype=np.int64)
    coefficients, left_out = np.zeros((known.shape[1], *member.shape[:2])), np.zeros((len(known), *member.shape[:2]))
    for place, found in enumerate(ridge_path(known, targets - mean, penalties, groups)):
        step(0)
        missed = found.missed.reshape(left_out.shape)
        errors = np.einsum("nsk,nsk->s", missed, missed)
        better = sets[errors < least]
        least[better], places[better] = errors[better], place
        coefficients[:, better] = found.coefficients.reshape(coefficients.shape)[:, better]
        left_out[:, better] = (targets.reshape(left_out.shape) - missed)[:, better]
    values = np.einsum("mp,psk->smk", unseen, coefficients, optimize=True) + mean.reshape(len(sets), 1, -1)
    values = np.where(member.any(axis=2)[:, None], values, -np.inf)
    return BestRidge(places, values, left_out.swapaxes(0, 1))


def _sharpness(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor of decision values `(n, K)` that makes their softmax lose least; the loss is convex in it."""
    low, high = np.log(SOFTEST), np.log(SHARPEST)
    own = values[np.arange(len(labels)), labels].mean()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = np.vecdot(probabilities(np.exp(middle) * values.T).T, values).mean()
        low, high = (middle, high) if expected < own else (low, middle)
    return float(np.exp((low + high) / 2))
