"""What a probe run reads off its layers: images, one forward pass a network, then probes layer by layer.

Every finished layer is left in `pieces`, keyed by what it was computed from, so a run that was ended goes on from
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.embeddings import embed, pixels_embedding
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet, open_image_set
from lab.layers import Layer, select_layers
from lab.malloc import tune_allocator
from lab.models import ModelRef, card
from lab.partial_results import Arrays, PartialResults
from lab.probing.probes import MATCHED_DIMENSION, fit_probes, make_splits, shuffled_labels
from lab.progress import Progress
from lab.settings import Compute
from lab.threads import cores, in_threads

# Another seed of the request must not mean another twin: its embeddings would have to be computed again.
TWIN_SEED = 0
PIXELS = ""
SIDE_BY_SIDE = 500  # images up to which several layers are probed at once


@dataclass(frozen=True)
class ProbeSetup:
    """What all layers are asked: the images' classes, who is tested when, and the shuffled labels per repeat."""

    images: ImageSet
    splits: np.ndarray  # (R, N)
    shuffled: np.ndarray  # (R, N)
    request: ProbeRequest

    @property
    def labels(self) -> np.ndarray:
        return self.images.labels


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


@dataclass(frozen=True)
class ProbeResult:
    """What one probe read off one layer: out-of-fold probabilities `(R, N, K)` and the chosen C `(R, F)`.

    `control` is "probe", "shuffled", "matched", "untrained" or "pixels"; `layer` is None for the pixels.
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
    splits = make_splits(
        images.labels,
        images.groups,
        folds=request.folds,
        repeats=request.repeats,
        seed=request.seed,
        classes=images.classes,
    )
    shuffled = shuffled_labels(images.labels, images.groups, seed=request.seed, repeats=request.repeats)
    return ProbeSetup(images, splits, shuffled, request)


def open_sources(question: ProbeSetup, progress: Progress, compute: Compute) -> tuple[list[EmbeddingSource], list[str]]:
    """Return what is probed and a sentence for each network that could not be computed."""
    found: list[EmbeddingSource] = []
    problems: list[str] = []
    for text in question.request.models:
        ref = ModelRef.parse(text)
        try:
            found.append(_source(question, ref, str(ref), False, progress, compute))
            if "untrained" in question.request.controls and not ref.untrained:
                found.append(_source(question, ref.twin(TWIN_SEED), str(ref), True, progress, compute))
        except LabError as error:
            if len(question.request.models) == 1:
                raise
            found = [subject for subject in found if subject.model != str(ref)]
            problems.append(f"{ref}: {error}")
    if not found:
        raise LabError("no model could be computed: " + "; ".join(problems))
    if "pixels" in question.request.controls:
        found.append(_pixels(question, progress))
    return found, problems


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


def _pixels(question: ProbeSetup, progress: Progress) -> EmbeddingSource:
    embedding = pixels_embedding(question.images, progress=progress)
    return EmbeddingSource(PIXELS, False, "pixels", "pixels", (), {PIXELS: embedding})


def probe_all(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], progress: Progress, partial_results: PartialResults
) -> Iterator[ProbeResult]:
    """Yield what the probes read off every layer of every subject."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    # Few images: layers side by side, as threads started anew for each would wait for each other. Many: the folds of
    # one layer, as an interrupt waits for what has begun.
    threads = cores() // len(asked) or 1 if len(question.images) <= SIDE_BY_SIDE else cores()
    progress("Probing every layer", 0, len(asked), "layers")
    tune_allocator()
    found = in_threads(lambda one: _probe(question, *one, partial_results, threads), asked, max(1, cores() // threads))
    for done, ((subject, layer), piece) in enumerate(zip(asked, found, strict=True), start=1):
        progress("Probing every layer", done, len(asked), "layers")
        yield from _results(subject, layer, _controls_of(question.request, subject), piece)


def _probe(
    question: ProbeSetup, subject: EmbeddingSource, layer: Layer | None, partial_results: PartialResults, threads: int
) -> Arrays:
    """Return what the probes read off one layer, from the pieces when it is there."""
    name = layer.name if layer else PIXELS
    fits = _controls_of(question.request, subject)
    key = f"{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}"
    piece = partial_results.get(key)
    if piece is None:
        piece = partial_results[key] = _fit(question, subject.embeddings[name], fits, threads)
    return piece


def _results(
    subject: EmbeddingSource, layer: Layer | None, fits: Sequence[str], piece: Arrays
) -> Iterator[ProbeResult]:
    for control in fits:
        dim = int(piece[f"{control}.dim"])
        yield ProbeResult(subject.model, control, layer, dim, piece[f"{control}.probabilities"], piece[f"{control}.C"])


def _controls_of(request: ProbeRequest, subject: EmbeddingSource) -> tuple[str, ...]:
    """Return what is read off each layer of a subject: twins and pixels are controls themselves."""
    if subject.twin:
        return ("untrained",)
    if not subject.layers:
        return ("pixels",)
    return ("probe", *(control for control in ("shuffled", "matched") if control in request.controls))


def _fit(question: ProbeSetup, embedding: np.ndarray, fits: Sequence[str], threads: int) -> Arrays:
    labels = np.repeat(question.labels[None], question.request.repeats, axis=0)
    label_sets = np.stack([labels, question.shuffled] if "shuffled" in fits else [labels])
    probes = fit_probes(
        embedding,
        label_sets,
        question.splits,
        question.images.groups,
        dimensions=(None, MATCHED_DIMENSION) if "matched" in fits else (None,),
        seed=question.request.seed,
        threads=threads,
    )
    width = embedding.shape[1]
    piece: dict[str, np.ndarray] = {}
    for control in fits:
        matched, label_set = control == "matched", int(control == "shuffled")
        fit = probes[MATCHED_DIMENSION if matched else None, label_set]
        piece[f"{control}.probabilities"], piece[f"{control}.C"] = fit.probabilities, fit.regularisation
        piece[f"{control}.dim"] = np.array(min(width, MATCHED_DIMENSION) if matched else width)
    return piece
