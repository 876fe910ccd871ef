"""A few places read by the real probe on all images, and the best of them against its controls.

Who is right is paired image by image, so that what is not clearly worse than the best is told by differences, with
intervals that hold for all confirmed places at once. All are read in the first repeat of the folds; what is clearly
worse then is not read in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lab.errors import LabError
from lab.experiments.base import PartialResults
from lab.experiments.separability.given_split import Measured, test_part
from lab.experiments.separability.measure import ProbeResult, ProbeSetup, open_sources, probe_all
from lab.experiments.separability.tables import chance_row, summary_row
from lab.experiments.which.halving import Place, Round
from lab.names import list_of
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.differences import best_layer, simultaneous
from lab.stats.intervals import Bootstrap, Interval, accuracy_interval, bootstrap, chance, correctness
from lab.stats.simultaneous import stretched

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Confirmed:
    """What the real probe reads: places in order, who is right on the tested images `(R, P, N)`, and their resamples.

    nan stands for the repeats that a place was not read in; `question` is that of the tested images.
    """

    question: ProbeSetup
    places: tuple[Place, ...]
    right: np.ndarray
    boot: Bootstrap

    @property
    def correct(self) -> np.ndarray:
        """Share of repeats in which each image is read right, `(P, N)`."""
        return np.asarray(np.nanmean(self.right, axis=0))

    @property
    def repeats(self) -> np.ndarray:
        """How many repeats each place was read in, `(P,)`."""
        return np.asarray(np.isfinite(self.right[:, :, 0]).sum(axis=0))

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy by place, `(P,)`."""
        return self.boot.mean(self.correct)

    @property
    def best(self) -> int:
        """The position of the place with the highest accuracy; of equals that with the fewest operations."""
        flops = np.array([place.layer.flops for place in self.places])
        return int(np.lexsort((flops, -self.accuracy.round(9)))[0])

    @property
    def chosen(self) -> Interval:
        """The accuracy of whichever place is best, picked on other images than those it is judged by."""
        picked = best_layer(np.nan_to_num(self.right, nan=-1.0), self.question.splits).correct
        accuracy = float(self.boot.mean(picked))
        return Interval(accuracy, *accuracy_interval(accuracy, self.boot.groups))

    @property
    def guessing(self) -> float:
        """The accuracy of always naming the commonest class."""
        return chance(self.question.labels, self.question.images.groups)

    def above(self, others: np.ndarray, searched: int) -> list[Interval]:
        """Return how far the best place is above others `(C, N)`, with intervals that hold for all of them at once and
        whichever of the `searched` places it had been: the best of many is so by some luck too."""
        return [stretched(gap, searched) for gap in simultaneous(self.boot, self.correct[self.best] - others)]

    def behind(self) -> list[Interval]:
        """Return how far each place is behind the best, with intervals that hold for all of them at once."""
        correct = self.correct
        return simultaneous(self.boot, correct[self.best] - correct)


def cheaper_places(first: Round, taken: Sequence[Place], most: int) -> list[Place]:
    """Return places that take fewer operations than any of `taken`: the best for their cost by the first round.

    Of those whose evidence nothing cheaper reaches at most `most`, evenly from the cheapest to the dearest.
    """
    limit = min(place.layer.flops for place in taken)
    ordered = sorted(first.scored, key=lambda one: (one.place.layer.flops, -one.evidence))
    front, best = [], -np.inf
    for one in ordered:
        if one.place.layer.flops < limit and one.evidence > best:
            front.append(one.place)
            best = one.evidence
    at = np.unique(np.linspace(0, len(front) - 1, min(most, len(front))).round().astype(int)) if front else ()
    return [front[int(k)] for k in at]


def confirmed(
    question: ProbeSetup,
    places: Sequence[Place],
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
) -> Confirmed:
    """Return what the probe reads at `places`."""
    part = test_part(Measured(question, (), ())).question
    boot = bootstrap(part.images.groups, part.labels)
    right = np.full((len(part.splits), len(places), len(part.labels)), np.nan)
    left = list(range(len(places)))
    for repeats in filter(None, (range(1), range(1, len(part.splits)))):
        own = _of_repeats(question, repeats)
        right[np.ix_(repeats, left)] = _right(own, [places[k] for k in left], progress, compute, partial_results)
        found = Confirmed(part, tuple(places), right, boot)
        left = [k for k, gap in enumerate(found.behind()) if gap.low <= 0]
    return found


def _of_repeats(question: ProbeSetup, repeats: range) -> ProbeSetup:
    """Return the same question in some repeats of its folds only."""
    at, design = slice(repeats.start, repeats.stop), question.design
    return replace(question, design=replace(design, splits=design.splits[at], shuffled=design.shuffled[at]))


def _right(
    question: ProbeSetup, places: Sequence[Place], progress: Progress, compute: Compute, partial_results: PartialResults
) -> np.ndarray:
    """Return who is right on the tested images, float `(R, P, N)`."""
    found: dict[Place, ProbeResult] = {}
    for model in dict.fromkeys(place.model for place in places):
        own = [place for place in places if place.model == model]
        readings = _readings(question, model, own, (), progress, compute, partial_results)
        by_name = {reading.layer.name: reading for reading in readings if reading.layer}
        found |= {place: by_name[place.layer.name] for place in own}
    part = test_part(Measured(question, (), [found[place] for place in places]))
    right = [reading.probabilities.argmax(axis=2) == part.question.labels for reading in part.readings]
    return np.stack(right, axis=1).astype(np.float64)


def control_rows(
    found: Confirmed,
    question: ProbeSetup,
    controls: Sequence[str],
    searched: int,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
) -> tuple[list[Row], list[str]]:
    """Return a row for the best place of all that were `searched` and each of its controls, and why one of them is
    missing."""
    place, problems = found.places[found.best], []
    try:
        readings = _readings(question, place.model, [place], controls, progress, compute, partial_results)
    except LabError as error:
        problems.append(f"{place.model}: {error}")
        readings = _readings(question, place.model, [place], (), progress, compute, partial_results)
    part = test_part(Measured(question, (), readings))
    labels = part.question.labels
    rows = [summary_row(part.question, reading) for reading in part.readings]
    others = [
        np.full(len(labels), np.nan) if reading.control == "probe" else correctness(
            reading.probabilities, _labels(part.question, reading)
        )
        for reading in part.readings
    ]  # fmt: skip
    rows.append(chance_row(part.question))
    others.append(np.full(len(labels), found.guessing))
    above = found.above(np.stack(others), searched)
    return [_control(row, gap) for row, gap in zip(rows, above, strict=True)], problems


def _labels(question: ProbeSetup, reading: ProbeResult) -> np.ndarray:
    if reading.control != "shuffled":
        return question.labels
    draws = len(reading.probabilities) // len(question.shuffled)
    return np.tile(question.shuffled, (draws, 1))


def _control(row: Row, above: Interval) -> Row:
    named = {name: row[name] for name in ("control", "dim", "accuracy", "ci_low", "ci_high")}
    return {**named, **above.columns("above")}


def _readings(
    question: ProbeSetup, model: str, places: Sequence[Place], controls: Sequence[str], progress: Progress,
    compute: Compute, partial_results: PartialResults,
) -> list[ProbeResult]:  # fmt: skip
    """Return what the probe and `controls` read at some layers of one network."""
    layers = list_of(place.layer.name for place in places)
    own = replace(question.request, models=(model,), layers=layers, controls=tuple(controls))
    narrowed = replace(question, request=own)
    sources, _ = open_sources(narrowed, progress, compute)
    return list(probe_all(narrowed, sources, progress, partial_results))
