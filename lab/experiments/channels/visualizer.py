"""Visualizations of many targets, held against natural and random images: what `visualize`, cards and strips share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.encode import png
from lab.exemplars import Scan, scan
from lab.experiments.channels.optimised import LEAST, MOST, WantedImage, keep_unfinished
from lab.experiments.channels.reference_images import noise, photographs
from lab.experiments.channels.scan_context import ScanContext, SearchRequest
from lab.experiments.channels.targets import ChannelTarget
from lab.layers import Layer
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress
from lab.settings import Compute
from lab.visualization import Settings, TruncatedNetwork, natural_spectrum, render
from lab.visualization.render import seed_of
from lab.visualization.truncation import Pooled, pooled, quick

if TYPE_CHECKING:
    from torch import nn

TOGETHER = 12  # images optimised at once: more cost more memory, and no less time each
UNLIKE = 2.0  # weight of diversity, in spreads of the channel over natural images
SHARE = 95.0
KINDS = ("random", "photographs", "images")


@dataclass(frozen=True, eq=False)
class Visualization:
    """The tables `visualizations`, `references` and `course`."""

    visualizations: pd.DataFrame
    references: pd.DataFrame
    course: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Visualizer:
    """Everything an optimisation needs but the target: settings, the natural spectrum, what images are held against."""

    look: ScanContext
    settings: Settings
    seed: int
    spectrum: np.ndarray
    progress: Progress
    crops: dict[str, Scan]
    _reached_by_noise: dict[int, dict[str, Pooled]] = field(default_factory=dict)  # by side of the images, then layer

    @classmethod
    def open(
        cls, look: ScanContext, request: SearchRequest, progress: Progress, compute: Compute, made_of: str = "fourier"
    ) -> Visualizer:
        """Return a studio for the layers of `look`."""
        size = request.size or look.model.preprocessing.side()
        natural = photographs()
        crops = scan(look.model, natural, look.layers, compute=compute, progress=progress)
        spectrum = natural_spectrum([natural.pixels(index) for index in range(len(natural))], size)
        settings = Settings(size=size, steps=request.steps, parametrisation=made_of)
        return cls(look, settings, request.seed, spectrum, progress, crops)

    @cached_property
    def _noise(self) -> tuple[np.ndarray, list[str]]:
        return noise(self.settings.size, self.spectrum, self.seed)

    @cached_property
    def module(self) -> nn.Module:
        """A copy of the network for the search, shared by all layers."""
        return quick(self.look.model, self.look.layers)

    @property
    def noise_counts(self) -> dict[str, int]:
        """How many random images of each kind there are."""
        kinds = self._noise[1]
        return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}

    def all_of(
        self,
        targets: Sequence[ChannelTarget],
        partial_results: PartialResults,
        *,
        copies: int = 1,
        negative: bool = False,
    ) -> Visualization:
        """Return the visualizations of targets, layer by layer, `copies` of each that are made unlike each other.

        With `negative` those that lower them, too. Finished images, and what others look like so far
        (`lab.experiments.channels.optimised`), are left in `partial_results`.
        """
        ends = (MOST, LEAST) if negative else (MOST,)
        at_once = max(1, TOGETHER // copies) * copies  # so that all copies of a target are in one batch
        parts, number = [], 0
        layers = list(dict.fromkeys(target.layer for target in targets))
        for place, layer in enumerate(layers):
            cut, found = _Lazy(self, layer), []
            stage = f"{layer.name} ({place + 1} of {len(layers)})"
            wanted = [
                WantedImage(target, end, copy)
                for target in targets if target.layer == layer
                for end in ends for copy in range(copies)
            ]  # fmt: skip
            for batch in (wanted[start : start + at_once] for start in range(0, len(wanted), at_once)):
                show = partial(keep_unfinished, partial_results, number, batch)
                key = self._key(layer, batch)
                if key not in partial_results:
                    told = f"{stage}, {len(batch)} at once: optimising images"
                    partial_results[key] = self._optimise(cut, batch, told, show)
                show(partial_results[key]["pixels"])
                found.append((batch, partial_results[key]))
                number += 1
            parts.append(self._tables(layer, found, self._noises(cut, partial_results)))
        return Visualization(
            *(
                pd.concat([getattr(part, name) for part in parts], ignore_index=True)
                for name in ("visualizations", "references", "course")
            )
        )

    def _key(self, layer: Layer, batch: Sequence[WantedImage]) -> str:
        names = [f"{one.target.name} {one.end} {one.copy}" for one in batch]
        text = "\0".join([layer.name, *names, str(self.settings), str(self.seed)])
        return f"images/{hashlib.sha256(text.encode()).hexdigest()}"

    def _optimise(self, cut: _Lazy, batch: list[WantedImage], stage: str, show: Callable[[np.ndarray], None]) -> Arrays:
        objectives = [one.objective for one in batch]
        groups = _groups(batch)
        several = len(set(groups)) < len(batch)
        made = render(
            cut.network,
            objectives,
            replace(self.settings, diversity=UNLIKE if several else 0.0),
            seeds=[_seed(self.seed, one) for one in batch],
            scales=[self._spread(one.target) for one in batch],
            groups=groups,
            spectrum=self.spectrum,
            progress=self.progress,
            stage=stage,
            glimpse=show,
        )
        reached, means = cut.network.measured(made.images, objectives)
        return {
            "pixels": made.pixels(),
            "values": reached.cpu().numpy(),
            "means": means.cpu().numpy(),
            "alike": cut.network.likeness(made.images, groups).cpu().numpy(),
            "course": made.course,
            "at": made.at,
            "side": np.array(cut.network.side),
        }

    def _noises(self, cut: _Lazy, partial_results: PartialResults) -> Arrays:
        key = f"noise/{cut.layer.name}/{self.settings.size}/{self.seed}"
        if key not in partial_results:
            partial_results[key] = self._of_noise(cut)
        return partial_results[key]

    def _of_noise(self, cut: _Lazy) -> Arrays:
        """Return what noise reaches in a layer; one pass tells it of all layers that take images of this size."""
        import torch

        side = cut.network.side
        if side not in self._reached_by_noise:
            self.progress("Holding noise against every layer", 0, 1, "steps")
            noises = torch.from_numpy(self._noise[0])
            self._reached_by_noise[side] = pooled(self.look.model, self.look.layers, noises, side)
        return dict(self._reached_by_noise[side][cut.layer.name])

    def _spread(self, target: ChannelTarget) -> float:
        return float(max(self._reference(target, "photographs", {}).std(), 1e-6))

    def _reference(self, target: ChannelTarget, kind: str, noises: Arrays) -> np.ndarray:
        """Return what every image of a kind reaches in a target; for a position, the best of all positions."""
        name = target.layer.name
        which = "peaks" if target.kind == "position" else "means"
        if kind == "random":
            return target.objective.of_vectors(noises[which])
        scan = self.crops[name] if kind == "photographs" else self.look.scans[name]
        return target.objective.of_vectors(getattr(scan, which))

    def _tables(self, layer: Layer, batches: list[tuple[list[WantedImage], Arrays]], noises: Arrays) -> Visualization:
        rows, courses, references = [], [], []
        usual = np.concatenate([self.look.scans[layer.name].means, self.crops[layer.name].means])
        for batch, found in batches:
            for position, one in enumerate(batch):
                held = {kind: self._reference(one.target, kind, noises) for kind in KINDS}
                shown = {"layer": layer.name, "depth": layer.depth, **one.row}
                rows.append({**shown, **self._row(one, found, position, held, usual)})
                courses += [
                    {**shown, "step": int(step), "value": float(value)}
                    for step, value in zip(found["at"], found["course"][position], strict=True)
                ]
                if (one.copy, one.end) == (0, MOST):
                    at = {name: shown[name] for name in ("layer", "depth", "target")}
                    references += [{**at, "kind": kind, "value": v} for kind, vs in held.items() for v in vs.tolist()]
        return Visualization(pd.DataFrame(rows), pd.DataFrame(references), pd.DataFrame(courses))

    def _row(
        self, one: WantedImage, found: Arrays, position: int, held: dict[str, np.ndarray], usual: np.ndarray
    ) -> dict[str, Any]:
        value, target = float(found["values"][position]), one.target
        held = {kind: one.sign * values for kind, values in held.items()}
        most = {kind: float(np.percentile(values, SHARE)) for kind, values in held.items()}
        best_image = int(held["images"].argmax())
        facts = {name: target.facts.get(name, np.nan) for name in ("auc", "ci_low", "ci_high", "accuracy")}
        return {
            "kind": target.kind,
            "channel": -1 if target.channel is None else target.channel,
            "class": target.facts.get("class", ""),
            **facts,
            "value": value,
            "random_p95": most["random"],
            "photographs_p95": most["photographs"],
            "images_p95": most["images"],
            "natural_best": float(max(held["photographs"].max(), held["images"].max())),
            "best_image": self.look.images.records[best_image].id,
            "above_random": value > most["random"],
            "above_natural": value > max(most["photographs"], most["images"]),
            "own_rank": _own_rank(one.sign * found["means"][position], one.sign * usual, target.channel),
            "alike": float(found["alike"][position]),
            "side": int(found["side"]),
            "thumbnail": png(found["pixels"][position]),
        }


class _Lazy:
    """A cut network that is only made when it is needed: what was finished before a restart needs none."""

    def __init__(self, studio: Visualizer, layer: Layer) -> None:
        self.studio, self.layer = studio, layer

    @cached_property
    def network(self) -> TruncatedNetwork:
        return TruncatedNetwork(self.studio.look.model, self.layer, self.studio.settings.size, self.studio.module)


def _own_rank(means: np.ndarray, usual: np.ndarray, channel: int | None) -> int:
    """Return a channel's rank among all by how far the image raises each, in spreads over natural images.

    0 for no channel.
    """
    if channel is None:
        return 0
    scale = usual.std(axis=0)
    raised = (means - usual.mean(axis=0)) / np.where(scale > 1e-9, scale, np.inf)
    return int((raised > raised[channel]).sum()) + 1


def _groups(batch: Sequence[WantedImage]) -> list[int]:
    """Return a number per image, the same for copies of one target and end."""
    keys = [(one.target.name, one.end) for one in batch]
    return [keys.index(key) for key in keys]


def _seed(seed: int, one: WantedImage) -> int:
    end = () if one.end == MOST else (one.end,)
    return seed_of(seed, one.target.layer.name, one.target.name, one.copy, *end)
