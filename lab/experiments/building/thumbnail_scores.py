"""Scores of all thumbnail readouts of a run, and the differences its findings rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from lab.experiments.building.decoding_contrasts import (
    NOTHING,
    Contrast,
    ScoredReadout,
    contrast_table,
    mean_of,
    scored,
)
from lab.experiments.building.ridge_decoding import Readout
from lab.stats.intervals import Bootstrap


class ScoredThumbnails:
    """Readouts by where they were made; those of untrained twins stand together."""

    def __init__(self, boot: Bootstrap) -> None:
        self.boot = boot
        self._places: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._found: dict[tuple[str, str, str], list[ScoredReadout]] = {}
        self._tables: dict[str, list[tuple[dict[str, Any], ScoredReadout]]] = {}

    def add(self, where: dict[str, Any], readout: Readout) -> None:
        """Score a readout of one control, pooling and layer; a second one is that of another twin."""
        key = (where["control"], where["pooling"], where["layer"])
        self._places.setdefault(key, where)
        self._found.setdefault(key, []).append(scored(readout, self.boot))

    def add_to(self, table: str, where: dict[str, Any], readouts: Sequence[Readout]) -> None:
        """Score the mean of readouts for the table of that name."""
        one = mean_of([scored(readout, self.boot) for readout in readouts])
        self._tables.setdefault(table, []).append((where, one))

    def rebuilt(self) -> pd.DataFrame:
        """Return the table `rebuilt`, a row for each place; intervals are over images."""
        rows = [
            {**self._places[key], **mean_of(found).interval.columns("r2", "ci")} for key, found in self._found.items()
        ]
        return pd.DataFrame(rows)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of what was added to it."""
        rows = [{**where, **one.interval.columns("r2", "ci")} for where, one in self._tables.get(name, [])]
        return pd.DataFrame(rows)

    def contrasts(self, grid: str) -> pd.DataFrame:
        """Return the table `contrasts`."""
        return contrast_table(self._contrasts(grid), "layer")

    def _contrasts(self, grid: str) -> Iterator[Contrast]:
        layers = [layer for control, pooling, layer in self._found if (control, pooling) == ("real", grid)]
        last = self._found["real", grid, layers[-1]][0]
        for layer in layers:
            own = self._found["real", grid, layer]
            if averaged := self._found.get(("real", "avg", layer)):
                yield Contrast("grid - average", {"layer": layer}, own[0], averaged)
            if twins := self._found.get(("untrained", grid, layer)):
                yield Contrast("trained - untrained", {"layer": layer}, own[0], twins)
        for (control, _, layer), found in self._found.items():
            if control == "shuffled":
                yield Contrast("shuffled", {"layer": layer}, found[0], [NOTHING])
        at = {"layer": layers[-1]}
        yield Contrast("last - first", at, last, self._found["real", grid, layers[0]])
        yield Contrast("last - mean colour", at, last, self._found["mean colour", "", ""])
        yield Contrast("last - pixels", at, last, self._found["pixels", "", ""])
        yield Contrast("last", at, last, [NOTHING])
        matched = [one for _, one in self._tables.get("matched", [])]
        if len(matched) > 1:
            yield Contrast("matched last - first", at, matched[-1], [matched[0]])
        learning = [one for where, one in self._tables.get("learning", []) if where["layer"] == layers[-1]]
        if len(learning) > 1:
            yield Contrast("all images - half", at, learning[-1], [learning[-2]])
