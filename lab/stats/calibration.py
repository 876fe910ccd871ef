"""What simulations with a known truth say of intervals and verdicts on a set of images like this one.

`calibration.csv` beside this file is written by benchmarks/calibration.py together with the table of
docs/calibration.md: a row for every kind of image set that was simulated, over all its planted effects.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from lab.stats.image_scores import measure_of

TABLE = Path(__file__).with_suffix(".csv")
HELD = (0.93, 0.97)  # how often an interval of 95 % should hold the truth
FALSE_EMERGENCE = 0.05  # the most where there is nothing
ENOUGH = 100  # simulations of an effect, to tell 90 % from 95 %


@dataclass(frozen=True)
class SimulatedKind:
    """One kind of image set, and the shares of simulations in which intervals held and sentences were wrong.

    `probe` is "logistic" or "ridge", `images` and `classes` are counts, `balance` is "equal" or "19:1", `groups` "one"
    (single images) or "uneven".
    `gap_*` and `accuracy_*` are the lowest and highest share, over the planted effects, of intervals of late − early
    and of accuracies that held the truth. `wrong` of `judged` verdicts said "for" or "against" where no layer is
    better, and an emergence was announced in the share `announced` of `nothing` simulations without any effect.
    """

    probe: str
    images: int
    classes: int
    balance: str
    groups: str
    simulations: int
    gap_low: float
    gap_high: float
    accuracy_low: float
    accuracy_high: float
    wrong: int
    judged: int
    announced: float
    nothing: int

    @property
    def described(self) -> str:
        sizes = "equal classes" if self.balance == "equal" else "classes of unequal size (19:1)"
        grouped = "" if self.groups == "one" else ", uneven groups"
        probe = "" if self.probe == "logistic" else f", {self.probe} probes"
        return f"{self.images} images, {self.classes} {sizes}{grouped}{probe}"


@cache
def simulated_kinds() -> tuple[SimulatedKind, ...]:
    """Return the rows of the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {field.name: {"int": int, "float": float, "str": str}[str(field.type)] for field in fields(SimulatedKind)}
    return tuple(SimulatedKind(**{name: kinds[name](value) for name, value in row.items()}) for row in rows)


def nearest_kind(labels: np.ndarray, groups: np.ndarray, probe: str = "logistic") -> SimulatedKind:
    """Return the simulated kind that is most like a set with these labels and groups, both `(N,)`."""
    balance = "19:1" if measure_of(labels, groups) == "AUC" else "equal"
    grouped = "one" if len(np.unique(groups)) == len(groups) else "uneven"
    classes = len(np.unique(labels))

    def unlike(kind: SimulatedKind) -> tuple[bool, bool, float, float]:
        far = abs(math.log(kind.images / len(labels)))
        return kind.balance != balance, kind.groups != grouped, abs(math.log(kind.classes / classes)), far

    return min((kind for kind in simulated_kinds() if kind.probe == probe), key=unlike)


def calibration_sentence(labels: np.ndarray, groups: np.ndarray, probe: str = "logistic") -> str:
    """Return how often intervals and verdicts were right in the simulations nearest to a set, and what that means."""
    kind = nearest_kind(labels, groups, probe)
    held = (
        f"In {kind.simulations:,} simulations of the nearest kind of set ({kind.described}) the interval of "
        f"late − early held the truth in {_shares(kind.gap_low, kind.gap_high)}, those of accuracies in "
        f"{_shares(kind.accuracy_low, kind.accuracy_high)}; 95 % is promised."
    )
    wrong = (
        f"Where no layer is better, {kind.wrong} of {kind.judged} verdicts said otherwise; where there was nothing at "
        f"all, an emergence was announced in {kind.announced:.1%} of {kind.nothing}."
    )
    return " ".join([held, wrong, *_warnings(kind)])


def _warnings(kind: SimulatedKind) -> list[str]:
    low, high = min(kind.gap_low, kind.accuracy_low), max(kind.gap_high, kind.accuracy_high)
    if kind.nothing < ENOUGH:
        return [f"That is {kind.nothing} simulations of an effect or fewer: too few to tell 90 from 95 %."]
    found = []
    if low < HELD[0]:
        found.append("So with such a set some intervals are a little too narrow.")
    elif high > HELD[1]:
        found.append("So with such a set intervals are rather too wide than too narrow.")
    if kind.announced > FALSE_EMERGENCE:
        found.append(f"An emergence depth alone is no evidence here: {FALSE_EMERGENCE:.0%} false ones were promised.")
    return found


def _shares(low: float, high: float) -> str:
    return f"{low:.0%}" if f"{low:.0%}" == f"{high:.0%}" else f"{100 * low:.0f}–{high:.0%}"
