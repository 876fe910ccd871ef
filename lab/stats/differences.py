"""Paired differences between networks on the same images: several at once, at equal depth, at each one's best layer.

Everything is per image: correctness `(L, N)` in 0..1 by layer and image, so that the same images decide both sides.
Intervals are 95 % over images (resamples of `lab.stats.intervals.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.stats.intervals import Bootstrap, Interval

CHOICE_PARTS = 5  # of a test part that was given
# Relative depths at which networks of different length are compared
DEPTHS = tuple(round(0.1 * step, 1) for step in range(1, 11))


@dataclass(frozen=True)
class Choice:
    """What a network reads when its layer is picked on other images than those it is judged by.

    correct `(N,)`: correctness of each image at the layer that was best on the other folds. layer: the position of
    the layer that is best on all images.
    """

    correct: np.ndarray
    layer: int


def simultaneous(boot: Bootstrap, differences: np.ndarray) -> list[Interval]:
    """Return the mean of each row of paired differences `(P, N)` in [-1, 1], with intervals that hold all at once.

    The largest deviation over all rows, each in units of its own spread, sets their width (max-t, Westfall and Young
    1993). A row that holds nan has no interval. Two imaginary groups, as in `lab.stats.intervals.difference`,
    keep a handful of unanimous images from certainty.
    """
    values = np.atleast_2d(differences)
    known = np.isfinite(values).all(axis=1)
    if not known.all():
        found = iter(simultaneous(boot, values[known]) if known.any() else ())
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        return [next(found) if here else nothing for here in known]
    draws = (boot.means(values) * boot.groups + boot.pseudo[:, None]) / (boot.groups + 2)
    deviations = draws - draws.mean(axis=0)
    spread = np.maximum(draws.std(axis=0), 1e-12)
    reach = float(np.quantile(np.abs(deviations / spread).max(axis=1), 0.95)) * spread
    return [Interval(float(m), float(m - r), float(m + r)) for m, r in zip(boot.mean(values), reach, strict=True)]


def at_depths(depths: Sequence[float], correct: np.ndarray, wanted: Sequence[float] = DEPTHS) -> np.ndarray:
    """Return each image's correctness at `wanted` depths, `(D, N)`, linearly between layers; nan above the first.

    Past the last layer its own value holds.
    """
    known, goal = np.asarray(depths, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    right = np.clip(np.searchsorted(known, goal, side="left"), 0, len(known) - 1)
    left = np.maximum(right - 1, 0)
    gap = known[right] - known[left]
    share = np.where(gap > 0, (goal - known[left]) / np.where(gap > 0, gap, 1.0), 0.0).clip(0, 1)
    found = correct[left] * (1 - share)[:, None] + correct[right] * share[:, None]
    found[goal < known[0] - 1e-9] = np.nan
    return np.asarray(found)


def nearest_layers(depths: Sequence[float], wanted: Sequence[float] = DEPTHS) -> list[int]:
    """Return the position of the layer nearest to each of `wanted` depths, the earlier of two."""
    gaps = np.abs(np.asarray(depths)[None] - np.asarray(wanted)[:, None])
    return [int(position) for position in gaps.argmin(axis=1)]


def best_layer(correct: np.ndarray, splits: np.ndarray) -> Choice:
    """Return a network's correctness at its best layer, from correctness `(R, L, N)` and test folds `(R, N)`.

    In every repeat the layer is picked anew for each fold, by the images of all other folds, so that an image has no
    part in the choice it is judged by; of equals the earlier layer is taken. Where a test part was given (one fold),
    its images are dealt into parts for that.
    """
    chosen = np.empty(splits.shape)
    for repeat, given in enumerate(splits):
        tested = given if len(np.unique(given)) > 1 else np.arange(len(given)) % min(CHOICE_PARTS, len(given))
        for fold in np.unique(tested):
            held = tested == fold
            layer = int(correct[repeat][:, ~held].mean(axis=1).argmax())
            chosen[repeat, held] = correct[repeat, layer, held]
    return Choice(chosen.mean(axis=0), int(correct.mean(axis=(0, 2)).argmax()))


@dataclass(frozen=True)
class Consistency:
    """How far two networks are right and wrong on the same images.

    observed: share of images on which both are right or both wrong; expected: what it would be if their errors had
    nothing to do with each other; kappa: what is beyond that, as a share of what could be (1 the same images, 0 as
    expected, below 0 other images than by chance), with its interval. nan when one answer leaves no room for errors.
    """

    observed: float
    expected: float
    kappa: Interval


def consistency(boot: Bootstrap, one: np.ndarray, other: np.ndarray) -> Consistency:
    """Return the error consistency of two networks (Geirhos, Meding and Wichmann, NeurIPS 2020) from who is right,
    bool `(N,)`."""
    a, b = one.astype(float), other.astype(float)
    rows = np.stack([a, b, (a == b).astype(float)])
    observed, expected, kappa = _kappa(boot.mean(rows)[None])
    drawn = _kappa(boot.means(rows).clip(0, 1))[2]
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, (0.025, 0.975)) if np.isfinite(kappa[0]) and len(drawn) else (np.nan, np.nan)
    return Consistency(float(observed[0]), float(expected[0]), Interval(float(kappa[0]), float(low), float(high)))


def _kappa(means: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return observed and expected consistency and kappa of rows of (accuracy, accuracy, observed)."""
    a, b, observed = means.T
    expected = a * b + (1 - a) * (1 - b)
    room = 1 - expected
    return observed, expected, np.where(room > 1e-12, (observed - expected) / np.where(room > 1e-12, room, 1.0), np.nan)
