"""Numbers in sentences, written alike wherever something is told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lab.stats.intervals import Interval

NO_TWIN = "This network is untrained itself: there is nothing to compare it with."

RANGES = "Ranges in parentheses are 95 % intervals."
_RANGE = re.compile(r"\([^()]* to [^()]*\)")


def about_ranges(sentences: Iterable[str]) -> str:
    """Return what their ranges are, "" for sentences without any."""
    return RANGES if any(map(_RANGE.search, sentences)) else ""


def ranged(row: pd.Series | Mapping[str, Any], name: str, ends: str = "") -> str:
    """Return "0.81 (0.77 to 0.85)": a column of a row with its interval, `NAME_low` and `NAME_high`.

    `ends` names the interval's columns where they are called otherwise ("ci").
    """
    low, high = row[f"{ends or name}_low"], row[f"{ends or name}_high"]
    return f"{two(row[name])} ({two(low)} to {two(high)})"


def interval_of(row: pd.Series | Mapping[str, Any], name: str, ends: str = "") -> Interval:
    """Return a column of a row with its interval, as `ranged` finds it."""
    return Interval(float(row[name]), float(row[f"{ends or name}_low"]), float(row[f"{ends or name}_high"]))


def two(value: float) -> str:
    """Return a number with two decimals, never "-0.00"."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text


def with_ends(found: Interval) -> str:
    """Return "+0.12 (+0.04 to +0.20)" of a difference, with real minus signs; without its ends where it has none."""
    value = signed(found.value)
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return f"{value} (too few repetitions for an interval)"
    return f"{value} ({signed(found.low)} to {signed(found.high)})"


def signed(value: float) -> str:
    """Return a difference with its sign and two decimals, 0.00 without one."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")
