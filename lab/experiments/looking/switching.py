"""What changes when a channel is switched off: held at its average over the images, everything else as it is.

Measured on the logit of a probe for a class (fitted on the intact network's last layer) and on the network's own
classes, against other channels of the same layer that are switched off in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lab.activations.pooling import pool
from lab.activations.recording import record
from lab.experiments.looking.sources import held
from lab.progress import Progress
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab.experiments.looking.asking import Look
    from lab.experiments.looking.directions import ProbeDirection
    from lab.layers import Layer

OTHERS = 5  # channels of the same layer it is held against
IMAGES = 24  # of each class
LOWERED = 5  # classes of the network that are named


@dataclass(frozen=True, eq=False)
class Switched:
    """`effects`: one row per channel switched off; `classes`: what falls most in the network's own answer."""

    effects: pd.DataFrame
    classes: pd.DataFrame


def switched_off(
    look: Look, layer: Layer, channel: int, name: str, exemplars: np.ndarray, progress: Progress, compute: Compute
) -> Switched:
    """Return what switching `channel` off does to the logit of class `name`; `exemplars` are image numbers."""
    probe, last = _probe(look, name, progress, compute)
    chosen = _chosen(look)
    levels = look.scans[layer.name].means.mean(axis=0)
    rest = np.setdiff1d(np.arange(layer.channels), [channel])
    others = np.random.default_rng(channel).permutation(rest)[:OTHERS].tolist()
    rows = []
    intact = _answers(look, layer, None, 0.0, last, chosen, progress, "the intact network")
    for number, one in enumerate([channel, *others]):
        label = f"channel {one} off ({number + 1} of {1 + len(others)})"
        found = _answers(look, layer, one, float(levels[one]), last, chosen, progress, label)
        rows.append(_row(one, one == channel, probe, intact, found, look.images.labels[chosen], look.images.classes))
    classes = _classes(look, layer, channel, float(levels[channel]), last, exemplars, progress)
    return Switched(pd.DataFrame(rows), classes)


def _probe(look: Look, name: str, progress: Progress, compute: Compute) -> tuple[ProbeDirection, Layer]:
    from lab.embeddings import embed
    from lab.experiments.looking.directions import probe_direction
    from lab.layers import select_layers

    last = select_layers(look.model.layers, "blocks")[-1]
    vectors = embed(look.model, look.images, [last], compute=compute, progress=progress)[last.name]
    return probe_direction(vectors, look.images, name), last


def _chosen(look: Look) -> list[int]:
    labels = look.images.labels
    return [int(i) for label in range(len(look.images.classes)) for i in np.flatnonzero(labels == label)[:IMAGES]]


def _answers(
    look: Look, layer: Layer, channel: int | None, level: float, last: Layer, indices: list[int], progress: Progress,
    label: str,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return pooled vectors of the last layer `(N, D)` and the network's own logits `(N, K)`."""
    import torch

    from lab.embeddings.streaming import pixel_batches
    from lab.models.preprocess import normalised

    module, how = look.model.module, look.model.preprocessing
    vectors, logits = [], []
    done = 0
    for positions, pixels in pixel_batches(look.images, indices, how, 16):
        progress(f"Switching off: {label}", done, len(indices), "images")
        batch = normalised(pixels.to(look.model.device), how)
        with torch.inference_mode(), record(module, [last], _average) as taken, held(module, layer, channel, level):
            answer = _logits(module, batch)
        if last.name == layer.name and channel is not None:
            # The layer's own hook reads it before it is held: hold its average instead.
            taken[last.name][:, channel] = level
        vectors.append(taken[last.name][: len(positions)].cpu().numpy())
        logits.append(answer[: len(positions)].cpu().numpy())
        done += len(positions)
    return np.concatenate(vectors), np.concatenate(logits)


def _average(activation: Tensor, layer: Layer) -> Tensor:
    return pool(activation, layer, "avg")


def _logits(module: nn.Module, batch: Tensor) -> Tensor:
    answer: Tensor = module(batch)
    return answer.flatten(1)


def _row(
    channel: int, asked: bool, probe: ProbeDirection, intact: tuple[np.ndarray, np.ndarray],
    off: tuple[np.ndarray, np.ndarray], labels: np.ndarray, classes: tuple[str, ...],
) -> dict[str, object]:  # fmt: skip
    before, after = (vectors @ probe.weights + probe.bias for vectors, _ in (intact, off))
    mine = labels == classes.index(probe.name)
    low, mean, high = _interval((after - before)[mine])
    same = float((intact[1].argmax(1) == off[1].argmax(1)).mean()) if intact[1].shape[1] > 1 else float("nan")
    return {
        "channel": channel,
        "asked": asked,
        "class": probe.name,
        "change": mean,
        "ci_low": low,
        "ci_high": high,
        "rest_change": float((after - before)[~mine].mean()) if (~mine).any() else float("nan"),
        "agreement": float(((before > 0) == (after > 0)).mean()),
        "own_agreement": same,
        "images": int(mine.sum()),
    }


def _classes(
    look: Look, layer: Layer, channel: int, level: float, last: Layer, exemplars: np.ndarray, progress: Progress
) -> pd.DataFrame:
    """Return the network's own classes whose logit falls most on the exemplars, with the interval over them."""
    names = _class_names(look.model.card.classifier_classes)
    indices = [int(index) for index in exemplars]
    if not names or len(indices) < 2:
        return pd.DataFrame(columns=["name", "change", "ci_low", "ci_high"])
    before, after = (
        _answers(look, layer, one, level, last, indices, progress, "its exemplars")[1] for one in (None, channel)
    )
    change = after - before
    order = np.argsort(change.mean(axis=0), kind="stable")[:LOWERED]
    rows = []
    for index in order.tolist():
        low, mean, high = _interval(change[:, index])
        rows.append({"name": names[index], "change": mean, "ci_low": low, "ci_high": high})
    return pd.DataFrame(rows)


def _class_names(count: int) -> list[str]:
    """Return the names of ImageNet's classes for a network with as many outputs, [] for any other."""
    if count != 1000:
        return []
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(index).split(",")[0] for index in range(count)]


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return low end, mean and high end of the 95 % interval of a mean (Student's t)."""
    from scipy.stats import t

    mean = float(values.mean()) if len(values) else float("nan")
    if len(values) < 2:
        return float("nan"), mean, float("nan")
    margin = float(values.std(ddof=1) / np.sqrt(len(values)) * t.ppf(0.975, len(values) - 1))
    return mean - margin, mean, mean + margin
