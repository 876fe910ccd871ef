"""What a comparison rests on: per network who is right on which image at which layer, in arrays made once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lab.experiments.separability.measure import EmbeddingSource, ProbeResult, ProbeSetup
from lab.layers import Layer
from lab.stats.differences import Choice, best_layer, nearest_layers
from lab.stats.intervals import Bootstrap, bootstrap


@dataclass(frozen=True)
class ModelCurve:
    """One network: correctness `(R, L, N)` per repeat, mean probabilities `(L, N, K)`, its layers in order.

    `twin` is the untrained twin's correctness `(L, N)`, None for a network without one.
    """

    model: str
    layers: tuple[Layer, ...]
    per_repeat: np.ndarray
    probabilities: np.ndarray
    choice: Choice
    twin: np.ndarray | None

    @property
    def correct(self) -> np.ndarray:
        """Correctness `(L, N)`, the mean over repeats."""
        return np.asarray(self.per_repeat.mean(axis=0))

    @property
    def depths(self) -> list[float]:
        """The layers' relative depths."""
        return [layer.depth for layer in self.layers]

    def near(self, depths: Sequence[float]) -> list[int]:
        """Return the position of the layer nearest to each depth."""
        return nearest_layers(self.depths, depths)


@dataclass(frozen=True)
class Comparison:
    """All networks of a comparison on the same images; `pixels` `(N,)` is the probe on raw pixels, if it was run."""

    curves: tuple[ModelCurve, ...]
    classes: tuple[str, ...]
    labels: np.ndarray
    boot: Bootstrap
    pixels: np.ndarray | None

    @property
    def pairs(self) -> list[tuple[ModelCurve, ModelCurve]]:
        """Every pair of networks, in the order in which they were named."""
        return list(combinations(self.curves, 2))


def gather(question: ProbeSetup, networks: Iterable[EmbeddingSource], readings: Sequence[ProbeResult]) -> Comparison:
    """Return the arrays of a comparison from its readings."""
    labels = question.labels
    boot = bootstrap(question.images.groups, labels)
    pixels = [_right(r.probabilities, labels).mean(axis=0) for r in readings if r.control == "pixels"]
    curves = tuple(_curve(question, network, readings) for network in networks)
    return Comparison(curves, question.images.classes, labels, boot, pixels[0] if pixels else None)


def _curve(question: ProbeSetup, network: EmbeddingSource, readings: Sequence[ProbeResult]) -> ModelCurve:
    own = [r for r in readings if r.model == network.model and r.control == "probe"]
    twin = [r for r in readings if r.model == network.model and r.control == "untrained"]
    right = np.stack([_right(r.probabilities, question.labels) for r in own], axis=1)
    beside = np.stack([_right(r.probabilities, question.labels).mean(axis=0) for r in twin]) if twin else None
    means = np.stack([r.probabilities.mean(axis=0) for r in own])
    return ModelCurve(network.model, network.layers, right, means, best_layer(right, question.splits), beside)


def _right(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return who is right per repeat, float `(R, N)`."""
    return np.asarray(probabilities.argmax(axis=2) == labels, dtype=np.float64)
