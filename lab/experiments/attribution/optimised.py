"""Is an optimised image right? A reader must tell of two images which was made for which class, at better than chance.

The direction of a layer's probe is raised in one image and lowered in another that begins from the same noise, and a
reader (linear probes of another network, or of the network's other layers) says which of the two is more of the second
class: the forced choice that people are given (Borowski et al., ICLR 2021). Every pair has a probe of its own, fitted
to drawings of its own, so a direction that has nothing to do with the class points either way and the share told right
is one half, whatever such images do to a reader. Beside it stand pairs for random directions, and pairs that untrained
twins make of their own probes, read by the same reader.

What it cannot say: where the part is, whether a person would see it, and, where the reader is the network itself,
whether anything but this network sees it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.attributions.linear_probe import fit_linear_probes
from lab.attributions.targets import LinearProbe
from lab.embeddings import embed
from lab.experiments.attribution.request import ExplanationsRequest
from lab.experiments.channels.probe_direction import probe_direction
from lab.experiments.twins import TWINS, untrained_twins
from lab.images import thumbnail
from lab.images.synthetic import RUNGS, draw_set
from lab.images.types import ImageSet
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.intervals import Interval, wilson
from lab.stats.simultaneous import mean_of_many

if TYPE_CHECKING:
    from torch import Tensor

METHOD, TITLE = "optimised", "Optimised image"
SIZE, STEPS = 96, 48  # of the search: enough for a reader (docs/calibration.md), and a third of what others take
PER_CLASS = 50  # drawings of each class that a pair's probe is fitted to
READER_SEED, PAIR_SEED = 104_729, 15_485_863  # other drawings for the reader, and for each pair

CONTROLS = ("told", "random", "untrained")  # shares told right: the probes' pairs, and what they are held against
VERSION = 2

Row = dict[str, Any]
Probes = dict[int, dict[str, "Direction"]]
"""By pair and layer."""


@dataclass(frozen=True, eq=False)
class Optimiser:
    """A network whose probes' images are made, and who reads them; what is finished is left in `partial_results`."""

    request: ExplanationsRequest
    compute: Compute
    progress: Progress
    partial_results: PartialResults
    capable: list[Row] = field(default_factory=list)
    _rows: list[tuple[Row, Arrays]] = field(default_factory=list)

    @cached_property
    def model(self) -> LoadedModel:
        """The network that is explained."""
        return load_model(self.request.model, device=self.compute.device)

    @cached_property
    def reader(self) -> LoadedModel:
        """The network that reads the images."""
        return load_model(self.request.reader, device=self.compute.device) if self.request.reader else self.model

    def take(self, rung: str, read: Sequence[str]) -> None:
        """Make the pairs of the layers `read`, whose probes tell the rung's classes apart, and have them read."""
        layers = [layer for layer in self.model.layers if layer.name in read]
        if not self.request.pairs or not layers:
            return
        readers, sets = self._readers(rung), self._sets(rung, layers)
        for number, layer in enumerate(layers):
            able = {name: probe for name, probe in readers.items() if self.request.reader or name != layer.name}
            reason = self._reason(able)
            self.capable.append(
                {"rung": rung, "method": METHOD, "layer": layer.name, "valid": not reason, "reason": reason}
            )
            if reason:
                continue
            key = f"{METHOD}/{rung}/{layer.name}/{self.reader.ref}/{VERSION}"
            if key not in self.partial_results:
                self.progress(f"Optimising images of {rung}", number, len(layers), "layers")
                self.partial_results[key] = self._pairs(rung, layer, sets, able)
            about = {
                "rung": rung, "layer": layer.name, "depth": layer.depth, "reader": str(self.reader.ref),
                "reader_layers": ", ".join(able),
                "reader_accuracy": float(np.mean([probe.accuracy for probe in able.values()])),
            }  # fmt: skip
            self._rows.append((about, self.partial_results[key]))

    def rows(self) -> Iterator[Row]:
        """Yield a row for each rung and layer, with intervals that hold for all of them at once."""
        for about, found in self._rows:
            shares = [share(found[what], len(self._rows)).columns(what) for what in CONTROLS if what in found]
            row: Row = {**about, "pairs": len(found["told"])}
            yield row | {name: value for columns in shares for name, value in columns.items()}

    def together(self, what: str = "told") -> Interval | None:
        """Return the share told right, or that of a control, over all rungs and layers; None for no such pairs.

        The layers of a rung share the pairs' drawings, so a rung's pair is the unit, mean over its layers.
        """
        if not all(what in found for _, found in self._rows):
            return None
        rungs = dict.fromkeys(about["rung"] for about, _ in self._rows)
        units = [
            np.mean([found[what] for about, found in self._rows if about["rung"] == rung], axis=0) for rung in rungs
        ]
        return mean_of_many(np.concatenate(units))

    def images(self) -> Iterator[Row]:
        """Yield the images of the first pair of each rung and layer."""
        for about, found in self._rows:
            for name, pixels in zip(RUNGS[about["rung"]].family.classes, found["pixels"], strict=True):
                yield {
                    "rung": about["rung"], "layer": about["layer"], "class": name, "thumbnail": thumbnail(pixels)
                }  # fmt: skip

    def _reason(self, able: Mapping[str, LinearProbe]) -> str:
        how = self.model.preprocessing
        if how.height != how.width or self.reader.preprocessing.height != self.reader.preprocessing.width:
            return "only square images are optimised and read"
        return "" if able else "the reader tells the classes apart at no other layer"

    def _readers(self, rung: str) -> dict[str, LinearProbe]:
        """Return the reader's probes that tell the classes apart, at least half as far above chance as its best.

        They are fitted to drawings that nothing else has seen.
        """
        model, seed = self.reader, self.request.seed + READER_SEED
        layers = select_layers(model.layers, "stages" if self.request.reader else self.request.layers)
        probes = fit_linear_probes(
            model, drawings(rung, self.request.per_class, seed), layers, compute=self.compute, progress=self.progress
        )
        least = (1 / 2 + max(probe.accuracy for probe in probes.values())) / 2
        return {name: probe for name, probe in probes.items() if probe.ci_low > 1 / 2 and probe.accuracy >= least}

    def _sets(self, rung: str, layers: Sequence[Layer]) -> list[Probes]:
        """Return for each network, the explained one and its untrained twins, the directions of its pairs' probes.

        The twins share the pairs among them, each of which has drawings of its own.
        """
        found, pairs = [], self.request.pairs
        for number, model in enumerate((self.model, *untrained_twins(self.model))):
            probes: Probes = {}
            for pair in range(pairs) if number == 0 else range(number - 1, pairs, TWINS):
                self.progress(f"Fitting a probe for each pair of {rung}", pair, pairs, "probes")
                images = drawings(rung, PER_CLASS, self.request.seed + PAIR_SEED + pair)
                seen = embed(model, images, layers, compute=self.compute, progress=self.progress)
                probes[pair] = {layer.name: Direction.of(seen[layer.name], images, layer) for layer in layers}
            found.append(probes)
        return found

    def _pairs(self, rung: str, layer: Layer, sets: Sequence[Probes], able: Mapping[str, LinearProbe]) -> Arrays:
        rng = np.random.default_rng((self.request.seed, zlib.crc32(f"{rung}/{layer.name}".encode())))
        own, *others = [{pair: one[layer.name] for pair, one in probes.items()} for probes in sets]
        told, pixels = self._told(self.model, layer, {pair: one.weights for pair, one in own.items()}, able)
        anywhere = {pair: rng.normal(size=len(one.scale)) / one.scale for pair, one in own.items()}
        luck, _ = self._told(self.model, layer, anywhere, able)
        found = {"told": told, "random": luck, "pixels": pixels}
        if others:
            found["untrained"] = np.zeros(len(own))
            for twin, probes in zip(untrained_twins(self.model), others, strict=True):
                if probes:
                    right, _ = self._told(twin, layer, {pair: one.weights for pair, one in probes.items()}, able)
                    found["untrained"][list(probes)] = right
        return found

    def _told(
        self, model: LoadedModel, layer: Layer, directions: Mapping[int, np.ndarray], able: Mapping[str, LinearProbe]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of the reader's probes that tell each pair right `(P,)`, and the first pair's pixels."""
        from lab.visualization import Settings, TruncatedNetwork, direction, render
        from lab.visualization.render import seed_of

        cut = TruncatedNetwork(model, layer, SIZE)
        seeds = [seed_of(self.request.seed, layer.name, pair) for pair in directions]
        made = [
            render(
                cut, [direction(layer, str(pair), sign * weights) for pair, weights in directions.items()],
                Settings(size=SIZE, steps=STEPS), seeds=seeds, progress=self.progress,
            )
            for sign in (-1, 1)
        ]  # fmt: skip
        lower, upper = (read_log_odds(self.reader, able, one.images) for one in made)
        return np.mean((upper > lower) + (upper == lower) / 2, axis=0), np.stack([one.pixels()[0] for one in made])


@dataclass(frozen=True, eq=False)
class Direction:
    """A probe's direction to the second class `(C,)`, in the layer's own units, and the layer's spread there `(C,)`."""

    weights: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, images: ImageSet, layer: Layer) -> Direction:
        """Return that of a probe on averages `(N, C)`."""
        spread = vectors.astype(np.float64).std(axis=0)
        weights = probe_direction(vectors, images, layer, images.classes[1]).weights
        return cls(weights, np.where(spread > 0, spread, np.inf))


def drawings(rung: str, per_class: int, seed: int) -> ImageSet:
    """Return a rung's drawings from a seed of their own."""
    row = RUNGS[rung]
    return draw_set(row.family.name, per_class, seed=seed, difficulty=row.difficulty)


def read_log_odds(model: LoadedModel, probes: Mapping[str, LinearProbe], images: Tensor) -> np.ndarray:
    """Return the log-odds of the second class `(L, N)` by each probe for images in 0..1 `(N, 3, S, S)`."""
    from lab.visualization.truncation import pooled

    seen = pooled(model, [probe.layer for probe in probes.values()], images, model.preprocessing.height)
    found = []
    for name, probe in probes.items():
        logits = (seen[name]["means"].astype(np.float64) - probe.mean) / probe.scale @ probe.weight.T + probe.bias
        found.append(logits[:, 1] - logits[:, 0])
    return np.stack(found)


def share(told: np.ndarray, tests: int) -> Interval:
    """Return the mean share of pairs told right `(P,)`, with Wilson's interval for `tests` such shares at once.

    A pair that only some of the reader's layers tell right varies less than one that all or none do, so it is wide
    enough.
    """
    value = float(np.mean(told))
    return Interval(value, *wilson(value, len(told), tests))
