"""Rows of the ladder that hold one thing against another, each with intervals over the drawings.

Labels saved by each layer; what is lost on the other side of a change (`lab.experiments.ladder.changes`); networks
against the first of them; and whether training leads to what an untrained network made easy (Hermann & Lampinen, "What
shapes feature representations?", NeurIPS 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lab.experiments.ladder.climb import Climb, resamples_of
from lab.experiments.ladder.measure import LadderNetwork, RungReading
from lab.experiments.separability.label_efficiency import code_row
from lab.stats.differences import simultaneous
from lab.stats.intervals import difference
from lab.stats.ordering import LEAST, agreement
from lab.stats.simultaneous import intervals_at_once

Row = dict[str, Any]
# A change splits the drawings in one way only: the two probes learn from half of them each and no repeats average them.
# Spread of such losses over that of resampled answers: 1.1 to 1.5 (docs/calibration.md).
LOSS_REFIT = 1.5


def label_rows(reading: RungReading) -> Iterator[Row]:
    """Yield how many labels each layer of a network saves."""
    if reading.network is None or reading.bits is None or reading.control is None:
        return
    count, classes = len(reading.images), len(reading.images.classes)
    whole = {"uniform": np.array(count * np.log2(classes)), "images": np.array(count)}
    for layer, bits, control in zip(reading.network.layers, reading.bits, reading.control, strict=True):
        place = {"model": reading.network.model, "rung": reading.rung, "layer": layer.name, "depth": layer.depth}
        yield {**place, **code_row({"bits": bits, "control": control, **whole}, classes)}


def moved_rows(reading: RungReading) -> Iterator[Row]:
    """Yield what each layer reads on the other side of each change, against random halves."""
    if reading.network is None or reading.mixed is None:
        return
    boot = resamples_of(reading, LOSS_REFIT)
    for change, found in reading.moved.items():
        for layer, moved, mixed in zip(reading.network.layers, found, reading.mixed, strict=True):
            yield {
                "model": reading.network.model, "rung": reading.rung, "change": change, "layer": layer.name,
                "depth": layer.depth, "mixed": float(mixed.mean()), "moved": float(moved.mean()),
                **difference(boot, mixed - moved).columns("loss"),
            }  # fmt: skip


def invariance_rows(network: LadderNetwork, readings: Sequence[RungReading]) -> Iterator[Row]:
    """Yield what each layer loses on the other side of each change, mean over the rungs that it reads, if any.

    The intervals are over the drawings of these rungs, for all layers of a change at once.
    """
    own = [
        (reading, resamples_of(reading, LOSS_REFIT))
        for reading in readings
        if reading.network == network and reading.moved
    ]
    for change in dict.fromkeys(name for reading, _ in own for name in reading.moved):
        rows: list[Row] = []
        draws = []
        for number, layer in enumerate(network.layers):
            here = [(r, boot) for r, boot in own if change in r.moved and _reads(r, number)]
            sides = [(r.mixed[number], r.moved[change][number]) for r, _ in here if r.mixed is not None]
            if not sides:
                continue
            mixed, moved = (float(np.mean([side[which].mean() for side in sides])) for which in (0, 1))
            losses = [
                boot.means((one - other)[None])[:, 0] for (_, boot), (one, other) in zip(here, sides, strict=True)
            ]
            draws.append(np.mean(losses, axis=0))
            rows.append(
                {"model": network.model, "change": change, "layer": layer.name, "depth": layer.depth,
                 "rungs": len(sides), "mixed": mixed, "moved": moved}
            )  # fmt: skip
        values = np.array([row["mixed"] - row["moved"] for row in rows])
        for row, loss in zip(rows, intervals_at_once(values, np.stack(draws, axis=1)) if rows else [], strict=True):
            yield {**row, **loss.columns("loss")}


def _reads(reading: RungReading, number: int) -> bool:
    """Return whether a layer's accuracy lies above chance with its interval."""
    return reading.accuracy(reading.probe[number]).low > 1 / 2


def network_rows(climbs: Sequence[Sequence[Climb]]) -> Iterator[Row]:
    """Yield each further network against the first, rung by rung; nothing for one network.

    The intervals are over drawings, which all networks saw, and hold for all rungs at once.
    """
    first, *others = climbs
    for other in others:
        gained = [theirs.correct[theirs.best] - own.correct[own.best] for own, theirs in zip(first, other, strict=True)]
        values = np.array([gain.mean() for gain in gained])
        draws = [own.boot.means(gain[None])[:, 0] for own, gain in zip(first, gained, strict=True)]
        gains = intervals_at_once(values, np.stack(draws, axis=1))
        later = np.array(
            [theirs.emergence.depth - own.emergence.depth for own, theirs in zip(first, other, strict=True)]
        )
        later_draws = np.stack([theirs.draws - own.draws for own, theirs in zip(first, other, strict=True)], axis=1)
        for own, theirs, gain, shift in zip(first, other, gains, intervals_at_once(later, later_draws), strict=True):
            yield {
                "model": theirs.network.model, "against": own.network.model, "rung": own.rung,
                "best": float(theirs.accuracy[theirs.best]), "best_against": float(own.accuracy[own.best]),
                **gain.columns("gain"), "reached": bool(theirs.emergence.reached),
                "reached_against": bool(own.emergence.reached), **shift.columns("later"),
            }  # fmt: skip


def layer_rows(climbs: Sequence[Sequence[Climb]]) -> Iterator[Row]:
    """Yield each further network with the layers of the first, such as a later checkpoint, against it, cell by cell.

    The intervals hold for all layers of a rung at once.
    """
    first, *others = climbs
    for other in others:
        if [layer.name for layer in other[0].network.layers] != [layer.name for layer in first[0].network.layers]:
            continue
        for own, theirs in zip(first, other, strict=True):
            found = simultaneous(own.boot, theirs.correct - own.correct)
            for number, (layer, gap) in enumerate(zip(own.network.layers, found, strict=True)):
                yield {
                    "model": theirs.network.model, "against": own.network.model, "rung": own.rung, "layer": layer.name,
                    "depth": layer.depth, "accuracy": float(theirs.accuracy[number]),
                    "accuracy_against": float(own.accuracy[number]), **gap.columns("difference"),
                }  # fmt: skip


def _resampled_twins(count: int, resamples: int) -> np.ndarray:
    """Return what each twin counts in each resample `(B, T)`: twins are a random effect, widened for how few there are;
    a single one is all there is."""
    drawn = np.random.default_rng(0x7317).multinomial(count, np.full(count, 1 / count), resamples) / count
    return np.asarray(1 / count + (drawn - 1 / count) * np.sqrt(count / max(count - 1, 1)))


def ease_rows(model: str, by_network: Mapping[tuple[str, int], Sequence[Climb]]) -> Iterator[Row]:
    """Yield how far the rungs that untrained twins read best are those that the network reads best at its end."""
    own = by_network[model, -1]
    twins = [climbs for (name, twin), climbs in by_network.items() if name == model and twin >= 0]
    if not twins or len(own) < LEAST:
        return
    easy = np.array([np.mean([twin[number].accuracy.max() for twin in twins]) for number in range(len(own))])
    resampled = [
        np.stack([climb.boot.means(twin[number].correct[[twin[number].best]])[:, 0] for twin in twins], axis=1)
        for number, climb in enumerate(own)
    ]
    counted = _resampled_twins(len(twins), len(resampled[0]))
    easy_draws = np.stack([np.vecdot(draws, counted) for draws in resampled], axis=1)
    last = np.array([climb.accuracy[-1] for climb in own])
    last_draws = np.stack([climb.boot.means(climb.correct[-1:])[:, 0] for climb in own], axis=1)
    found = agreement(easy, last, easy_draws, last_draws)
    yield {"model": model, "rungs": len(own), "twins": len(twins), **found.columns("tau")}
