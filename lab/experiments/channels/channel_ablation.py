"""What changes when a channel is switched off: held at its average over the images, everything else as it is.

Measured on the logit of a probe for a class (fitted on the intact network's last layer) and on the network's own
classes, against other channels of the same layer that are switched off in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lab.activations.pooling import pool
from lab.activations.recording import record
from lab.attributions.targets import short_names
from lab.embeddings.streaming import pixel_batches
from lab.experiments.channels.channel_contributions import held
from lab.experiments.channels.probe_direction import ProbeDirection, probe_direction
from lab.experiments.channels.scan_context import ScanContext
from lab.layers import Layer
from lab.models.preprocess import normalised
from lab.progress import Progress
from lab.shortages import in_parts
from lab.stats.intervals import Interval
from lab.stats.simultaneous import mean_of_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

OTHERS = 5  # channels of the same layer it is held against
IMAGES = 24  # of the class, and of all others together
LOWERED = 5  # classes of the network that are named
BATCH = 16

Answers = tuple[np.ndarray, np.ndarray]  # pooled vectors of the last layer (N, D), the network's own logits (N, K)


@dataclass(frozen=True, eq=False)
class AblatedChannel:
    """`effects`: one row per channel switched off; `classes`: what falls most in the network's own answer."""

    effects: pd.DataFrame
    classes: pd.DataFrame


def ablate_channel(
    look: ScanContext, layer: Layer, channel: int, name: str, exemplars: np.ndarray, progress: Progress
) -> AblatedChannel:
    """Return what switching `channel` off does to the logit of class `name`; `exemplars` are image numbers."""
    probe = probe_direction(look.scans[look.end.name].means, look.images, look.end, name)
    mine = look.images.labels == look.images.classes.index(name)
    chosen = np.concatenate([spread_over(np.flatnonzero(mine)), spread_over(np.flatnonzero(~mine))])
    rest = np.setdiff1d(np.arange(layer.channels), [channel])
    channels = [channel, *np.random.default_rng(channel).permutation(rest)[:OTHERS].tolist()]
    intact, *off = _answers(look, layer, [None, *channels], chosen, progress)
    groups = look.images.groups[chosen]
    rows = [
        _row(one, one == channel, probe, intact, found, mine[chosen], groups, len(channels))
        for one, found in zip(channels, off, strict=True)
    ]
    return AblatedChannel(pd.DataFrame(rows), _classes(look, layer, channel, exemplars, progress))


def spread_over(indices: np.ndarray) -> np.ndarray:
    """Return at most `IMAGES` of the indices, evenly spread over all."""
    if len(indices) <= IMAGES:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, IMAGES).round().astype(int)])


def _answers(
    look: ScanContext, layer: Layer, channels: list[int | None], images: np.ndarray, progress: Progress
) -> list[Answers]:
    """Return what the network answers to images with each channel off (None: as it is); images are read once."""
    levels = look.scans[layer.name].means.mean(axis=0)
    found: list[list[Answers]] = [[] for _ in channels]
    for count, batch in _batches(look, images):
        for number, channel in enumerate(channels):
            done = sum(len(part[0]) for part in found[-1])
            progress("Switching channels off, one after the other", done, len(images), "images")
            level = 0.0 if channel is None else float(levels[channel])
            answer = partial(_answer, look, layer, channel, level)
            parts = in_parts(batch, answer, str(look.model.ref))
            vectors, logits = (np.concatenate(each)[:count] for each in zip(*parts, strict=True))
            found[number].append((vectors, logits))
    return [(np.concatenate([one[0] for one in parts]), np.concatenate([one[1] for one in parts])) for parts in found]


def _batches(look: ScanContext, images: np.ndarray) -> Iterator[tuple[int, Tensor]]:
    """Yield normalised batches, and how many images of each count."""
    how = look.model.preprocessing
    for positions, pixels in pixel_batches(look.images, images.tolist(), how, BATCH):
        yield len(positions), normalised(pixels.to(look.model.device), how)


def _answer(look: ScanContext, layer: Layer, channel: int | None, level: float, batch: Tensor) -> Answers:
    import torch

    module, end = look.model.module, look.end
    with torch.inference_mode(), record(module, [end], _average) as taken, held(module, layer, channel, level):
        logits = module(batch).flatten(1)
        if end.name == layer.name and channel is not None:
            # The layer's own hook reads it before it is held: hold its average instead.
            taken[end.name][:, channel] = level
    return taken[end.name].cpu().numpy(), logits.cpu().numpy()


def _average(activation: Tensor, layer: Layer) -> Tensor:
    return pool(activation, layer, "avg")


def _row(
    channel: int,
    asked: bool,
    probe: ProbeDirection,
    intact: Answers,
    off: Answers,
    mine: np.ndarray,
    groups: np.ndarray,
    tests: int,
) -> dict[str, object]:
    before, after = (vectors @ probe.weights + probe.bias for vectors, _ in (intact, off))
    change = _interval_over(groups[mine], (after - before)[mine], tests)
    same = float((intact[1].argmax(1) == off[1].argmax(1)).mean()) if intact[1].shape[1] > 1 else float("nan")
    return {
        "channel": channel,
        "asked": asked,
        "class": probe.name,
        **change.columns("change", "ci"),
        "rest_change": float((after - before)[~mine].mean()) if (~mine).any() else float("nan"),
        "agreement": float(((before > 0) == (after > 0)).mean()),
        "own_agreement": same,
        "images": int(mine.sum()),
    }


def _interval_over(groups: np.ndarray, change: np.ndarray, tests: int) -> Interval:
    """Return the mean change, its interval for so many `tests` at once; copies of an image are one piece of evidence,
    so it is averaged over them first."""
    _, group = np.unique(groups, return_inverse=True)
    return mean_of_many(np.bincount(group, weights=change) / np.bincount(group), tests)


def _classes(look: ScanContext, layer: Layer, channel: int, exemplars: np.ndarray, progress: Progress) -> pd.DataFrame:
    """Return the network's own classes whose logit falls most on the exemplars, with the interval over them."""
    names = short_names(look.model.card.classifier_classes)
    if not names or len(exemplars) < 2:
        return pd.DataFrame(columns=["name", "change", "ci_low", "ci_high"])
    (_, before), (_, after) = _answers(look, layer, [None, channel], exemplars, progress)
    change = after - before
    order = np.argsort(change.mean(axis=0), kind="stable")[:LOWERED]
    rows = []
    for index in order.tolist():
        # The classes that fall most are picked among all of them, by the same images.
        found = _interval_over(look.images.groups[exemplars], change[:, index], len(names))
        rows.append({"name": names[index], **found.columns("change", "ci")})
    return pd.DataFrame(rows)
