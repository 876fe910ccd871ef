"""Is the new network no worse than the one before? A non-inferiority test of paired differences, at a layer or at all.

A difference is new minus before, image by image. With a margin (the largest drop that is allowed) its 95 % interval
decides: the new one is "not worse" when the whole interval lies above minus the margin, "worse" when the whole of it
lies below, and otherwise these images cannot tell. Each of the two is claimed wrongly in at most 2.5 % of all cases,
those where the true drop is just the margin (Schuirmann 1987; measured in docs/check.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.stats.auc import Z95
from lab.stats.differences import simultaneous
from lab.stats.intervals import Bootstrap, Interval, difference

NOT_WORSE, WORSE, CANNOT_TELL = "not worse", "worse", "cannot tell"
EXIT_CODES: Final = {NOT_WORSE: 0, WORSE: 1, CANNOT_TELL: 3}  # 2 is bad input
Z80: Final = 0.8416212335729143  # 80 % of the normal distribution: the power that is usually planned for


@dataclass(frozen=True)
class DropTest:
    """What was decided about a drop, from `gap`, new minus before.

    smallest_drop: the smallest true drop that would have been told from none with 80 % probability; by the same
    arithmetic the smallest margin that a network which has not changed passes so often.
    """

    outcome: str
    gap: Interval
    smallest_drop: float


def decide(gap: Interval, max_drop: float) -> str:
    """Return the outcome of an interval of new minus before.

    >>> decide(Interval(0.0, -0.01, 0.01), 0.02), decide(Interval(-0.1, -0.15, -0.05), 0.02)
    ('not worse', 'worse')
    >>> decide(Interval(-0.03, -0.05, -0.01), 0.02)  # clearly below, but perhaps by no more than is allowed
    'cannot tell'
    """
    if gap.low > -max_drop:
        return NOT_WORSE
    return WORSE if gap.high < -max_drop else CANNOT_TELL


def drop_test(boot: Bootstrap, differences: np.ndarray, max_drop: float) -> DropTest:
    """Return what the paired differences `(N,)` in [-1, 1] at one layer decide."""
    gap = difference(boot, differences)
    return DropTest(decide(gap, max_drop), gap, smallest_drop(gap))


def smallest_drop(gap: Interval) -> float:
    """Return the drop that an interval of this width tells from none with 80 % probability."""
    return (gap.value - gap.low) * (1 + Z80 / Z95)


def images_for(images: float, seen: float, wanted: float) -> int:
    """Return how many images (groups of copies count once) would see a drop of `wanted` where `images` saw `seen`."""
    return int(np.ceil(images * (seen / wanted) ** 2))


def drop_at_every_layer(boot: Bootstrap, differences: np.ndarray, max_drop: float) -> tuple[str, Sequence[Interval]]:
    """Return what differences `(L, N)` decide about all layers together, and their intervals that hold all at once.

    Not worse: no layer is, each by its own interval (an intersection of tests keeps its level: Berger 1982). Worse: a
    layer is, by intervals that allow for looking at all.
    """
    at_once = simultaneous(boot, differences)
    if all(drop_test(boot, row, max_drop).outcome == NOT_WORSE for row in differences):
        return NOT_WORSE, at_once
    return (WORSE if any(gap.high < -max_drop for gap in at_once) else CANNOT_TELL), at_once
