"""What a probe run reads off its layers: images, one forward pass a network, then probes layer by layer.

Every finished layer is left in `pieces`, keyed by what it was computed from, so a run that was ended goes on from
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.errors import LabError
from lab.experiments.base import Arrays, Pieces
from lab.experiments.separability.asked import ProbeRequest
from lab.pools import cores, in_threads
from lab.progress import Progress
from lab.settings import Compute
from lab.tuning import tune_allocator

if TYPE_CHECKING:
    from lab.images import ImageSet
    from lab.layers import Layer
    from lab.models import ModelRef

# Another seed of the request must not mean another twin: its embeddings would have to be computed again.
TWIN_SEED = 0
PIXELS = ""
SIDE_BY_SIDE = 500  # images up to which several layers are probed at once


@dataclass(frozen=True)
class Question:
    """What all layers are asked: the images' classes, who is tested when, and the shuffled labels per repeat."""

    images: ImageSet
    splits: np.ndarray  # (R, N)
    shuffled: np.ndarray  # (R, N)
    request: ProbeRequest

    @property
    def labels(self) -> np.ndarray:
        return self.images.labels


@dataclass(frozen=True)
class Subject:
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
class Reading:
    """What one probe read off one layer: out-of-fold probabilities `(R, N, K)` and the chosen C `(R, F)`.

    `control` is "probe", "shuffled", "matched", "untrained" or "pixels"; `layer` is None for the pixels.
    """

    model: str
    control: str
    layer: Layer | None
    dim: int
    probabilities: np.ndarray
    regularisation: np.ndarray


def pose(request: ProbeRequest, progress: Progress, images: ImageSet | None = None) -> Question:
    """Return what the request asks of its images, which are opened unless they are given."""
    from lab.images import open_image_set
    from lab.probing.probes import make_splits, shuffled_labels

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
    return Question(images, splits, shuffled, request)


def open_subjects(question: Question, progress: Progress, compute: Compute) -> tuple[list[Subject], list[str]]:
    """Return what is probed and a sentence for each network that could not be computed."""
    from lab.models import ModelRef

    found: list[Subject] = []
    problems: list[str] = []
    for text in question.request.models:
        ref = ModelRef.parse(text)
        try:
            found.append(_subject(question, ref, str(ref), False, progress, compute))
            if "untrained" in question.request.controls and not ref.untrained:
                found.append(_subject(question, ref.twin(TWIN_SEED), str(ref), True, progress, compute))
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


def _subject(
    question: Question, ref: ModelRef, model: str, twin: bool, progress: Progress, compute: Compute
) -> Subject:
    from lab.embeddings import embed
    from lab.layers import select_layers
    from lab.models import card

    progress(f"{ref}: looking at its layers", 0, 1, "models")
    known = card(ref)
    layers = select_layers(known.layers, question.request.layers)
    embeddings = embed(
        ref, question.images, layers, pooling=question.request.pooling, compute=compute, progress=progress
    )
    return Subject(model, twin, known.weights_digest, known.view, layers, embeddings)


def _pixels(question: Question, progress: Progress) -> Subject:
    from lab.embeddings import pixels_embedding

    embedding = pixels_embedding(question.images, progress=progress)
    return Subject(PIXELS, False, "pixels", "pixels", (), {PIXELS: embedding})


def probe_all(question: Question, subjects: Sequence[Subject], progress: Progress, pieces: Pieces) -> Iterator[Reading]:
    """Yield what the probes read off every layer of every subject."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    # Few images: layers side by side, as threads started anew for each would wait for each other. Many: the folds of
    # one layer, as an interrupt waits for what has begun.
    threads = cores() // len(asked) or 1 if len(question.images) <= SIDE_BY_SIDE else cores()
    progress("Probing every layer", 0, len(asked), "layers")
    tune_allocator()
    found = in_threads(lambda one: _probe(question, *one, pieces, threads), asked, max(1, cores() // threads))
    for done, ((subject, layer), piece) in enumerate(zip(asked, found, strict=True), start=1):
        progress("Probing every layer", done, len(asked), "layers")
        yield from _readings(subject, layer, _controls_of(question.request, subject), piece)


def _probe(question: Question, subject: Subject, layer: Layer | None, pieces: Pieces, threads: int) -> Arrays:
    """Return what the probes read off one layer, from the pieces when it is there."""
    name = layer.name if layer else PIXELS
    fits = _controls_of(question.request, subject)
    key = f"{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}"
    piece = pieces.get(key)
    if piece is None:
        piece = pieces[key] = _fit(question, subject.embeddings[name], fits, threads)
    return piece


def _readings(subject: Subject, layer: Layer | None, fits: Sequence[str], piece: Arrays) -> Iterator[Reading]:
    for control in fits:
        dim = int(piece[f"{control}.dim"])
        yield Reading(subject.model, control, layer, dim, piece[f"{control}.probabilities"], piece[f"{control}.C"])


def _controls_of(request: ProbeRequest, subject: Subject) -> tuple[str, ...]:
    """Return what is read off each layer of a subject: twins and pixels are controls themselves."""
    if subject.twin:
        return ("untrained",)
    if not subject.layers:
        return ("pixels",)
    return ("probe", *(control for control in ("shuffled", "matched") if control in request.controls))


def _fit(question: Question, embedding: np.ndarray, fits: Sequence[str], threads: int) -> Arrays:
    from lab.probing.probes import MATCHED_DIMENSION, fit_probes

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
