"""What an interval of a difference allows to be said: more, less, the same up to a margin, or nothing.

An interval that touches 0 does not show that nothing is there (absence of evidence); "same" needs an interval that
lies within a margin on both sides (two one-sided tests, Schuirmann 1987; here each side at 2.5 %, since intervals are
95 %). Selection and the number of tests belong into the interval: see `lab.stats.simultaneous`.
"""

from __future__ import annotations

from typing import Literal

from lab.stats.intervals import Interval

Outcome = Literal["more", "less", "same", "open"]

ACCURACY_MARGIN = 0.05  # differences of accuracy that are too small to matter
R2_MARGIN = 0.05  # the same for a share of variance


def outcome(difference: Interval, margin: float) -> Outcome:
    """Return what the interval of a difference shows.

    "same": it lies within `margin` of 0 on both sides; "more" or "less": it lies on one side of 0; "open": neither,
    or an end is not known (nan). `margin` has the difference's unit; 0 never gives "same" but for an exact 0.
    """
    low, high = difference.low, difference.high
    if -margin <= low and high <= margin:
        return "same"
    if low > 0:
        return "more"
    return "less" if high < 0 else "open"


def count(found: list[Outcome], which: Outcome) -> int:
    """Return how many of the outcomes are `which`."""
    return sum(one == which for one in found)
