"""Choosing the penalty where classes are many: the time goes into matrix products, so there are to be few and short.

Each inner fold is a problem of its own, of the images that train in it only; from the strongest penalty on, each starts
where the one before ended; a penalty is not weakened further once the held-out loss has risen clearly (weak ones take
longest, and shuffled labels never need them); and all of it is in single precision, which ranks penalties as double
precision does. The refit starts from what was found and ends in double precision, so its answers are those of
`lab.probing.logistic` at the chosen penalty.
"""

from __future__ import annotations

import numpy as np

from lab.errors import LabError
from lab.probing.logistic import Design, Problems, fit_logistic, probabilities
from lab.probing.task import ProbeTask

TOLERANCE = 1e-5  # per image: what single precision reaches and what ranks the values of C
CLEARLY_WORSE = 1e-3  # of the log-loss: a rise that no weaker penalty makes good
MOST_ITERATIONS = 300  # in single precision; what takes more is done in double precision


def along_the_grid(
    task: ProbeTask, design: Design, targets: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the held-out log-loss at every C `(G, C, S)`, inf where it was not looked at, and the coefficients of the
    inner folds `(G, C, S, inner, k, p)`, of `targets` `(G, S, n)` and `masks` `(G, S, inner + 1, n)`."""
    (folds, sets, _), inner = targets.shape, masks.shape[2] - 1
    losses = np.full((folds, len(task.grid), sets), np.inf)
    found = np.zeros((*losses.shape, inner, task.classes, design.features.shape[2]))
    for g in range(folds):
        features = design.features[g].astype(np.float32)
        for s in range(sets):
            _descend(task, features, targets[g, s], masks[g, s, :-1] > 0, losses[g, :, s], found[g, :, s])
    return losses, found


def roughly(design: Design, problems: Problems, start: np.ndarray) -> np.ndarray:
    """Return coefficients near the minimum, from which double precision needs few steps."""
    single = Design(design.features.astype(np.float32), design.spectrum)
    return _fitted(single, problems, start)


def _descend(
    task: ProbeTask,
    features: np.ndarray,
    targets: np.ndarray,
    trained: np.ndarray,
    losses: np.ndarray,
    found: np.ndarray,
) -> None:
    """Fill in the losses `(C,)` and coefficients `(C, inner, k, p)` of one label set on `features` `(n, p)`."""
    there = targets >= 0
    designs = [_design(features[own]) for own in trained]
    for place, value in enumerate(task.grid):
        loss = 0.0
        for i, own in enumerate(trained):
            alone = Problems(
                targets[own][None, None], np.ones((1, 1, int(own.sum()))), np.full((1, 1), 1.0 / value), task.classes
            )
            start = found[place - 1, i][None, None] if place else None
            found[place, i] = _fitted(designs[i], alone, start)[0, 0]
            held = there & ~own
            loss += _log_loss(found[place, i].astype(np.float32) @ features[held].T, targets[held])
        losses[place] = loss
        if loss > losses[: place + 1].min() * (1 + CLEARLY_WORSE):
            return


def _design(features: np.ndarray) -> Design:
    return Design(features[None], np.einsum("np,np->p", features, features, dtype=np.float64)[None])


def _fitted(design: Design, problems: Problems, start: np.ndarray | None) -> np.ndarray:
    try:
        return fit_logistic(design, problems, start, tolerance=TOLERANCE, most=MOST_ITERATIONS)[0]
    except LabError:  # rounding keeps it from settling
        double = Design(design.features.astype(np.float64), design.spectrum)
        return fit_logistic(double, problems, start, tolerance=TOLERANCE)[0]


def _log_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the summed log-loss of logits `(k, m)`."""
    right = probabilities(logits.astype(np.float64))[targets, np.arange(len(targets))]
    return float(-np.log(np.maximum(right, 1e-15)).sum())
