"""What a sweep is foreseen from: a few networks and probes measured here, in at most half a minute.

Weights do not matter to how long a network takes, so of one that would be downloaded the untrained twin is measured.
Networks that were not measured get the time of those with nearly as many operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lab.activations import Extractor
from lab.activations.pooling import dimension
from lab.experiments.separability.fits import CHANNEL_DRAWS, ProbeDesign, fit_layer
from lab.images import ImageSet, open_image_set
from lab.layers import select_layers
from lab.models import ModelRef, Preprocessing, load_model
from lab.models.given_preprocess import input_for
from lab.models.search import architectures
from lab.probing.probes import MATCHED_DIMENSION
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.sweeps.plan import Plan, Unit

MOST_AXES = 400  # of wider embeddings of many images only the largest are looked for
EACH_FIT = 3e6  # operations that one fit of a fold costs at any size, as two plans of some 3,000 small fits say
SECONDS = 30.0
MOST_NETWORKS = 5
SAMPLE_IMAGES = 32
Value = TypeVar("Value")
UNKNOWN_FLOPS = 1e9  # of a network that no table knows and that was not measured


@dataclass(frozen=True)
class SampledNetwork:
    """Operations of an image, seconds to load, seconds an image, and dimensions of the layers by what picks them."""

    flops: float
    load: float
    per_image: float
    dimensions: Mapping[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True)
class SampledSet:
    """How many images, classes and groups of copies a set has, the seconds that reading and preparing one takes, and
    those that a unit takes to open the set."""

    images: int
    classes: int
    groups: int
    per_image: float
    opening: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What was measured; `probe_rates` are seconds for a unit of `probe_work`, by kind of probe."""

    networks: Mapping[str, SampledNetwork]
    images: Mapping[str, SampledSet]
    probe_rates: Mapping[str, float]

    def of(self, network: str) -> SampledNetwork:
        """Return what is expected of a network: its own measurement, or one between those around its operations.

        Where it was not measured its layers are taken to be as wide as the widest measured ones.
        """
        if network in self.networks:
            return self.networks[network]
        rows = sorted(self.networks.values(), key=lambda row: row.flops)
        known = np.log([row.flops for row in rows])
        flops = flops_of(network)
        load, per_image = (
            float(np.exp(np.interp(np.log(flops), known, np.log([getattr(row, name) for row in rows]))))
            for name in ("load", "per_image")
        )
        # Beyond what was measured time grows as operations do.
        per_image *= flops / float(np.clip(flops, rows[0].flops, rows[-1].flops))
        widest = max(rows, key=lambda row: max(map(sum, row.dimensions.values())))
        return SampledNetwork(flops, load, per_image, widest.dimensions)


def flops_of(network: str) -> float:
    """Return a network's operations for an image as the table of architectures has them."""
    row = architectures().get(ModelRef.parse(network).id.partition(".")[0])
    return float(row.flops) if row is not None and row.flops else UNKNOWN_FLOPS


def probe_work(images: int, dim: int, classes: int, fits: int, splits: int) -> float:
    """Return the operations of a layer's probes, up to a factor: the principal axes of every fold, then iterations.

    Iterations are five values of C, some thirty each, forth and back, for every class (one for two classes). Of small
    layers what does not depend on their size takes longest.
    """
    rank = min(images, dim)
    iterations = 300.0 * images * rank * (1 if classes == 2 else classes)
    return splits * (images * dim * min(rank, MOST_AXES) + fits * (iterations + EACH_FIT))


def take_sample(plan: Plan, *, progress: Progress = silent, compute: Compute = Compute(), threads: int = 1) -> Sample:  # noqa: B008 - frozen
    """Measure some of a plan's networks, its image sets and a probe, as a worker with so many threads would do them.

    Raises LabError for images that cannot be opened and when no network can be measured.
    """
    import timm  # noqa: F401 - which a worker imports once, and not for every network
    import torch

    before, began = torch.get_num_threads(), time.monotonic()
    torch.set_num_threads(threads)
    try:
        chosen = spread(plan.networks)
        networks: dict[str, SampledNetwork] = {}
        for number, network in enumerate(chosen):
            progress("Measuring networks", number, len(chosen), "networks")
            if networks and time.monotonic() - began > SECONDS * 0.7:
                break
            networks[network], how = _network(network, plan, compute)
        sets = {name: _images(name, plan, how, progress) for name in plan.images}
        left = max(2.0, SECONDS - (time.monotonic() - began))
        progress("Measuring a probe", 0, 1, "probes")
        firsts = {unit.request.probe: unit for unit in reversed(plan.units)}
        some, left = list(sets.values()), left / len(firsts)
        rates = {kind: _probe_rate(unit, some, networks[chosen[0]], left) for kind, unit in firsts.items()}
        return Sample(networks, sets, rates)
    finally:
        torch.set_num_threads(before)


def spread(networks: Sequence[str], most: int = MOST_NETWORKS) -> list[str]:
    """Return at most `most` networks, evenly from the fewest operations to the most; these two come first."""
    ordered = sorted(networks, key=flops_of)
    places = np.unique(np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)).tolist()
    return [ordered[place] for place in [*places[:1], *places[:0:-1]]]


def _network(network: str, plan: Plan, compute: Compute) -> tuple[SampledNetwork, Preprocessing]:
    import torch

    ref = ModelRef.parse(network)
    ref = ref.twin() if ref.source.name == "pretrained" else ref
    picks = {(unit.layers, unit.request.pooling) for unit in plan.units}
    for _ in range(2):  # the first time imports libraries and describes the network, which no pass does again
        began = time.perf_counter()
        model = load_model(ref, device=compute.device)
        layers = {pick: select_layers(model.layers, pick[0]) for pick in picks}
        extract = Extractor(model, max(layers.values(), key=len))
        load = time.perf_counter() - began
    pixels = torch.zeros((compute.images, *model.preprocessing.input_size), dtype=torch.uint8)
    extract(pixels)
    began, passes = time.perf_counter(), 0
    while passes < 1 or time.perf_counter() - began < SECONDS / 20:
        extract(pixels)
        passes += 1
    seconds = (time.perf_counter() - began) / (passes * len(pixels))
    dimensions = {pick: tuple(dimension(layer, pick[1]) for layer in found) for pick, found in layers.items()}
    flops = float(model.card.flops or flops_of(network))
    return SampledNetwork(flops, load, seconds, dimensions), model.preprocessing


def _images(name: str, plan: Plan, how: Preprocessing, progress: Progress) -> SampledSet:
    unit = next(unit for unit in plan.units if unit.images == name)
    asked = unit.request

    def opened() -> ImageSet:
        return open_image_set(asked.data, classes=asked.classes, per_class=asked.per_class, progress=progress)

    opening, images = _seconds(opened)
    if opening < SECONDS / 5:  # what files are like is known the second time
        opening, images = _seconds(opened)
    count = min(len(images), SAMPLE_IMAGES)
    some = np.linspace(0, len(images) - 1, count).astype(int).tolist()
    input_for(images, len(images) - 1, how)  # which imports what decodes; not all twice, as some are kept a while
    seconds = _seconds(lambda: [input_for(images, index, how) for index in some])[0] / count
    return SampledSet(len(images), len(images.classes), len(np.unique(images.groups)), seconds, opening)


def _seconds(work: Callable[[], Value]) -> tuple[float, Value]:
    """Return how long something takes, and what it returns."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def _probe_rate(unit: Unit, sets: Sequence[SampledSet], network: SampledNetwork, seconds: float) -> float:
    """Return seconds for a unit of work, from probes of noise as large as there is time for.

    Classes, folds, repeats and controls are as in the plan, since many small fits are solved together.
    """
    largest = max(sets, key=lambda row: row.images * row.classes)
    dim = max(network.dimensions[unit.layers, unit.request.pooling])
    asked, rng, rate = unit.request, np.random.default_rng(0), 0.0
    fits = ("probe", *(control for control in ("shuffled", "matched") if control in asked.controls))

    def seconds_of(count: int) -> float:
        labels = np.arange(count) % largest.classes
        vectors = rng.normal(size=(count, dim)) + labels[:, None] * (np.arange(dim) == labels[:, None] % dim)
        design = ProbeDesign.of(labels, np.arange(count), asked.folds, asked.repeats, 0, (), asked.probe)
        began = time.perf_counter()
        fit_layer(design, "sample", vectors.astype(np.float32), fits, 1)
        return time.perf_counter() - began

    count = min(max(4 * largest.classes, 64), largest.images)
    seconds -= seconds_of(count)  # the first one loads libraries, which a worker does once and for all
    while True:
        took = seconds_of(count)
        splits = asked.folds * asked.repeats
        work = probe_work(count, dim, largest.classes, 1 + ("shuffled" in fits), splits)
        work += ("matched" in fits) * CHANNEL_DRAWS * probe_work(count, MATCHED_DIMENSION, largest.classes, 1, splits)
        rate, seconds = took / work, seconds - took
        if count == largest.images or seconds < 8 * took:  # twice as many images cost up to eight times as much
            return rate
        count = min(2 * count, largest.images)
