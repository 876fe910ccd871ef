"""What the words of a request's `channels` (`lab.experiments.channels.channel_names`) name in a scanned layer.

Each becomes a `Target`: the objective of a visualization, the channel whose exemplars belong to it (None for a
direction), and how selective it is for the classes where there are some.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError, nearest
from lab.experiments.channels.channel_names import MOST, ChannelWord, channel_words
from lab.experiments.channels.probe_direction import probe_direction
from lab.experiments.channels.scan_context import ScanContext
from lab.experiments.channels.selectivity import most_selective, selectivity
from lab.layers import Layer
from lab.visualization.objectives import Objective, channel, direction, neuron


@dataclass(frozen=True, eq=False)
class ChannelTarget:
    """One thing to look for in a layer. kind: "channel", "position" or "direction"."""

    layer: Layer
    objective: Objective
    kind: str
    channel: int | None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The target as it is written in a request."""
        return self.objective.name


def targets_of(look: ScanContext, layer: Layer, spec: str) -> list[ChannelTarget]:
    """Return what `spec` names in a layer, each once; raises LabError for what it cannot have."""
    table = class_table(look, layer)
    found: dict[str, ChannelTarget] = {}
    for word in channel_words(spec):
        for target in _named(look, layer, word, table):
            found.setdefault(target.name, target)
    if len(found) > MOST:
        raise LabError(f"{spec!r} names {len(found)} targets of {layer.name}; at most {MOST} are looked at at once")
    return list(found.values())


def class_table(look: ScanContext, layer: Layer) -> pd.DataFrame | None:
    """Return how selective each channel of a layer is for the set's classes, None where that cannot be measured."""
    images = look.images
    if len(images.classes) < 2:
        return None
    try:
        return selectivity(look.scans[layer.name].means, images.labels, images.groups, images.classes)
    except LabError:
        return None


def _of_class(look: ScanContext, layer: Layer, name: str) -> pd.DataFrame:
    """Return how selective each channel is for one class."""
    images = look.images
    if name not in images.classes:
        raise LabError(f"there is no class {name!r} in {images.spec}{nearest(name, images.classes)}")
    labels = (images.labels != images.classes.index(name)).astype(np.int64)
    return selectivity(look.scans[layer.name].means, labels, images.groups, (name, "the rest"), only=0)


def _named(look: ScanContext, layer: Layer, word: ChannelWord, table: pd.DataFrame | None) -> list[ChannelTarget]:
    if word.kind == "class":
        return [_probe(look, layer, word.name)]
    if word.kind == "top":
        if table is None:
            raise LabError(
                f"{word.text} needs two classes or more with a few images each, and {look.images.spec} has not; "
                "name channels by number"
            )
        rows = _of_class(look, layer, word.name) if word.name else table
        return [_channel(layer, index, rows) for index in most_selective(rows, word.count)]
    if word.kind == "position":
        index = word.numbers[0]
        return [ChannelTarget(layer, neuron(layer, *word.numbers), "position", index, _facts(table, index))]
    first, last = word.numbers if word.kind == "range" else (0, layer.channels - 1)
    return [_channel(layer, index, table) for index in range(first, last + 1)]


def _channel(layer: Layer, index: int, table: pd.DataFrame | None) -> ChannelTarget:
    return ChannelTarget(layer, channel(layer, index), "channel", index, _facts(table, index))


def _probe(look: ScanContext, layer: Layer, name: str) -> ChannelTarget:
    found = probe_direction(look.scans[layer.name].means, look.images, layer, name)
    objective = direction(layer, f"class:{name}", found.weights, found.bias)
    return ChannelTarget(layer, objective, "direction", None, {"class": name, "accuracy": found.accuracy})


def _facts(table: pd.DataFrame | None, index: int) -> dict[str, Any]:
    if table is None or index >= len(table):
        return {"class": "", "auc": np.nan, "ci_low": np.nan, "ci_high": np.nan}
    row = table.iloc[index]
    return {name: row[name] for name in ("class", "auc", "ci_low", "ci_high")}
