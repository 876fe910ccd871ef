"""In which order things emerge along depth, held against the order in which they are expected to.

Things are rows of what is expected first to what is expected last; depths come with resamples, in which every thing
varies by itself (its own images). Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lab.stats.intervals import Interval, mean_interval
from lab.stats.simultaneous import intervals_at_once

LEAST = 3  # things of which an order can be told
Measured = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Two measures of the same things, each `(P,)`, and resamples of both, `(B, P)`."""


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
    """Return how far depths `(P,)`, with resamples `(B, P)`, are in the order of their positions."""
    from scipy.stats import kendalltau

    values = np.asarray(depths, dtype=np.float64)
    if len(values) < LEAST:
        nothing = float("nan")
        return Order(Interval(nothing, nothing, nothing), nothing, len(values))
    places = np.arange(len(values), dtype=np.float64)
    p = float(kendalltau(places, values).pvalue) if np.ptp(values) > 0 else 1.0
    return Order(agreement(places, values, places[None], draws), p, len(values))


def agreement(one: np.ndarray, other: np.ndarray, draws: np.ndarray, other_draws: np.ndarray) -> Interval:
    """Return Kendall's tau-b of two measures of the same things `(P,)`, each with resamples `(B, P)`.

    The interval is for the mean tau of other samples as large, with Student's reach of P - 1 degrees of freedom.
    """
    return _mean_tau([(one, other, draws, other_draws)])[0]


def order_of_seeds(seeds: Sequence[tuple[Sequence[float], np.ndarray]]) -> Interval:
    """Return the mean tau of one network from several seeds, with its interval over seeds and samples.

    A seed is its depths `(P,)` and their resamples `(B, P)`; seeds may have different things, and those with fewer than
    three do not count. The interval is the wider of two: over samples, which seeds may share, and by Student's t over
    seeds, whose scatter holds what their samples do not share. A single seed tells nothing of others.
    """
    known = [(np.asarray(depths, dtype=np.float64), draws) for depths, draws in seeds if len(depths) >= LEAST]
    if not known:
        return Interval(float("nan"), float("nan"), float("nan"))
    places = [np.arange(len(depths), dtype=np.float64) for depths, _ in known]
    mean, taus = _mean_tau([(at, own, at[None], draws) for at, (own, draws) in zip(places, known, strict=True)])
    over = mean_interval(taus)
    return Interval(mean.value, max(-1.0, min(mean.low, over.low)), min(1.0, max(mean.high, over.high)))


def gaps(depths: Sequence[float], draws: np.ndarray) -> list[Gap]:
    """Return the gap of every pair of depths `(P,)`, with resamples `(B, P)`."""
    pairs = list(combinations(range(len(depths)), 2))
    if not pairs:
        return []
    first, second = np.array(pairs).T
    values = np.asarray(depths, dtype=np.float64)
    found = intervals_at_once(values[first] - values[second], draws[:, first] - draws[:, second])
    return [Gap(a, b, interval) for (a, b), interval in zip(pairs, found, strict=True)]


def _mean_tau(measured: Sequence[Measured]) -> tuple[Interval, np.ndarray]:
    """Return the mean tau of `measured`, whose resamples belong to each other row by row, and each one's tau.

    Resamples scatter about a measurement that itself is scattered about the truth. Where the truth is a tie, one order
    was measured and resamples turn it round too seldom: their variance is 0.67 of the true one for things all alike.
    How it shrinks as centres scatter is seen by scattering them once more, and taken back by as much (simulation
    extrapolation: Cook & Stefanski, JASA 89, 1994); where resamples of a clear order overstate it, they are left to.
    """
    from scipy.stats import t

    def scattered(*shifts: int) -> np.ndarray:
        """Return the mean tau `(B,)` with a deviation of its own added for each of `shifts`."""
        found = []
        for one, other, draws, other_draws in measured:
            moved = (
                at + sum(np.roll(drawn - at, shift, axis=0) for shift in shifts)
                for at, drawn in ((one, draws), (other, other_draws))
            )
            found.append(_taus(*moved))
        return np.asarray(np.mean(found, axis=0))

    taus = np.array([float(_taus(one[None], other[None])[0]) for one, other, _, _ in measured])
    plain, again = scattered(0).var(), np.mean((scattered(0, 1) - scattered(0, 2)) ** 2) / 2
    freedom = max(len(one) for one, *_ in measured) - 1
    reach = float(t.ppf(0.975, freedom) * np.sqrt(max(2 * plain - again, plain)))
    value = float(taus.mean())
    return Interval(value, max(-1.0, value - reach), min(1.0, value + reach)), taus


def _taus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return tau-b of each row of one `(B, P)` with that of the other, `(B,)`; 0 where a row is of one value."""
    i, j = np.triu_indices(one.shape[1], 1)
    signs, others = (np.sign(values[:, j] - values[:, i]) for values in (one, other))
    norm = np.sqrt(np.abs(signs).sum(axis=1) * np.abs(others).sum(axis=1))
    return np.asarray(np.where(norm > 0, (signs * others).sum(axis=1) / np.where(norm > 0, norm, 1.0), 0.0))
