"""Conducts a `ProbeRequest`: images, one forward pass a network, probes and maps layer by layer.

Every finished layer is left in `pieces`, keyed by what it was computed from, so a run that was ended goes on from
there. Maps do not depend on the request's seed; they are kept in the cache and serve every run on the same images.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.errors import LabError
from lab.experiments.base import RESULTS_VERSION, Arrays, Pieces, Result
from lab.experiments.separability import ProbeRequest
from lab.pieces import PieceFolder
from lab.progress import Progress
from lab.settings import Compute, cache_dir

if TYPE_CHECKING:
    from lab.geometry.projection import Projection
    from lab.images import ImageSet
    from lab.layers import Layer
    from lab.models import ModelRef

MAPS_VERSION = 1  # raise when `lab.geometry.projection` draws other maps from the same embeddings
# Another seed of the request must not mean another twin: its embeddings would have to be computed again.
TWIN_SEED = 0
PIXELS = ""


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
    """Something whose layers are probed: a network, its untrained twin, or the pixels (`layers` empty)."""

    model: str
    twin: bool
    digest: str
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


def conduct(
    request: ProbeRequest,
    progress: Progress,
    compute: Compute,
    pieces: Pieces,
    images: ImageSet | None = None,
) -> Result:
    """Return the result of `request` (see `separability.run`); `images` are opened unless they are given."""
    from lab.experiments.separability_tables import assemble
    from lab.pools import cores

    clock = Clock()
    question = _ask(request, progress, images)
    clock.mark("images")
    subjects, problems = _subjects(question, progress, compute)
    clock.mark("embeddings")
    readings = list(_probe_all(question, subjects, progress, pieces))
    clock.mark("probes")
    maps = _maps(question, subjects, progress)
    clock.mark("maps")
    tables, verdicts = assemble(question, subjects, readings, maps)
    clock.mark("tables")
    manifest = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "request": request.as_dict(),
        "command": request.command(),
        "verdicts": verdicts,
        "problems": problems,
        "versions": _versions(),
        "hashes": {
            "images": question.images.fingerprint,
            **{s.model: s.digest for s in subjects if s.layers},
        },
        "threads": cores(),
        "timings": clock.seconds,
        "results_version": RESULTS_VERSION,
    }
    return Result(request, tables, manifest)


def read_layers(
    request: ProbeRequest, progress: Progress, compute: Compute, pieces: Pieces, images: ImageSet | None = None
) -> tuple[Question, list[Subject], list[Reading], list[str]]:
    """Return what `request` asks, what is probed, what the probes read, and what could not be computed; no maps."""
    question = _ask(request, progress, images)
    subjects, problems = _subjects(question, progress, compute)
    return question, subjects, list(_probe_all(question, subjects, progress, pieces)), problems


class Clock:
    """Seconds spent in each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """End a part here."""
        now = time.perf_counter()
        self.seconds[part], self._last = round(now - self._last, 3), now


def _ask(request: ProbeRequest, progress: Progress, images: ImageSet | None) -> Question:
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


def _subjects(question: Question, progress: Progress, compute: Compute) -> tuple[list[Subject], list[str]]:
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
    return Subject(model, twin, known.weights_digest, layers, embeddings)


def _pixels(question: Question, progress: Progress) -> Subject:
    from lab.embeddings import pixels_embedding

    embedding = pixels_embedding(question.images, progress=progress)
    return Subject(PIXELS, False, "pixels", (), {PIXELS: embedding})


def _probe_all(
    question: Question, subjects: Sequence[Subject], progress: Progress, pieces: Pieces
) -> Iterator[Reading]:
    total = sum(max(1, len(subject.layers)) for subject in subjects)
    done = 0
    for subject in subjects:
        for layer in subject.layers or (None,):
            progress("Probing every layer", done, total, "layers")
            yield from _probe(question, subject, layer, pieces)
            done += 1
    progress("Probing every layer", total, total, "layers")


def _probe(question: Question, subject: Subject, layer: Layer | None, pieces: Pieces) -> Iterator[Reading]:
    embedding = subject.embeddings[layer.name if layer else PIXELS]
    fits = _controls_of(question.request, subject)
    name = f"{subject.digest}/{layer.name if layer else PIXELS}/{','.join(fits)}/{question.images.fingerprint}"
    if name not in pieces:
        pieces[name] = _fit(question, embedding, fits)
    piece = pieces[name]
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


def _fit(question: Question, embedding: np.ndarray, fits: Sequence[str]) -> Arrays:
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
    )
    width = embedding.shape[1]
    piece: dict[str, np.ndarray] = {}
    for control in fits:
        matched, label_set = control == "matched", int(control == "shuffled")
        fit = probes[MATCHED_DIMENSION if matched else None, label_set]
        piece[f"{control}.probabilities"], piece[f"{control}.C"] = fit.probabilities, fit.regularisation
        piece[f"{control}.dim"] = np.array(min(width, MATCHED_DIMENSION) if matched else width)
    return piece


def _maps(question: Question, subjects: Sequence[Subject], progress: Progress) -> dict[tuple[str, str], Projection]:
    """Return the map of every layer of every network, by (model, layer)."""
    return {
        (network.model, projection.layer): projection
        for network in subjects
        if network.layers and not network.twin
        for projection in _maps_of(network, question, progress)
    }


def _maps_of(network: Subject, question: Question, progress: Progress) -> list[Projection]:
    """Return a network's maps in layer order; a chain that was interrupted goes on after its last kept map."""
    from lab.geometry.projection import Projection, last_points, project_layers

    kept = PieceFolder(cache_dir("projections"))
    names = [layer.name for layer in network.layers]
    chain = (MAPS_VERSION, network.digest, question.request.pooling, question.images.fingerprint)
    keys = {name: _key(*chain, *names[: position + 1]) for position, name in enumerate(names)}
    known = itertools.takewhile(lambda name: keys[name] in kept, names)
    found = [Projection.from_arrays(name, kept[keys[name]]) for name in known]
    rest = {name: network.embeddings[name] for name in names[len(found) :]}

    first = len(found)

    def shown(stage: str, done: int, total: int, unit: str) -> None:
        progress(f"{network.model}: mapping its layers", first + done, first + total, unit)

    made = project_layers(rest, question.labels, question.images.groups, previous=last_points(found), progress=shown)
    for projection in made if rest else ():
        kept[keys[projection.layer]] = projection.as_arrays()
        found.append(projection)
    return found


def _key(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    packages = ("feature-hierarchy-lab", "torch", "timm", "scikit-learn", "numpy", "scipy", "pillow")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
