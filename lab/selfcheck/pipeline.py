"""Puts planted layers, or images made here, through the same functions as a probe run, up to its verdict.

Only the maps are left out: they take no part in a verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup, open_sources, prepare, probe_all
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.tables import assemble
from lab.geometry.projection import Projection
from lab.images import ImageSet
from lab.images.arrays import ArraySource
from lab.images.types import ImageRecord
from lab.layers import Layer
from lab.progress import silent
from lab.settings import Compute

PLANTED = "planted@pretrained"  # a name only: nothing is loaded
PLANTED_CONTROLS = ("shuffled", "matched")
CLASSES = ("one", "other")


@dataclass(frozen=True)
class Judged:
    """The verdict on one network ("for", "against", "undecided"), its sentence, and its run's table `summary`."""

    outcome: str
    sentence: str
    summary: pd.DataFrame

    def accuracy(self, control: str = "probe") -> list[float]:
        """Return the accuracies by layer of the probe or of a control."""
        rows = self.summary[(self.summary["control"] == control) & (self.summary["layer"] != "")]
        return [float(value) for value in rows["accuracy"]]


def judge_layers(layers: Mapping[str, np.ndarray], labels: np.ndarray, *, seed: int = 0) -> Judged:
    """Judge layers that are given as arrays `(N, D)` in order of depth, every row an image of its own."""
    request = ProbeRequest(models=(PLANTED,), data="planted", controls=PLANTED_CONTROLS, seed=seed)
    blank = np.zeros((len(labels), 8, 8, 3), dtype=np.uint8)
    question = prepare(request, silent, image_set("planted", blank, labels))
    depths = np.linspace(0, 1, len(layers))
    places = tuple(
        Layer(name, "block", float(depth), "NC", values.shape[1], 0, 0, 0, 0, "unknown")
        for (name, values), depth in zip(layers.items(), depths, strict=True)
    )
    content = hashlib.sha256(b"".join(np.ascontiguousarray(values).tobytes() for values in layers.values()))
    digest = content.hexdigest()
    return _judged(question, [EmbeddingSource(PLANTED, False, digest, digest, places, layers)])


def judge_images(images: ImageSet, *, model: str, controls: Sequence[str], layers: str = "stages") -> Judged:
    """Judge a network on images that are in memory."""
    request = ProbeRequest(models=(model,), data=images.spec, controls=tuple(controls), layers=layers)
    request = replace(request, models=request.canonical().models)
    question = prepare(request, silent, images)
    subjects, _ = open_sources(question, silent, Compute())
    return _judged(question, subjects)


def image_set(spec: str, images: np.ndarray, labels: np.ndarray, classes: Sequence[str] = CLASSES) -> ImageSet:
    """Return images `(N, H, W, 3)` uint8 as a set in which every one is a group of its own."""
    height, width = images.shape[1:3]
    records = tuple(
        ImageRecord(
            f"{classes[label]}/{number:04d}", int(label), hashlib.sha256(pixels.tobytes()).hexdigest(), number,
            width, height,
        )
        for number, (label, pixels) in enumerate(zip(labels, images, strict=True))
    )  # fmt: skip
    return ImageSet(spec, tuple(classes), records, ArraySource(images))


def _judged(question: ProbeSetup, subjects: Sequence[EmbeddingSource]) -> Judged:
    readings = list(probe_all(question, subjects, silent, {}))
    networks = [subject for subject in subjects if subject.layers and not subject.twin]
    nothing = np.full((len(question.images), 2), np.nan)
    nan = float("nan")
    maps = {
        (network.model, layer.name): Projection(layer.name, nothing, nan, nan, nan, nan)
        for network in networks
        for layer in network.layers
    }
    tables, verdicts = assemble(question, subjects, readings, maps)
    verdict = verdicts[networks[0].model]
    return Judged(verdict["outcome"], verdict["sentence"], tables["summary"])
