"""Differences between readouts, paired by image: layers, poolings, controls, several random starts of the twin.

A readout's R² comes with its resampled copies, so that any difference has them too. Differences of one kind hold for
all its rows at once; where the other side are networks from several random starts, their spread is in the interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.building.ridge_decoding import Readout, read_out
from lab.stats.intervals import Bootstrap, Interval
from lab.stats.simultaneous import intervals_at_once, widened_by_starts

SUBSETS = 3  # random sets of equally many numbers of each layer
SHARES = (0.25, 0.5, 1.0)  # of the training images, for a learning curve


@dataclass(frozen=True, eq=False)
class ScoredReadout:
    """R² of a readout and its resampled copies `(B,)`."""

    value: float
    draws: np.ndarray

    @property
    def interval(self) -> Interval:
        if not np.isfinite(self.draws).all():
            return Interval(self.value, float("nan"), float("nan"))
        low, high = np.percentile(self.draws, (2.5, 97.5))
        return Interval(self.value, float(low), float(high))


NOTHING = ScoredReadout(0.0, np.zeros(1))


@dataclass(frozen=True, eq=False)
class Contrast:
    """One difference: of what kind, where, and the two sides; several `others` are random starts of one network."""

    kind: str
    where: dict[str, Any]
    one: ScoredReadout
    others: Sequence[ScoredReadout]


def scored(readout: Readout, boot: Bootstrap, columns: slice | np.ndarray = slice(None)) -> ScoredReadout:
    """Return R² over the targets in `columns` with its resampled copies."""
    left, whole = (boot.weights @ part[:, columns].sum(axis=1) for part in readout.errors())
    with np.errstate(invalid="ignore", divide="ignore"):
        return ScoredReadout(readout.r2(columns), 1 - left / whole)


def mean_of(several: Sequence[ScoredReadout]) -> ScoredReadout:
    """Return the mean of R² over readouts of the same images."""
    return ScoredReadout(
        float(np.mean([one.value for one in several])), np.mean([one.draws for one in several], axis=0)
    )


def contrast_table(contrasts: Iterable[Contrast], *keys: str) -> pd.DataFrame:
    """Return one row per difference: its kind, the `keys` of its place, both sides, the difference and its interval."""
    by_kind: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        by_kind.setdefault(contrast.kind, []).append(contrast)
    rows = []
    for kind, those in by_kind.items():
        others = [mean_of(contrast.others) for contrast in those]
        values = np.array([contrast.one.value - other.value for contrast, other in zip(those, others, strict=True)])
        draws = [contrast.one.draws - other.draws for contrast, other in zip(those, others, strict=True)]
        found = intervals_at_once(values, np.stack(draws, axis=1))
        for contrast, other, interval in zip(those, others, found, strict=True):
            if kind == "trained - untrained":
                starts = np.array([one.value for one in contrast.others])
                interval = widened_by_starts(interval, starts, len(those))
            sides = {"one": contrast.one.value, "other": other.value, "starts": len(contrast.others)}
            rows.append({"contrast": kind, **contrast.where, **sides, **interval.columns("gap")})
    columns = ["contrast", *keys, "one", "other", "starts", "gap", "gap_low", "gap_high"]
    return pd.DataFrame(rows, columns=columns)


def equal_widths(embedding: np.ndarray, targets: np.ndarray, folds: np.ndarray, width: int, seed: int) -> list[Readout]:
    """Return readouts of random sets of `width` of the embedding's numbers: a wide layer gives more to learn from."""
    count = embedding.shape[1]
    rng = np.random.default_rng((seed, 0x31D7))
    sets = [rng.permutation(count)[:width] for _ in range(SUBSETS)] if width < count else [np.arange(count)]
    return [read_out(embedding[:, chosen], targets, folds) for chosen in sets]


def fewer_images(
    embedding: np.ndarray, targets: np.ndarray, folds: np.ndarray, groups: np.ndarray, share: float, seed: int
) -> Readout:
    """Return a readout that learns from a `share` of the training images of each fold, whole groups of copies."""
    names = np.random.default_rng((seed, 0x1EA2)).permutation(np.unique(groups))
    known = np.isin(groups, names[: max(2, round(share * len(names)))])
    return read_out(embedding, targets, folds, learn=known)
