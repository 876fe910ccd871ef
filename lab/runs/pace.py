"""How long a question takes on this computer: the stages of its last run, and an estimate for one that is under way.

    cache/pace/probe.json    [[stage, how many of what it counts, seconds], …] of the last run that was finished

Nothing is promised before a run of the question has been measured here. An estimate scales the measured times by how
much more (or less) this run has to do, and by how much faster (or slower) it has been so far.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError
from lab.files import read_json, write_json
from lab.settings import cache_dir

MOST_STAGES = 200
SLOWEST, FASTEST = 6.0, 1 / 6  # how far the speed so far may move an estimate
STEADY_SECONDS = 2.0  # of measured work before the speed so far is believed
WHOLE = 0.5  # of the time before that a run must take to be the measure of the next
UNKNOWN_SHARE = 0.15  # of what is left of the bar that a stage takes where nothing was measured


@dataclass(frozen=True)
class Stage:
    """One stage of a run: its name without that of a network, how much it counts, seconds that it took."""

    name: str
    total: int
    seconds: float


@dataclass
class Pace:
    """The stages of a run so far, beside those of the last one of its question (`before`)."""

    experiment: str = ""
    before: Sequence[Stage] = ()
    stages: list[Stage] = field(default_factory=list)
    _at: int = -1  # which of the stages before the current one is, or the last that was there
    _name: str = ""
    _shown: float = 0.0

    @classmethod
    def of(cls, experiment: str) -> Pace:
        """Return the pace of a run that begins, with what is known of its question here."""
        return cls(experiment, _read(_file(experiment)))

    def entered(self, stage: str) -> None:
        """Note that a stage has begun."""
        self._name = plain(stage)
        later = [k for k in range(self._at + 1, len(self.before)) if self.before[k].name == self._name]
        self._at = later[0] if later else self._at

    def ended(self, stage: str, total: int, seconds: float) -> None:
        """Note what a stage has taken."""
        if len(self.stages) < MOST_STAGES:
            self.stages.append(Stage(plain(stage), total, seconds))

    def step(self) -> str:
        """Return "step 3 of 11", without the number of all where it is not known."""
        if self.before and self._at >= 0:
            return f"step {self._at + 1} of {len(self.before)}"
        return f"step {len(self.stages) + 1}"

    def estimate(self, done: int, total: int, seconds: float) -> tuple[float, float | None]:
        """Return the share of the whole run that is done (it never falls) and the seconds left, None if unknown.

        `done` of `total` of the current stage are finished after `seconds` in it.
        """
        share = min(1.0, done / total) if total > 0 else 0.0
        if not self.before or self._at < 0:
            begun = 1 - (1 - UNKNOWN_SHARE) ** len(self.stages)
            return self._rising(begun + (1 - begun) * UNKNOWN_SHARE * share), None
        now, later = self.before[self._at], self.before[self._at + 1 :]
        spent = sum(stage.seconds for stage in self.stages) + seconds
        size = total / now.total if now.total > 1 and total > 1 and now.name == self._name else 1.0
        current = now.seconds * size
        behind = sum(stage.seconds for stage in self.before[: self._at]) * size + share * current
        speed = (
            min(SLOWEST, max(FASTEST, spent / behind)) if behind > STEADY_SECONDS and spent > STEADY_SECONDS else 1.0
        )
        left = speed * ((1 - share) * current + sum(stage.seconds for stage in later) * size)
        return self._rising(spent / max(spent + left, 1e-9)), left

    def keep(self) -> None:
        """Write down the stages of a run that is finished, for the next one of its question."""
        taken, before = (sum(stage.seconds for stage in stages) for stages in (self.stages, self.before))
        if taken < WHOLE * before:  # most of it was there already: it says little about the next
            return
        rows = [[stage.name, stage.total, round(stage.seconds, 3)] for stage in self.stages]
        with contextlib.suppress(LabError, OSError):  # no room: the next run has no estimate
            write_json(_file(self.experiment), rows, durable=False)

    def _rising(self, share: float) -> float:
        self._shown = max(self._shown, min(share, 0.99))
        return self._shown


def plain(stage: str) -> str:
    """Return a stage's name without what differs from run to run.

    >>> plain("resnet18@untrained:0: looking at its layers")
    'looking at its layers'
    """
    return stage.rpartition(": ")[2][:80]


def _file(experiment: str) -> Path:
    return cache_dir("pace") / f"{experiment}.json"


def _read(path: Path) -> tuple[Stage, ...]:
    try:
        found = tuple(Stage(str(name), int(total), float(seconds)) for name, total, seconds in read_json(path) or ())
    except (LabError, OSError, TypeError, ValueError):
        return ()
    return found[:MOST_STAGES] if sum(stage.seconds for stage in found) > 0 else ()
