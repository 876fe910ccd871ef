"""Successive halving over places (layers of networks): many on few images, ever fewer on more of them.

In every round the images pass once through each network that is still in it, for all of its layers together, and every
place gets cheap scores (`lab.probing.evidence`). The best go on (Jamieson and Talwalkar, "Non-stochastic best arm
identification and hyperparameter optimization", AISTATS 2016), `SPARE` times the finalists at least until the last
round. Labels of a test part that was given are not looked at. A place that is clearly worse on a round's images is not
dropped for that: with more images wide layers overtake narrow ones (docs/which.md).

What ranks a round was chosen on 219 layers and 2,000 drawn pets: of the eight best of a network by 32 images one is
within 0.5 points of its best layer in 96 % by the evidence, 92 % by the margin, 98 % by both; of the four best by 128
images in 69 % by the evidence and in 91 % by the margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.separability.measure import ProbeSetup
from lab.experiments.which.request import WhichRequest
from lab.images import picked
from lab.layers import Layer, select_layers
from lab.models import ModelRef, card
from lab.probing.evidence import cheap_scores
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.differences import simultaneous
from lab.stats.intervals import Interval, bootstrap

GROWTH = 4  # images of a round over those of the one before, and places of that one over those of this
SPARE = 2  # places of a round but the last over the finalists: a few images rank layers that are alike by luck
LAST_SHARE = 4  # images over those of the last round: more are left to the real probe,
LAST_LEAST = 256  # but so many are looked at where they are there
LEAST_OF_A_CLASS = 4  # images of the first round
FEW = 64  # images below which the evidence ranks as much as the margin, whose spread is not known well


@dataclass(frozen=True)
class Place:
    """A layer of a network."""

    model: str
    layer: Layer


@dataclass(frozen=True)
class Scored:
    """A place in one round: its scores, how far its accuracy is behind the best one's, and whether it goes on."""

    place: Place
    evidence: float
    margin: float
    accuracy: float
    behind: Interval
    kept: bool


@dataclass(frozen=True)
class Round:
    """One round: the images that were looked at, and every place that was in it."""

    images: int
    scored: tuple[Scored, ...]


def places_of(request: WhichRequest, progress: Progress) -> tuple[list[Place], list[str]]:
    """Return every place that is asked about, and a sentence for each network that cannot be used."""
    found: list[Place] = []
    problems: list[str] = []
    for number, model in enumerate(request.models):
        progress("Looking at layers", number, len(request.models), "networks")
        try:
            found += [Place(model, layer) for layer in select_layers(card(model).layers, request.layers)]
        except LabError as error:
            problems.append(f"{model}: {error}")
    if not found:
        raise LabError("no model could be computed: " + "; ".join(problems))
    return found, problems


def halved(
    question: ProbeSetup, request: WhichRequest, places: Sequence[Place], progress: Progress, compute: Compute
) -> Iterator[Round]:
    """Yield the rounds; the last one keeps `request.finalists` places. Raises LabError when no network can be computed.

    There is one round at least, so that every place has a score.
    """
    order = image_order(question)
    for size, after in schedule(len(places), len(order), len(question.images.classes), request):
        scored = _round(question, order[:size], places, after, progress, compute)
        yield Round(size, tuple(scored))
        places = [one.place for one in scored if one.kept]


def schedule(places: int, images: int, classes: int, request: WhichRequest) -> list[tuple[int, int]]:
    """Return the images of each round and the places that go on after it.

    >>> schedule(180, 2000, 2, WhichRequest(sample=32, finalists=4))
    [(32, 45), (128, 11), (500, 4)]
    """
    last = min(images, max(LAST_LEAST, images // LAST_SHARE))
    sizes = [min(max(request.sample, LEAST_OF_A_CLASS * classes), images)]
    while sizes[-1] < last and places > request.finalists:
        sizes.append(min(sizes[-1] * GROWTH, last))
    spare = [max(places // GROWTH ** (k + 1), SPARE * request.finalists) for k in range(len(sizes) - 1)]
    return list(zip(sizes, [min(places, count) for count in (*spare, request.finalists)], strict=True))


def image_order(question: ProbeSetup) -> np.ndarray:
    """Return positions of images, one of each group, such that every beginning has each class by its share.

    The first two images of every class come first, then all of them by how far they are into their class.
    """
    labels, groups, design = question.labels, question.images.groups, question.design
    allowed = np.flatnonzero(~design.tested) if question.split_given else np.arange(len(labels))
    rng = np.random.default_rng((question.request.seed, 0x3A1F))
    mixed = rng.permutation(allowed)
    _, first = np.unique(groups[mixed], return_index=True)
    mixed = mixed[np.sort(first)]
    rank, share = np.empty(len(mixed)), np.empty(len(mixed))
    for label in np.unique(labels):
        own = np.flatnonzero(labels[mixed] == label)
        rank[own] = np.arange(len(own))
        share[own] = (np.arange(len(own)) + 0.5) / max(len(own), 1)
    return np.asarray(mixed[np.lexsort((share, np.where(rank < 2, rank, 2)))])


def _round(
    question: ProbeSetup, rows: np.ndarray, places: Sequence[Place], after: int, progress: Progress, compute: Compute
) -> list[Scored]:
    images, labels = picked(question.images, rows), question.labels[rows]
    evidence, margin, right = [], [], []
    by_model: dict[str, list[Place]] = {}
    for place in places:
        by_model.setdefault(place.model, []).append(place)
    stage = f"Scoring {len(places)} layers on {len(rows)} images"
    for number, (model, own) in enumerate(by_model.items()):
        progress(stage, number, len(by_model), "networks")
        layers = [place.layer for place in own]
        vectors = embed(ModelRef.parse(model), images, layers, pooling=question.request.pooling, compute=compute)
        for layer in layers:
            found = cheap_scores(vectors[layer.name], labels)
            evidence.append(found.evidence)
            margin.append(found.margin)
            right.append(found.correct)
    ordered = [place for own in by_model.values() for place in own]
    correct = np.stack(right)
    boot = bootstrap(question.images.groups[rows], labels)
    accuracy = boot.mean(correct)
    behind = simultaneous(boot, correct[int(accuracy.argmax())] - correct)
    scores = [margin, evidence] if len(rows) < FEW else [margin]
    order = ranked(np.array(scores), np.array([place.layer.flops for place in ordered]))
    kept = set(order[:after].tolist())
    return [
        Scored(place, evidence[k], margin[k], float(accuracy[k]), behind[k], k in kept)
        for k, place in enumerate(ordered)
    ]


def ranked(scores: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return positions of places, the best first: by the mean of their ranks in all scores `(S, P)`, then by cost."""
    ranks = [np.searchsorted(np.sort(own), own, side="right") for own in scores.round(9)]
    return np.lexsort((cost, -np.mean(ranks, axis=0)))
