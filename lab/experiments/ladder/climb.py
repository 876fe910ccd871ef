"""One network on one rung: its accuracies by layer, where it emerges, and the same in resamples of the drawings."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lab.experiments.ladder.measure import LadderNetwork, RungReading
from lab.images.synthetic import RUNGS
from lab.stats.depth import Emergence, emergence, emergence_depths
from lab.stats.intervals import REFIT, Bootstrap, bootstrap, correctness
from lab.stats.simultaneous import error_of_each


@dataclass(frozen=True)
class Climb:
    """One network on one rung: correctness by layer `(L, N)`, where it emerges, and the same in resamples.

    `draws` `(B,)` are emergence depths, `again` the same for other drawings of as many; `best` is the position of the
    best layer.
    """

    network: LadderNetwork
    rung: str
    correct: np.ndarray
    boot: Bootstrap
    emergence: Emergence
    draws: np.ndarray
    again: np.ndarray

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy by layer `(L,)`."""
        return np.asarray(self.correct.mean(axis=1))

    @property
    def best(self) -> int:
        """The position of the best layer."""
        return int(self.accuracy.argmax())


def climb_of(reading: RungReading, network: LadderNetwork) -> Climb:
    """Return where a rung emerges in a network; the resamples are those of the rung, the same for every network."""
    labels = reading.images.labels
    boot = resamples_of(reading)
    correct = np.stack([correctness(probabilities, labels) for probabilities in reading.probe])
    (found,) = emergence(network.depths, reading.probe, labels, boot)
    curve, curves = boot.mean(correct), boot.means(correct)
    draws = emergence_depths(network.depths, curves)
    # What other drawings give scatters about the truth as these do, so by root 2 as far from these as from the truth.
    again = emergence_depths(network.depths, curve + 2**0.5 * (curves - curve))
    return Climb(network, reading.rung, correct, boot, found, draws, again)


def likely_again(climb: Climb, rungs: int) -> tuple[float, float]:
    """Return where other drawings of as many are expected to have a rung emerge that is reached.

    Of so many `rungs` at most one lies outside, in 19 of 20 ladders.
    """
    miss = error_of_each(rungs)
    low, high = np.percentile(climb.again, (50 * miss, 100 - 50 * miss))
    return min(float(low), climb.emergence.depth), max(float(high), climb.emergence.depth)


def resamples_of(reading: RungReading, refit: float = REFIT) -> Bootstrap:
    """Return the resamples of a rung's drawings: the same for all networks, another rung's are its own.

    They are of other drawings, since a set is so many independent ones and `refit` stands for their other probes.
    """
    images = reading.images
    return _resamples(reading.rung, images.groups.tobytes(), images.labels.tobytes(), refit)


@lru_cache(maxsize=2 * len(RUNGS))
def _resamples(rung: str, groups: bytes, labels: bytes, refit: float) -> Bootstrap:
    seed = zlib.crc32(rung.encode()) % 2**31
    return bootstrap(np.frombuffer(groups, np.int64), np.frombuffer(labels, np.int64), seed=seed, refit=refit)
