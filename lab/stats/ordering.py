"""In which order things emerge along depth, held against the order in which they are expected to.

Things are rows of what is expected first to what is expected last; depths come with resamples, in which every thing
varies by itself (its own images). Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lab.stats.intervals import Interval
from lab.stats.simultaneous import intervals_at_once


@dataclass(frozen=True)
class Order:
    """Kendall's tau-b between the expected order and the depths `(P,)`, with its interval over resamples.

    `p` is two-sided, that of things in random order; all are nan for fewer than three things.
    """

    tau: Interval
    p: float
    things: int


@dataclass(frozen=True)
class Gap:
    """By how much `first`, which is expected first, emerges after `second`: above 0, the two are the other way round.

    The interval holds for all pairs at once.
    """

    first: int
    second: int
    difference: Interval

    @property
    def reversed(self) -> bool:
        """Whether the pair is clearly the other way round."""
        return self.difference.low > 0

    @property
    def as_expected(self) -> bool:
        """Whether the pair clearly is as expected."""
        return self.difference.high < 0


def order_of(depths: Sequence[float], draws: np.ndarray) -> Order:
    """Return how far depths `(P,)`, with resamples `(B, P)`, are in the order of their positions.

    Resamples scatter about the depths as the depths scatter about the truth, which shuffles near neighbours and takes
    tau towards 0 both times. The percentile interval leaves out a true order, the basic one (Davison & Hinkley 1997,
    section 5.2) finds an order where there is none; so each end is the outer one of the two, cut at -1 and 1.
    """
    from scipy.stats import kendalltau

    values = np.asarray(depths, dtype=np.float64)
    if len(values) < 3:
        nothing = float("nan")
        return Order(Interval(nothing, nothing, nothing), nothing, len(values))
    places = np.arange(len(values), dtype=np.float64)
    p = float(kendalltau(places, values).pvalue) if np.ptp(values) > 0 else 1.0
    return Order(agreement(places, values, places[None], draws), p, len(values))


def agreement(one: np.ndarray, other: np.ndarray, draws: np.ndarray, other_draws: np.ndarray) -> Interval:
    """Return Kendall's tau-b of two measures of the same things `(P,)`, each with resamples `(B, P)`, as `order_of`."""
    tau = float(_taus(one[None], other[None])[0])
    low, high = np.percentile(_taus(draws, other_draws), (2.5, 97.5))
    ends = float(max(-1.0, min(low, 2 * tau - high, tau))), float(min(1.0, max(high, 2 * tau - low, tau)))
    return Interval(tau, *ends)


def gaps(depths: Sequence[float], draws: np.ndarray) -> list[Gap]:
    """Return the gap of every pair of depths `(P,)`, with resamples `(B, P)`."""
    pairs = list(combinations(range(len(depths)), 2))
    if not pairs:
        return []
    first, second = np.array(pairs).T
    values = np.asarray(depths, dtype=np.float64)
    found = intervals_at_once(values[first] - values[second], draws[:, first] - draws[:, second])
    return [Gap(a, b, interval) for (a, b), interval in zip(pairs, found, strict=True)]


def _taus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return tau-b of each row of one `(B, P)` with that of the other, `(B,)`; 0 where a row is of one value."""
    i, j = np.triu_indices(one.shape[1], 1)
    signs, others = (np.sign(values[:, j] - values[:, i]) for values in (one, other))
    norm = np.sqrt(np.abs(signs).sum(axis=1) * np.abs(others).sum(axis=1))
    return np.asarray(np.where(norm > 0, (signs * others).sum(axis=1) / np.where(norm > 0, norm, 1.0), 0.0))
