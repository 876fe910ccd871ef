"""Probes of many images, dimensions or classes: matrix products take the time, so there are to be few, short and cheap.

A large embedding is not rotated into its principal axes, which would take longer than the fits: the largest of them
precondition the descent (`lab.probing.pca.largest_axes`). Each inner fold is a problem of its own, of the images that
train in it only. On the first, penalties are followed from the strongest on, each from where the one before ended,
stretched; once the held-out loss has clearly risen, no weaker one is tried (they take longest, and shuffled labels
never need them); the other inner folds see only those that are not clearly worse than the best. All of it is in single
precision, which ranks penalties as double precision does. The refit is, too, but as a difference to a point whose
gradient is known in double precision, and it is in double precision that it is found to have settled: its answers are
those of `lab.probing.logistic` at the chosen penalty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from lab.errors import LabError
from lab.probing.logistic import Design, Point, Problems, fit_logistic, probabilities
from lab.probing.pca import largest_axes, principal_axes, standardise_single
from lab.probing.splits import grouped_folds
from lab.probing.task import INNER_FOLDS, ProbeTask

TOLERANCE = 1e-4  # per image: what ranks the values of C (the held-out loss is within 0.2 %, 3e-5 after that)
ON_THE_WAY = 1e-2  # of a penalty that cannot win but is a start for the next
NEAR = 1e-6  # where single precision leaves the refit to differences
SETTLED = 1e-9  # in double precision: probabilities within 1e-4 of the exact minimum, 3e-6 on average
CLEARLY = 4.0  # standard errors of the mean difference in loss, image by image, beyond which a penalty cannot win
MOST_ITERATIONS = 300  # in single precision; what takes more is done in double precision
TURNS = 400  # images a class up to which rotating them costs less than rotating each step of the descents
ROTATED = 800  # images up to which more than twice as many dimensions are rotated away


def probe_fold(task: ProbeTask, repeat: int, fold: int, step: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of the chosen C `(S,)` and the probabilities of the test part `(S, m, K)`.

    `step` is told of fits that are done or need not be, `task.fits` in all, and of none at each iteration.
    """
    tested = task.splits[repeat] == fold
    train = np.flatnonzero(~tested)
    design, unseen = _design(*standardise_single(task.embedding, train, np.flatnonzero(tested)), task.classes)
    chosen, found = [], []
    for labels in task.labels[:, repeat, train]:
        inner = grouped_folds(labels, task.groups[train], INNER_FOLDS, seed=(task.seed, repeat, fold))
        place, start = _choose(task, design, labels, inner, step)
        coefficients = _refit(design, labels, 1.0 / task.grid[place], task.classes, start, step)
        step(1)
        logits = coefficients[:, :-1] @ unseen.T.astype(np.float64) + coefficients[:, -1:]
        chosen.append(place)
        found.append(probabilities(logits).T)
    return np.array(chosen), np.array(found)


def _design(known: np.ndarray, unseen: np.ndarray, classes: int) -> tuple[Design, np.ndarray]:
    """Return the training part `(1, n, p + 1)` and the test part `(m, p)` in the same axes."""
    if len(known) <= ROTATED and known.shape[1] > 2 * len(known):
        known, unseen = (
            part.astype(np.float32) for part in principal_axes(known.astype(np.float64), unseen.astype(np.float64))
        )
    axes, spectrum, rest = largest_axes(known, classes if classes > 2 else 1)
    if axes.shape[0] == axes.shape[1] and len(known) <= TURNS * classes:
        known, unseen = known @ axes, unseen @ axes
        return Design(_with_ones(known)[None], np.append(spectrum, len(known))[None]), unseen
    count, size = known.shape
    with_intercept = np.zeros((size + 1, len(spectrum) + 1), np.float32)
    with_intercept[:-1, :-1] = axes
    with_intercept[-1, -1] = 1.0
    spectrum = np.append(spectrum, count)[None]
    return Design(_with_ones(known)[None], spectrum, with_intercept[None], np.array([rest])), unseen


def _with_ones(features: np.ndarray) -> np.ndarray:
    return np.concatenate([features, np.ones((len(features), 1), features.dtype)], axis=1)


def _choose(
    task: ProbeTask, design: Design, labels: np.ndarray, inner: np.ndarray, step: Callable[[int], None]
) -> tuple[int, np.ndarray]:
    """Return the place of the C with the least held-out log-loss and the mean coefficients `(k, p)` found with it."""
    places: list[int] = list(range(len(task.grid)))
    losses = np.zeros(len(places))
    sums: dict[int, np.ndarray] = {}
    for i in range(INNER_FOLDS):
        own = inner != i
        part = _part(design, own)
        held, truth = design.features[0, ~own], labels[~own]
        start, seen = None, {}
        for place in range(places[-1] + 1):
            tolerance = TOLERANCE if place in places else ON_THE_WAY
            problem = _problem(labels[own], 1.0 / task.grid[place], task.classes)
            start = _fitted(part, problem, start, tolerance, step)
            if place in places:
                seen[place] = _log_losses(start[0, 0] @ held.T, truth)
                sums[place] = sums.get(place, 0.0) + start[0, 0]
                step(1)
            if i == 0 and _clearly_worse(seen[place], min(seen.values(), key=np.sum)):
                break
        best = min(seen.values(), key=np.sum)
        losses += [seen[place].sum() if place in seen else np.inf for place in range(len(losses))]
        if i == 0:
            places = [place for place in seen if not _clearly_worse(seen[place], best)]
            step(len(task.grid) - len(seen) + (INNER_FOLDS - 1) * (len(task.grid) - len(places)))
    place = int(losses.argmin())  # the strongest penalty among equals, as the grid ascends
    return place, sums[place] / INNER_FOLDS


def _clearly_worse(losses: np.ndarray, best: np.ndarray) -> bool:
    """Return whether the losses `(m,)` of a penalty are so much above the best one's on the same images that the images
    of the other folds cannot make up for it."""
    excess = losses - best
    return bool(excess.mean() > CLEARLY * excess.std() / np.sqrt(len(excess)) and len(excess) >= 30)


def _refit(
    design: Design, labels: np.ndarray, ridge: float, classes: int, start: np.ndarray, step: Callable[[int], None]
) -> np.ndarray:
    """Return the coefficients `(k, p)` at the minimum, in double precision."""
    problem = _problem(labels, ridge, classes)
    double = replace(design, features=design.features.astype(np.float64))
    found = _fitted(design, problem, start[None, None], NEAR, step).astype(np.float64)
    try:
        near = _point(double, labels, ridge, found[0, 0])
        found += fit_logistic(
            design, problem, tolerance=SETTLED, most=MOST_ITERATIONS, origin=near, at_each=lambda: step(0)
        )[0]
    except LabError:  # rounding keeps it from settling
        pass
    return fit_logistic(double, problem, found, tolerance=SETTLED, at_each=lambda: step(0))[0][0, 0]


def _point(double: Design, labels: np.ndarray, ridge: float, coefficients: np.ndarray) -> Point:
    """Return where the coefficients `(k, p)` lead on a design in double precision."""
    logits = coefficients @ double.features[0].T
    found = probabilities(logits)[-len(logits) :]
    truth = labels == np.arange(2 if len(logits) == 1 else len(logits))[-len(logits) :, None]
    gradient = (found - truth) @ double.features[0]
    gradient[:, :-1] += ridge * coefficients[:, :-1]
    return Point(logits, found, gradient)


def _part(design: Design, own: np.ndarray) -> Design:
    """Return some images of a design, whose spectrum is taken to be that of all."""
    share = own.mean()
    rest = None if design.rest is None else design.rest * share
    return replace(design, features=design.features[:, own], spectrum=design.spectrum * share, rest=rest)


def _problem(labels: np.ndarray, ridge: float, classes: int) -> Problems:
    return Problems(labels[None, None], np.ones((1, 1, len(labels))), np.full((1, 1), ridge), classes)


def _fitted(
    design: Design, problem: Problems, start: np.ndarray | None, tolerance: float, step: Callable[[int], None]
) -> np.ndarray:
    """Return the coefficients `(1, 1, k, p)` in single precision."""
    fit = partial(fit_logistic, start=start, tolerance=tolerance, stretch=True, at_each=lambda: step(0))
    try:
        return fit(design, problem, most=MOST_ITERATIONS)[0]
    except LabError:  # rounding keeps it from settling
        double = replace(design, features=design.features.astype(np.float64))
        return fit(double, problem)[0].astype(np.float32)


def _log_losses(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the log-loss `(m,)` of each image, of logits `(k, m)`."""
    right = probabilities(logits.astype(np.float64))[targets, np.arange(len(targets))]
    return -np.log(np.maximum(right, 1e-15))
