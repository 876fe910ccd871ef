"""Intervals for several means at once, and for means over two crossed kinds of unit (pictures and seeds).

A table of many 95 % intervals has some that miss: who picks the clear ones must allow for how many there were. Rows
are tests, columns the independent units (draws, pictures, seeds). Nothing here is drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.stats.intervals import Interval

ERROR = 0.05


def mean_of_many(values: np.ndarray, tests: int = 1) -> Interval:
    """Return the mean of independent units `(U,)`, with Student's interval that allows for `tests` such means.

    Each of the tests may miss in 5 % / `tests` of all cases, so that any of them misses in at most 5 % (Bonferroni).
    Unbounded for fewer than two units; nan where a unit is nan.
    """
    from scipy.stats import t

    found = np.asarray(values, dtype=float)
    centre = float(found.mean()) if len(found) else float("nan")
    if not np.isfinite(centre):
        return Interval(float("nan"), float("nan"), float("nan"))
    if len(found) < 2:
        return Interval(centre, float("-inf"), float("inf"))
    reach = float(found.std(ddof=1) / np.sqrt(len(found)) * t.ppf(1 - ERROR / 2 / max(tests, 1), len(found) - 1))
    return Interval(centre, centre - reach, centre + reach)


def means_at_once(values: np.ndarray) -> list[Interval]:
    """Return the mean of each row of `(T, U)`, with intervals that hold all at once (Bonferroni over the T rows)."""
    return [mean_of_many(row, len(values)) for row in values]


def crossed_mean(values: np.ndarray, tests: int = 1) -> Interval:
    """Return the mean of `(A, B)`, one value for every pair of a unit of one kind and a unit of another.

    Both kinds are random effects: the interval is for other units of either kind. The variances of the two margins'
    means are added, which is a little too wide (their common error counts twice), with Satterthwaite's degrees of
    freedom; `tests` as in `mean_of_many`. Unbounded where a kind has a single unit.
    """
    from scipy.stats import t

    found = np.asarray(values, dtype=float)
    centre = float(found.mean())
    if not np.isfinite(centre):
        return Interval(float("nan"), float("nan"), float("nan"))
    if min(found.shape) < 2:
        return Interval(centre, float("-inf"), float("inf"))
    parts = np.array([found.mean(axis=1 - axis).var(ddof=1) / found.shape[axis] for axis in (0, 1)])
    whole = float(parts.sum())
    if whole <= 0:
        return Interval(centre, centre, centre)
    freedom = whole**2 / float((parts**2 / (np.array(found.shape) - 1)).sum())
    reach = float(np.sqrt(whole) * t.ppf(1 - ERROR / 2 / max(tests, 1), freedom))
    return Interval(centre, centre - reach, centre + reach)


def widened_by_starts(found: Interval, starts: np.ndarray, tests: int = 1) -> Interval:
    """Return an interval over images widened by the spread of several random starts `(S,)` whose mean is in it.

    Both reaches are added in squares, the second from Student's t, `tests` as in `mean_of_many`; unbounded for a
    single start, which is no population.
    """
    own = mean_of_many(np.asarray(starts, dtype=float), tests)
    low = found.value - float(np.hypot(found.value - found.low, own.value - own.low))
    return Interval(found.value, low, found.value + float(np.hypot(found.high - found.value, own.high - own.value)))


def stretched(found: Interval, tests: int) -> Interval:
    """Return a 95 % interval made wide enough for `tests` such intervals (Bonferroni, both reaches alike)."""
    from scipy.stats import norm

    more = float(norm.ppf(1 - ERROR / 2 / max(tests, 1)) / norm.ppf(1 - ERROR / 2))
    reach = (found.value - found.low) * more, (found.high - found.value) * more
    return Interval(found.value, found.value - reach[0], found.value + reach[1])


def error_of_each(count: int) -> float:
    """Return how often each of `count` independent intervals may miss so that at most one does, in 19 of 20 times.

    Never more than 5 %: the intervals of fewer than eight are plain ones.
    """
    from scipy.stats import beta

    return min(ERROR, float(beta.ppf(ERROR, 2, count - 1))) if count > 1 else ERROR  # Clopper & Pearson


def false_discoveries(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return q of each p `(T,)`: who takes all with q up to 0.05 is wrong about 5 % of what is taken, on average.

    Benjamini & Hochberg 1995; valid for tests that are independent or hang together positively, as layers do.
    """
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(np.asarray(p, dtype=float)) if len(p) else np.zeros(0))


def intervals_at_once(values: np.ndarray, draws: np.ndarray, starts: np.ndarray | None = None) -> list[Interval]:
    """Return values `(T,)` with intervals that hold all at once, from their resampled copies `(B, T)`.

    The largest deviation over all T, each in units of its own spread, sets their width (max-t, Westfall & Young 1993);
    a value that is nan, or nan in a resample, has no interval. `starts` `(S, T)` are the values by random start, of
    which they are the mean: a second random effect, for which each interval is widened as `lab.stats.intervals.widened`
    does (a single start says nothing of others).
    """
    known = np.isfinite(values) & np.isfinite(draws).all(axis=0)
    spread = np.zeros(len(values))
    reach = 0.0
    if known.any():
        deviations = draws[:, known] - draws[:, known].mean(axis=0)
        spread[known] = np.maximum(deviations.std(axis=0), 1e-12)
        reach = float(np.quantile(np.abs(deviations / spread[known]).max(axis=1), 1 - ERROR))
    if starts is not None and len(starts) > 1 and reach:
        spread = spread * _wider_by_starts(spread, starts, reach)
    return [
        Interval(float(value), float(value - reach * s), float(value + reach * s))
        if here
        else Interval(float(value), float("nan"), float("nan"))
        for value, s, here in zip(values, spread, known, strict=True)
    ]


def _wider_by_starts(spread: np.ndarray, starts: np.ndarray, reach: float) -> np.ndarray:
    """Return by what `reach` spreads `(T,)` must grow, for the variance of the starts' mean and how little is known of
    it (Satterthwaite): Student's quantile at the level that so many normal spreads have.

    Of three starts that vary as images do 7 % of all sets of 8 intervals miss, of starts that vary three times as much
    17 % do, where images alone would miss 16 and 81 % (simulated): three are few.
    """
    from scipy.stats import norm, t

    own, theirs = spread**2, starts.var(axis=0, ddof=1) / len(starts)
    found = np.ones(len(spread))
    more = (own > 0) & (theirs > 0)
    both = own[more] + theirs[more]
    freedom = both**2 / (theirs[more] ** 2 / (len(starts) - 1))
    found[more] = np.sqrt(both / own[more]) * t.ppf(norm.cdf(reach), freedom) / reach
    return found
