"""At which layer an image is decided, and how much of that is luck.

An image counts as right at a layer when its held-out prediction is right in every repeat. It is right for good from
the first layer after which it stays so to the last. A layer that knows nothing is right on half of two classes, so
half of the images that are right for good from the next layer on are right for good from here as well, by luck alone.

The correction is that for guessing (Abbott 1925) along a run of layers: with r the rate at which layer l names an
image's class in every repeat, whatever the image, an image that is undecided at l is right there with probability r.
If S(l) is the share right for good from l or before, then in expectation

    S(l) - r S(l + 1) = (1 - r) D(l)        S(last + 1) = 1

where D(l) is the share that is decided by l. Neighbouring layers that err alike make D too large where nothing is
decided. Two bounds take that away. All decided images are right at l, so with A(l) the share that is right there

    A(l) - r >= (1 - r) D(l)

whatever other layers do: a layer that guesses decides nothing, however alike the next one guesses. And as D can only
grow with depth, it is set to its least value from l on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.stats.intervals import Interval

LEVEL = 0.025  # of each end, shared by all layers


@dataclass(frozen=True)
class Decisions:
    """Which images are decided where, of N images and L layers.

    right_from `(N,)`: first layer from which an image is right for good, -1 for never. decided_at `(N,)`: the same
    beyond luck, -1 for an image that is never right for good or not beyond luck. margin `(N,)`: how far the true class
    is ahead at that layer (at the last, where there is none), the mean over repeats. right_on `(L,)`: images right for
    good from here or before; by_luck `(L,)`: how many luck alone would add here to those of the next layer;
    independent `(L,)`: how many there would be if layers of these accuracies erred on unrelated images. decided:
    share of images decided by each layer, with intervals that hold for all layers at once.
    """

    right_from: np.ndarray
    decided_at: np.ndarray
    margin: np.ndarray
    right_on: np.ndarray
    by_luck: np.ndarray
    independent: np.ndarray
    decided: tuple[Interval, ...]


def decisions(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Decisions:
    """Return where images are decided, from out-of-fold probabilities `(L, R, N, K)`, labels and groups `(N,)`."""
    answers = probabilities.argmax(axis=3)
    steady = (answers == answers[:, :1]).all(axis=1)
    right = steady & (answers[:, 0] == labels)
    stays = np.logical_and.accumulate(right[::-1], axis=0)[::-1]
    right_from = np.where(right[-1], stays.argmax(axis=0), -1)
    named = [(steady & (answers[:, 0] == label)).mean(axis=1) for label in range(probabilities.shape[3])]
    rate = np.stack(named)[labels].T  # (L, N): how often each layer names an image's class
    after = np.concatenate([stays[1:], np.ones((1, len(labels)), dtype=bool)])
    decided = _decided(np.stack([stays - rate * after, right - rate]), rate, groups)
    margin = _margin(probabilities, labels).mean(axis=1)
    decided_at = _surest(right_from, margin, decided)
    return Decisions(
        right_from,
        decided_at,
        margin[decided_at, np.arange(len(labels))],  # -1 is the last layer
        stays.sum(axis=1),
        (rate * after).sum(axis=1),
        len(labels) * np.cumprod(right.mean(axis=1)[::-1])[::-1],
        decided,
    )


def _decided(beyond: np.ndarray, rate: np.ndarray, groups: np.ndarray) -> tuple[Interval, ...]:
    """Return the share decided by each layer, the least of what the bounds `beyond` `(B, L, N)` allow, with
    simultaneous intervals over groups (Bonferroni, Student's t)."""
    from scipy.stats import t

    room = np.where(rate < 1, 1 - rate, np.inf)  # a layer that always names the class decides nothing
    bounds, layers = beyond.shape[:2]
    each = (beyond / room).reshape(bounds * layers, -1)
    _, index = np.unique(groups, return_inverse=True)
    sizes = np.bincount(index)
    means = np.stack([np.bincount(index, weights=row) / sizes for row in each])
    value, count = means.mean(axis=1), len(sizes)
    reach = means.std(axis=1, ddof=1) / np.sqrt(count) * t.ppf(1 - LEVEL / len(each), count - 1)
    # Two imaginary groups, one decided and one not, keep unanimous images from certainty.
    reach = np.maximum(reach, 1 / (count + 2))
    tightest = [edge.reshape(bounds, layers).min(axis=0) for edge in (value, value - reach, value + reach)]
    least, low = (np.minimum.accumulate(edge[::-1])[::-1].clip(0, 1) for edge in tightest[:2])
    high = np.maximum(tightest[2].clip(0, 1), least)
    return tuple(Interval(float(v), float(a), float(b)) for v, a, b in zip(least, low, high, strict=True))


def _surest(right_from: np.ndarray, margin: np.ndarray, decided: tuple[Interval, ...]) -> np.ndarray:
    """Return which images are taken to be decided at each layer: of those right for good, as many as are decided
    beyond luck, those with the largest margin first."""
    found = np.full(len(right_from), -1)
    for layer, share in enumerate(decided):
        if not share.low > 0:
            continue
        open_ = np.flatnonzero((right_from >= 0) & (right_from <= layer) & (found < 0))
        missing = round(share.value * len(found)) - int((found >= 0).sum())
        if missing > 0:
            found[open_[np.argsort(-margin[layer, open_], kind="stable")][:missing]] = layer
    return found


def _margin(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how far the true class is ahead of the best other one, `(L, R, N)`."""
    images = np.arange(len(labels))
    true = probabilities[:, :, images, labels]
    others = probabilities.copy()
    others[:, :, images, labels] = -np.inf
    return np.asarray(true - others.max(axis=3))
