"""Cheap scores of an embedding for a set of labels, all out of one decomposition: no folds, no solver.

evidence      LogME (You, Liu, Wang and Long, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning",
              ICML 2021): how probable the labels are under a linear model y = Xw + noise, w ~ N(0, 1/a), noise ~
              N(0, 1/b), at the a and b that make them most probable; nats an image, the mean over classes
left out      which class ridge regression names for each image when it is fitted to all others (Allen's PRESS, 1974);
              where nothing can be read this is below chance, as an image's own class is the rarer one among the others
margin        of these left-out answers: what an image's own class has above the next one, the mean over the standard
              deviation (d'). Were margins normal, the share that is read right would be the normal distribution at it

For a given ratio t = a/b, the penalty of ridge regression, the best b is known in closed form, so the evidence is a
function of t alone; its maximum is found on a grid and then within the best cell. Features are standardised, targets
centred, which stands for an intercept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.probing.pca import principal_axes, standardise
from lab.probing.ridge import ridge_path

PENALTIES = np.logspace(-6, 6, 25)  # t, of the mean variance of a principal axis
REFINED = 2  # times that the grid is laid anew around its best value, a tenth as wide
LEAST_IMAGES = 4
MOST_MARGIN = 100.0  # either way, where all margins are equal


@dataclass(frozen=True)
class CheapScores:
    """`evidence` in nats an image; `margin` of the left-out answers, in units of its spread; `correct` `(n,)`: 1.0 for
    each image that ridge regression on all others reads."""

    evidence: float
    margin: float
    correct: np.ndarray


def cheap_scores(embedding: np.ndarray, labels: np.ndarray) -> CheapScores:
    """Return the scores of an embedding `(n, D)` for labels `(n,)` from 0.

    Raises LabError for fewer than four images and values that are not finite.
    """
    if embedding.ndim != 2 or len(embedding) != len(labels) or len(labels) < LEAST_IMAGES:
        raise LabError(
            f"embedding {embedding.shape} and labels {labels.shape} must be (n, D) and (n,) with n of {LEAST_IMAGES} "
            "or more; give more images"
        )
    if not np.isfinite(embedding).all():
        raise LabError("the embedding holds values that are not finite (nan or infinity); leave the layer out")
    features, _ = standardise(embedding, embedding[:1])
    axes, _ = principal_axes(features, features[:1])
    member = (labels[:, None] == np.arange(int(labels.max()) + 1)).astype(np.float64)
    targets = member - member.mean(axis=0)
    answers, rows = _left_out(axes, targets), np.arange(len(labels))
    others = np.where(member > 0, -np.inf, answers).max(axis=1)
    margins = answers[rows, labels] - others
    return CheapScores(
        float(log_evidence(axes, targets).mean()),
        float(np.clip(margins.mean() / max(margins.std(), 1e-12), -MOST_MARGIN, MOST_MARGIN)),
        np.asarray(answers.argmax(axis=1) == labels, dtype=np.float64),
    )  # fmt: skip


def log_evidence(axes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the largest log evidence of each of the targets `(n, K)`, nats a row, for principal axes `(n, r)`.

    The columns of `axes` are orthogonal, as `principal_axes` returns them. A target that is constant has none, nan.
    """
    count, power = len(targets), (targets**2).sum(axis=0)
    variance = (axes**2).sum(axis=0)
    if not len(variance):
        return np.where(power > 0, _at_best_noise(count, np.maximum(power, 1e-300), 0.0), np.nan)
    explained = (axes.T @ targets) ** 2 / variance[:, None]  # of the targets' power, by axis: (r, K)
    beyond = np.maximum(power - explained.sum(axis=0), 0.0)
    spread = np.log(PENALTIES)
    centre, found = np.zeros(len(power)), np.full(len(power), -np.inf)
    for _ in range(1 + REFINED):
        ratios = variance.mean() * np.exp(centre[:, None] + spread)  # (K, T)
        kept = ratios[:, :, None] / (ratios[:, :, None] + variance)  # (K, T, r)
        residual = np.einsum("ktr,rk->kt", kept, explained) + beyond[:, None]
        values = _at_best_noise(count, np.maximum(residual, 1e-300), -np.log(kept).sum(axis=2))
        found = np.maximum(found, values.max(axis=1))
        centre, spread = centre + spread[values.argmax(axis=1)], spread / 10
    return np.where(power > 0, found, np.nan)


def _at_best_noise(count: int, residual: np.ndarray, volume: np.ndarray | float) -> np.ndarray:
    """Return the log evidence a row at the most probable noise, `count / residual` being its precision."""
    return np.asarray(-0.5 * (np.log(2 * np.pi * residual / count) + 1 + volume / count))


def _left_out(axes: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return what ridge regression gives each row `(n, K)` without it, at the penalty of the least error."""
    best, answer = np.inf, targets * 0.0
    scale = np.square(axes).sum(axis=0).mean() if axes.shape[1] else 1.0
    for found in ridge_path(axes, targets, PENALTIES * scale):
        if (error := float((found.missed**2).sum())) < best:
            best, answer = error, targets - found.missed
    return np.asarray(answer)
