"""Means over independent repetitions (seeds, draws of stimuli) and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lab.stats.intervals import Interval


def mean_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Return the mean of independent values with its 95 % interval (Student's t); unbounded for a single value."""
    from scipy.stats import t

    found = np.asarray(values, dtype=float)
    centre = float(found.mean()) if len(found) else float("nan")
    if len(found) < 2:
        return Interval(centre, float("-inf"), float("inf"))
    error = float(found.std(ddof=1) / np.sqrt(len(found)) * t.ppf(0.975, len(found) - 1))
    return Interval(centre, centre - error, centre + error)


def said(interval: Interval, digits: int = 2) -> str:
    """Return "0.81 (0.77 to 0.85)"."""
    return f"{interval.value:.{digits}f} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"
