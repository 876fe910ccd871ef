"""The images and the probes that all questions about broken networks use.

A probe is linear, and always tested on images it was not fitted on. It is either fitted anew to the changed
network (what is still there to be read), or fitted to the intact network and then shown the changed one
(what still arrives in the form the rest was made for).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lab.embeddings import Embeddings, embed
from lab.experiments.ablation.request import ProbeDataRequest
from lab.images import ImageSet, open_image_set
from lab.images.types import PixelSource
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, load_model
from lab.partial_results import PartialResults
from lab.probing.probes import fit_probes, make_splits
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.intervals import Bootstrap, Interval, Scores, bootstrap, chance, correctness, difference, scores, wilson

if TYPE_CHECKING:
    from collections.abc import Callable

# Raise when the same change of the same weights gives other vectors.
CHANGES_VERSION = 1
REPEATS = 3
FOLDS = 5
MOST_KEPT = 400_000_000  # bytes of decoded images
TRAINS = -1  # in a row of splits: never tested


class CachedPixels:
    """A pixel source that decodes or draws each image once; for sets that pass through a network many times."""

    def __init__(self, source: PixelSource) -> None:
        self._source = source
        self._kept: dict[int, np.ndarray] = {}
        self._bytes = 0

    def pixels(self, index: int) -> np.ndarray:
        """Return image `index`, uint8 `(H, W, 3)`; the caller may change it."""
        if index not in self._kept:
            made = self._source.pixels(index)
            if self._bytes + made.nbytes > MOST_KEPT:
                return made
            self._kept[index] = made
            self._bytes += made.nbytes
        return self._kept[index].copy()

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return the encoded bytes as the source has them."""
        return self._source.plain_jpeg(index)


@dataclass(frozen=True, eq=False)
class ProbeData:
    """Images with who is tested when: `splits` `(R, N)` as `lab.probing.splits` makes them."""

    images: ImageSet
    splits: np.ndarray
    seed: int

    @property
    def labels(self) -> np.ndarray:
        return self.images.labels

    @property
    def groups(self) -> np.ndarray:
        return self.images.groups

    @cached_property
    def resamples(self) -> Bootstrap:
        """One set of resamples for every comparison, so that they are paired."""
        return bootstrap(self.groups, self.labels, seed=self.seed)

    @property
    def chance(self) -> float:
        return chance(self.labels, self.groups)

    def hashes(self, model: LoadedModel) -> dict[str, str]:
        """What an answer about `model` was computed from, for the manifest."""
        return {str(model.ref): model.weights_digest, "images": self.images.fingerprint}

    def refitted(self, embedding: np.ndarray) -> np.ndarray:
        """Return the class probabilities `(R, N, K)` of a probe fitted to this very embedding, out of fold."""
        found = fit_probes(embedding, self.labels[None], self.splits, self.groups, dimensions=(None,), seed=self.seed)
        return found[None, 0].probabilities

    def carried_over(self, intact: np.ndarray, changed: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return, for each changed embedding, the probabilities of probes fitted to the intact one.

        In every fold the probe learns from the intact embedding of the training images and sees the changed
        embedding of the others.
        """
        found = [np.full((len(self.splits), len(intact), self._classes), np.nan) for _ in changed]
        for repeat, tested in enumerate(self.splits):
            for fold in range(int(tested.max()) + 1):
                test = tested == fold
                seen = self.read(intact[~test], self.labels[~test], self.groups[~test], [c[test] for c in changed])
                for into, probabilities in zip(found, seen, strict=True):
                    into[repeat, test] = probabilities
        return found

    def read(
        self, known: np.ndarray, labels: np.ndarray, groups: np.ndarray, shown: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Fit one probe to `known` and return its probabilities for each of `shown`."""
        rows = [known, *shown]
        split = np.concatenate([np.full(len(known), TRAINS), *(np.zeros(len(part), int) for part in shown)])
        padding = np.zeros(len(split) - len(known), dtype=np.int64)
        every = np.concatenate([labels, padding])
        # Padded labels are never trained on, nor scored; the highest class may be among the training images only.
        probes = fit_probes(
            np.concatenate(rows).astype(np.float64),
            every[None],
            split[None].astype(np.int8),
            np.concatenate([groups, padding]),
            dimensions=(None,),
            seed=self.seed,
        )
        found = probes[None, 0].probabilities[0, len(known) :]
        ends = np.cumsum([len(part) for part in shown])[:-1]
        return np.split(found, ends)

    def scores(self, probabilities: np.ndarray) -> Scores:
        return scores(probabilities, self.labels, self.groups)

    def against(self, probabilities: np.ndarray, other: np.ndarray) -> Interval:
        """Return accuracy minus that of `other`, paired by image, with its 95 % interval."""
        gap = correctness(probabilities, self.labels) - correctness(other, self.labels)
        return difference(self.resamples, gap)

    def columns(self, name: str, probabilities: np.ndarray, intact: np.ndarray) -> dict[str, float]:
        """Return an accuracy with its interval, and `NAME_gap`, the paired difference to that of `intact`."""
        gap = self.against(probabilities, intact)
        return {**self.scores(probabilities).interval.columns(name), **gap.columns(f"{name}_gap")}

    def agreement(self, chosen: np.ndarray, other: np.ndarray) -> Interval:
        """Return the share of images (and repeats) in which two rows of class numbers `(R, N)` or `(N,)` agree."""
        share = float((chosen == other).mean())
        low, high = wilson(share, len(np.unique(self.groups)))
        return Interval(share, low, high)

    @property
    def _classes(self) -> int:
        return max(int(self.labels.max()) + 1, 2)


def open_probe_data(request: ProbeDataRequest, progress: Progress, compute: Compute) -> tuple[ProbeData, LoadedModel]:
    """Return the images of a request with their splits, and its network; raises LabError when one cannot be used."""
    progress("Reading images", 0, 1, "sets")
    images = open_image_set(request.data, per_class=request.per_class, progress=progress)
    splits = make_splits(
        images.labels, images.groups, folds=FOLDS, repeats=REPEATS, seed=request.seed, classes=images.classes
    )
    material = ProbeData(replace(images, source=CachedPixels(images.source)), splits, request.seed)
    progress("Opening the network", 0, 1, "models")
    return material, load_model(request.model, device=compute.device)


def curve_layers(model: LoadedModel) -> tuple[Layer, ...]:
    """Return the layers of a curve: the stem, the end of every stage, the head."""
    return select_layers(model.layers, "stages")


def classifier_layer(model: LoadedModel) -> Layer | None:
    """Return the layer that names classes the network was trained for, None for an untrained or headless one."""
    classes = model.card.classifier_classes
    if model.ref.untrained or classes < 2:
        return None
    ends = [layer for layer in model.layers if layer.layout == "NC" and layer.channels == classes]
    return ends[-1] if ends else None


def changed_vectors(
    model: LoadedModel,
    material: ProbeData,
    layers: Sequence[Layer],
    change: str,
    *,
    compute: Compute,
    progress: Progress,
) -> Embeddings:
    """Return the vectors of a network as it is now; `change` names what was done to it, "" for nothing.

    A changed network's vectors are kept as those of a network with weights of its own. Raises LabError when a layer
    puts out NaN or infinity.
    """
    import hashlib

    if change:
        own = hashlib.sha256(f"{model.weights_digest}\0changed {CHANGES_VERSION}\0{change}".encode()).hexdigest()
        model = replace(model, card=replace(model.card, weights_digest=own))
    return embed(model, material.images, layers, compute=compute, progress=progress)


def share_of(progress: Progress, label: str, number: int, of: int) -> Progress:
    """Return the progress of piece `number` of `of` equal pieces, told as part of the whole under `label`."""

    def shown(stage: str, done: int, total: int, unit: str) -> None:
        progress(label, number * total + done, of * total, unit)

    return shown


def present(model: LoadedModel, layers: Sequence[Layer]) -> list[Layer]:
    """Return those of `layers` that the network has as it is now."""
    names = {name for name, _ in model.module.named_modules()}
    return [layer for layer in layers if layer.name in names]


def cached_probe(partial_results: PartialResults, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return what `make` computes, from the pieces of the run where it is there."""
    if key not in partial_results:
        partial_results[key] = {"values": make()}
    return partial_results[key]["values"]
