"""Choices of layers at matched dimension: equally many principal components of one layer or of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.experiments.ablation.layer_concatenation_findings import BEST, LAST
from lab.experiments.ablation.probe_data import ProbeData, cached_probe
from lab.experiments.base import PartialResults
from lab.probing.pca import principal_axes, standardise
from lab.progress import Progress
from lab.stats.differences import simultaneous
from lab.stats.intervals import Interval, correctness


@dataclass(frozen=True)
class FeatureSet:
    """A row to come: its name and the layers it sees; none for the best one, which is chosen on training images."""

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Sweep:
    """The choices of layers at several matched dimensions: those of `several`, the layer `last`, and the best single
    layer, which `taken` names for every repeat and fold."""

    material: ProbeData
    vectors: dict[str, np.ndarray]
    several: list[FeatureSet]
    last: str
    taken: dict[tuple[int, int], str]
    dimensions: tuple[int, ...]

    def read(self, partial_results: PartialResults, progress: Progress) -> pd.DataFrame:
        """Return the table `sweep`; differences to the last layer hold for all choices and dimensions at once."""
        choices = [FeatureSet(LAST, (self.last,)), FeatureSet(BEST, ()), *self.several]
        rows, right = [], []
        for number, choice in enumerate(choices):
            progress("Probing at several dimensions", number, len(choices), "choices of layers")
            key = f"{self.material.images.fingerprint}/sweep/{choice.name}/{','.join(map(str, self.dimensions))}"
            found = cached_probe(partial_results, key, lambda choice=choice: self._probed(choice))  # type: ignore[misc]
            for dimension, probabilities in zip(self.dimensions, found, strict=True):
                interval = self.material.scores(probabilities).interval.columns("accuracy", "ci")
                rows.append({"reader": choice.name, "dim": dimension, **interval})
                right.append(correctness(probabilities, self.material.labels))
        last = np.stack(right[: len(self.dimensions)])
        gaps = np.stack(right[len(self.dimensions) :]) - np.tile(last, (len(choices) - 1, 1))
        nothing = [Interval(0.0, 0.0, 0.0)] * len(self.dimensions)
        at_once = [*nothing, *simultaneous(self.material.resamples, gaps)]
        return pd.DataFrame([{**row, **gap.columns("gap")} for row, gap in zip(rows, at_once, strict=True)])

    def _probed(self, choice: FeatureSet) -> np.ndarray:
        """Return the probabilities `(dimensions, R, N, K)` of probes of one choice of layers."""
        labels, groups = self.material.labels, self.material.groups
        shape = (len(self.dimensions), len(self.material.splits), len(labels), max(int(labels.max()) + 1, 2))
        found = np.full(shape, np.nan)
        for repeat, tested in enumerate(self.material.splits):
            for fold in range(int(tested.max()) + 1):
                test = tested == fold
                names = choice.layers or (self.taken[repeat, fold],)
                seen = components([self.vectors[name] for name in names], ~test, max(self.dimensions))
                for index, dimension in enumerate(self.dimensions):
                    part = seen[:, :dimension]
                    probed = self.material.read(part[~test], labels[~test], groups[~test], [part[test]])[0]
                    found[index, repeat, test] = probed
        return found


def components(parts: Sequence[np.ndarray], train: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` principal components `(N, k)` of layers side by side, learnt on `train` (bool `(N,)`).

    Every feature is standardised and every layer's features together count alike, whatever its width.
    """
    sides = [standardise(part[train], part) for part in parts]
    known, every = (
        np.concatenate([side[which] / np.sqrt(side[which].shape[1]) for side in sides], axis=1) for which in (0, 1)
    )
    return principal_axes(known, every)[1][:, :count]
