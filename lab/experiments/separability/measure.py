"""What a probe run reads off its layers: images, one forward pass a network, then probes layer by layer.

Every finished layer is left in `pieces`, keyed by what it was computed from, so a run that was ended goes on from
there.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event, Lock

import numpy as np

from lab.embeddings import embed, pixels_embedding
from lab.errors import LabError
from lab.experiments.separability.fits import ProbeDesign, fit_layer
from lab.experiments.separability.image_split import design_of
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet, open_image_set, picked, regrouped
from lab.layers import Layer, select_layers
from lab.malloc import tune_allocator
from lab.models import ModelRef, card
from lab.partial_results import Arrays, PartialResults
from lab.probing.cost import about, foreseen
from lab.probing.task import RIDGE
from lab.progress import Progress
from lab.settings import Compute
from lab.threads import CallerLeftError, cores, in_threads
from lab.weights.reinitialising import NoTwin

# Untrained twins differ among each other, so there are several. Another seed of the request must not mean other twins:
# their embeddings would have to be computed again.
TWIN_SEEDS = (0, 1, 2)
PIXELS = ""
CURVE = "the curve so far"  # among the partial results: curve, layer, depth, accuracy of the layers that are done
TOLD_SECONDS = 0.3  # between two writings of it
STAGE = "Probing every layer"
LONG_SECONDS = 120.0  # of probes, from which on it is said before how long they will take
SIDE_BY_SIDE = 500  # images up to which several layers are probed at once


@dataclass(frozen=True)
class ProbeSetup:
    """The images, and what all layers are asked of them."""

    images: ImageSet
    design: ProbeDesign
    request: ProbeRequest

    @property
    def labels(self) -> np.ndarray:
        return self.images.labels

    @property
    def splits(self) -> np.ndarray:
        return self.design.splits

    @property
    def shuffled(self) -> np.ndarray:
        return self.design.shuffled

    @property
    def split_given(self) -> bool:
        """Whether training and test part were given, rather than folds dealt."""
        return not bool(self.design.tested.all())

    def of_rows(self, rows: np.ndarray) -> ProbeSetup:
        """Return the same question about some of the images, by position."""
        return replace(self, images=picked(self.images, rows), design=self.design.of_rows(rows))


@dataclass(frozen=True)
class EmbeddingSource:
    """Something whose layers are probed: a network, its untrained twin, or the pixels (`layers` empty).

    `digest` names the weights. `view` names what the network sees as well: the same weights behind another
    preprocessing have other embeddings.
    """

    model: str
    twin: bool
    digest: str
    view: str
    layers: tuple[Layer, ...]
    embeddings: Mapping[str, np.ndarray]

    def of_rows(self, rows: np.ndarray) -> EmbeddingSource:
        """Return the same about some of the images, by position."""
        return replace(self, embeddings={name: vectors[rows] for name, vectors in self.embeddings.items()})


@dataclass(frozen=True)
class ProbeResult:
    """What one probe read off one layer: out-of-fold probabilities `(R, N, K)` and the chosen C `(R, F)`.

    `control` is "probe", "shuffled", "matched", "untrained" or "pixels"; `layer` is None for the pixels. What was drawn
    several times (the channels of "matched", the twins of "untrained") follows each other along R.
    """

    model: str
    control: str
    layer: Layer | None
    dim: int
    probabilities: np.ndarray
    regularisation: np.ndarray


def prepare(request: ProbeRequest, progress: Progress, images: ImageSet | None = None) -> ProbeSetup:
    """Return what the request asks of its images, which are opened unless they are given."""
    if images is None:
        progress("Reading images", 0, 1, "sets")
        images = open_image_set(request.data, classes=request.classes, per_class=request.per_class, progress=progress)
    images = regrouped(images, request.groups)
    images, design = design_of(images, request)
    return ProbeSetup(images, design, request)


def open_sources(question: ProbeSetup, progress: Progress, compute: Compute) -> tuple[list[EmbeddingSource], list[str]]:
    """Return what is probed and a sentence for each network that could not be computed."""
    found: list[EmbeddingSource] = []
    problems: list[str] = []
    for text in question.request.models:
        ref = ModelRef.parse(text)
        try:
            found.append(_source(question, ref, str(ref), False, progress, compute))
            if "untrained" in question.request.controls and not ref.untrained:
                found += [_source(question, ref.twin(seed), str(ref), True, progress, compute) for seed in TWIN_SEEDS]
        except NoTwin as error:
            problems.append(str(error))
        except LabError as error:
            if len(question.request.models) == 1:
                raise
            found = [subject for subject in found if subject.model != str(ref)]
            problems.append(f"{ref}: {error}")
    if not found:
        raise LabError("no model could be computed: " + "; ".join(problems))
    if "pixels" in question.request.controls:
        found.append(pixels_source(question.images, progress))
    return found, problems


def pixels_source(images: ImageSet, progress: Progress) -> EmbeddingSource:
    """Return the images' own pixels as what a layer has to beat."""
    embedding = pixels_embedding(images, progress=progress)
    return EmbeddingSource(PIXELS, False, "pixels", "pixels", (), {PIXELS: embedding})


def _source(
    question: ProbeSetup, ref: ModelRef, model: str, twin: bool, progress: Progress, compute: Compute
) -> EmbeddingSource:
    progress(f"{ref}: looking at its layers", 0, 1, "models")
    known = card(ref)
    layers = select_layers(known.layers, question.request.layers)
    embeddings = embed(
        ref, question.images, layers, pooling=question.request.pooling, compute=compute, progress=progress
    )
    return EmbeddingSource(model, twin, known.weights_digest, known.view, layers, embeddings)


def probe_all(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], progress: Progress, partial_results: PartialResults
) -> Iterator[ProbeResult]:
    """Yield what the probes read off every layer of every subject."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    # Few images: layers side by side, as threads started anew for each would wait for each other. Many: the folds of
    # one layer, as an interrupt waits for what has begun.
    threads = cores() // len(asked) or 1 if len(question.images) <= SIDE_BY_SIDE else cores()
    stage = probing_stage(question, subjects)
    left = Event()
    told_of = _shares(progress, stage, question.splits, len(asked), left)
    tune_allocator()
    found = in_threads(
        lambda one: _probe(question, *asked[one], partial_results, threads, partial(told_of, one)),
        range(len(asked)), max(1, cores() // threads), left,
    )  # fmt: skip
    twins: dict[tuple[str, str], list[ProbeResult]] = {}
    points: dict[tuple[str, str], tuple[float, float]] = {}
    told = 0.0
    for done, ((subject, layer), piece) in enumerate(zip(asked, found, strict=True), start=1):
        with suppress(CallerLeftError):  # another layer has failed, which is raised when it is its turn
            told_of(done - 1, 1.0)
        if layer is not None:
            points.setdefault((_curve(subject), layer.name), (layer.depth, _accuracy(question, subject, piece)))
            if time.monotonic() - told > TOLD_SECONDS or done == len(asked):
                told = time.monotonic()
                partial_results[CURVE] = _columns(points)
        for result in _results(subject, layer, controls_of(question.request, subject), piece):
            if not subject.twin:
                yield result
                continue
            same = twins.setdefault((subject.model, layer.name if layer else PIXELS), [])
            same.append(result)
            if len(same) == len(TWIN_SEEDS):
                yield _joined(same)


def probing_stage(question: ProbeSetup, subjects: Sequence[EmbeddingSource]) -> str:
    """Return what the stage is called; where many classes will take long, how long, and which probe is quicker."""
    splits, classes = question.splits, len(question.images.classes)
    widths = [vectors.shape[1] for subject in subjects for vectors in subject.embeddings.values()]
    seconds = foreseen(
        len(question.images), widths, classes, folds=int(splits.max()) + 1, repeats=len(splits),
        shuffled="shuffled" in question.request.controls, threads=cores(),
    )  # fmt: skip
    ridge = question.request.probe == RIDGE
    if seconds is None or seconds[ridge] < LONG_SECONDS:
        return STAGE
    quicker = "" if ridge else f", ridge probes (--probe ridge) about {about(seconds[1])}"
    told = f"Probes of {classes} classes will take about {about(seconds[ridge])}{quicker}"
    logging.getLogger(__name__).warning(told)
    return f"{told}: {STAGE}"


def _shares(
    progress: Progress, stage: str, splits: np.ndarray, layers: int, left: Event
) -> Callable[[int, float], None]:
    """Return what is told of a layer, by position, and the share of its probes that is done, from whichever thread; it
    ends that thread once the caller has `left`. All layers count as many folds, though wide ones take longer."""
    folds = len(splits) * (int(splits.max()) + 1)
    lock, shares = Lock(), np.zeros(layers)

    def told(layer: int, share: float) -> None:
        if left.is_set():
            raise CallerLeftError
        with lock:
            shares[layer] = max(share, shares[layer])
            progress(stage, int(round(folds * float(shares.sum()), 6)), folds * layers, "folds")

    progress(stage, 0, folds * layers, "folds")
    return told


def _curve(subject: EmbeddingSource) -> str:
    return f"{subject.model}, untrained" if subject.twin else subject.model


def _accuracy(question: ProbeSetup, subject: EmbeddingSource, piece: Arrays) -> float:
    """Return a layer's held-out accuracy as it is shown while others are computed: the mean over images and repeats."""
    first = controls_of(question.request, subject)[0]
    predicted = piece[f"{first}.probabilities"].argmax(axis=-1)
    return float((predicted == question.labels)[:, question.design.tested].mean())


def _columns(points: Mapping[tuple[str, str], tuple[float, float]]) -> Arrays:
    rows = [(*named, *values) for named, values in points.items()]
    return dict(zip(("curve", "layer", "depth", "accuracy"), map(np.array, zip(*rows, strict=True)), strict=True))


def _joined(results: Sequence[ProbeResult]) -> ProbeResult:
    """Return the results of several twins at one layer as one, seed after seed."""
    return replace(
        results[0],
        probabilities=np.concatenate([result.probabilities for result in results]),
        regularisation=np.concatenate([result.regularisation for result in results]),
    )


def _probe(
    question: ProbeSetup,
    subject: EmbeddingSource,
    layer: Layer | None,
    partial_results: PartialResults,
    threads: int,
    told: Callable[[float], None],
) -> Arrays:
    """Return what the probes read off one layer, from the pieces when it is there."""
    name = layer.name if layer else PIXELS
    fits = controls_of(question.request, subject)
    folds = zlib.crc32(np.ascontiguousarray(question.splits).tobytes())  # a search asks for the repeats in two parts
    key = f"{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}/{folds:08x}"
    if key not in partial_results:
        partial_results[key] = fit_layer(question.design, name, subject.embeddings[name], fits, threads, told)
    return partial_results[key]


def _results(
    subject: EmbeddingSource, layer: Layer | None, fits: Sequence[str], piece: Arrays
) -> Iterator[ProbeResult]:
    for control in fits:
        dim = int(piece[f"{control}.dim"])
        yield ProbeResult(subject.model, control, layer, dim, piece[f"{control}.probabilities"], piece[f"{control}.C"])


def controls_of(request: ProbeRequest, subject: EmbeddingSource) -> tuple[str, ...]:
    """Return what is read off each layer of a subject: twins and pixels are controls themselves."""
    if subject.twin:
        return ("untrained",)
    if not subject.layers:
        return ("pixels",)
    return ("probe", *(control for control in ("shuffled", "matched") if control in request.controls))
