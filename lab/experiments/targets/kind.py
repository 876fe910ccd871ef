"""What a kind of target is: how images are opened and dealt, how a layer is read, by which measure it is judged.

A subclass is a row of `lab.experiments.targets.run.KINDS`; the rest of the package asks nothing else of a target.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.separability.fits import channel_subsets
from lab.experiments.separability.measure import EmbeddingSource
from lab.experiments.targets.design import TargetDesign
from lab.experiments.targets.request import TargetRequest
from lab.images import ImageSet
from lab.layers import Layer
from lab.partial_results import Arrays
from lab.stats.intervals import Bootstrap

Row = dict[str, Any]
Found = Mapping[str, np.ndarray]  # what the probes of a layer say, held out, (R, N) or (R, N, L) each
NOWHERE: Row = {"model": "", "layer": "", "depth": 0.0, "dim": 0, "control": "chance"}


@dataclass(frozen=True)
class Reading:
    """What was read off one layer (None for the pixels); of what was drawn several times, all draws along R."""

    model: str
    control: str
    layer: Layer | None
    dim: int
    found: Found

    @property
    def where(self) -> Row:
        """The columns that say which reading it is."""
        named = {"layer": self.layer.name if self.layer else "", "depth": self.layer.depth if self.layer else 0.0}
        return {"model": self.model, **named}

    @staticmethod
    def of(model: str, control: str, layer: Layer | None, fitted: Found) -> Reading:
        """Return one control's part of what `Kind.fit` found at a layer."""
        own = {
            name.removeprefix(f"{control}."): part for name, part in fitted.items() if name.startswith(f"{control}.")
        }
        return Reading(model, control, layer, int(own.pop("dim")), own)


def joined(same: Sequence[Reading]) -> Reading:
    """Return the readings of several twins of one layer as one, seed after seed."""
    found = {name: np.concatenate([one.found[name] for one in same]) for name in same[0].found}
    return replace(same[0], found=found)


class Kind(ABC):
    """A kind of target. `measure` is its score's name in sentences, `best` the score's column, `chance` what guessing
    gives; `refit` widens intervals of differences for refitted probes."""

    experiment: ClassVar[str]
    target: ClassVar[str]  # what `open_image_set` and requests call it
    measure: ClassVar[str]
    best: ClassVar[str]
    chance: ClassVar[float]
    refit: ClassVar[float]
    doing: ClassVar[str]

    @abstractmethod
    def has_targets(self, images: ImageSet) -> bool:
        """Return whether images that are given were opened with this target."""

    @abstractmethod
    def deal(
        self, images: ImageSet, groups: np.ndarray, request: TargetRequest, tested: np.ndarray | None
    ) -> tuple[ImageSet, TargetDesign, list[str]]:
        """Return the images with the targets that can be probed, who is tested when, and what was left out."""

    @abstractmethod
    def fit_each(self, design: TargetDesign, embedding: np.ndarray, asked: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Return what probes of each set of targets `asked` `(S, R, N[, L])` say of an embedding `(N, D)`, held out."""

    @abstractmethod
    def parts(self, design: TargetDesign, control: str, found: Found) -> np.ndarray:
        """Return each tested image's part in the measure for every draw, `(S, N)`."""

    @abstractmethod
    def summary(self, design: TargetDesign, control: str, found: Found) -> Row:
        """Return the scores of a reading, as columns of `summary`."""

    @abstractmethod
    def guessing(self, design: TargetDesign) -> Row:
        """Return the scores of guessing."""

    @abstractmethod
    def names(self, images: ImageSet, request: TargetRequest) -> tuple[str, ...]:
        """Return what is read: the number's name, or the labels."""

    @abstractmethod
    def image_columns(self, images: ImageSet) -> dict[str, Sequence[Any]]:
        """Return the columns of `images` that hold the target, in the place of the class."""

    @abstractmethod
    def details(
        self, images: ImageSet, design: TargetDesign, readings: Sequence[Reading], names: Sequence[str]
    ) -> dict[str, pd.DataFrame]:
        """Return the tables that only this kind has."""

    @abstractmethod
    def emergence(
        self, design: TargetDesign, network: EmbeddingSource, readings: Sequence[Reading], names: Sequence[str],
        parts: np.ndarray, boot: Bootstrap,
    ) -> Iterator[Row]:  # fmt: skip
        """Yield from which depth a network reads the target, or each label; `parts` `(L, N)` are the layers' own."""

    @abstractmethod
    def told(self, tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> list[str]:
        """Return sentences about one network's tables beside the verdict."""

    def extras(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what the manifest says of the target."""
        return {"label": names[0]}

    def fit(self, design: TargetDesign, name: str, embedding: np.ndarray, fits: Sequence[str]) -> Arrays:
        """Return `CONTROL.PART` of what each of `fits` says of an embedding, and `CONTROL.dim`.

        "matched" has one block of repeats for each subset of channels; `name`, the layer's, decides which.
        """
        if not np.isfinite(embedding).all():
            raise LabError(f"layer {name!r} holds values that are not finite (nan or infinity); leave the layer out")
        found: dict[str, np.ndarray] = {}
        plain = [control for control in fits if control != "matched"]
        asked = np.stack([design.asked(control) for control in plain])
        for control, parts in zip(plain, self.fit_each(design, embedding, asked), strict=True):
            found |= {f"{control}.{part}": values for part, values in parts.items()}
            found[f"{control}.dim"] = np.array(embedding.shape[1])
        if "matched" in fits:
            rng = np.random.default_rng((design.seed, zlib.crc32(name.encode()), 0xC4A))
            subsets = channel_subsets(embedding.shape[1], rng)
            draws = [self.fit_each(design, embedding[:, own], design.asked()[None])[0] for own in subsets]
            found |= {f"matched.{part}": np.concatenate([draw[part] for draw in draws]) for part in draws[0]}
            found["matched.dim"] = np.array(len(subsets[0]))
        return found


def emerged(network: EmbeddingSource, found: Any, **more: Any) -> Row:
    """Return an emergence (`lab.stats.depth`) as a row; `more` are columns beside the network's."""
    return {
        "model": network.model, **more, "depth": found.depth, "ci_low": found.ci_low, "ci_high": found.ci_high,
        "layer": network.layers[found.layer].name if found.reached else "", "reached": found.reached,
        "best": found.best,
    }  # fmt: skip
