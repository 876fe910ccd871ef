"""Which concepts, given by examples, does a network know, from which layer on, and which class do they speak for?

Concepts are the folders of an image set (a user's own, or drawn ones). Each has a vector at every layer, held against
those of random concepts (`lab.probing.concept_vectors`); the classes are those of linear probes at the same layers.
Of all concepts and layers at once, at most 5 % of those that are called known are so by luck (Benjamini & Hochberg
1995); likewise of those that speak for a class.

tables   concepts   one row per concept and layer: how well its images are told from others, and random ones
         speaks     one row per concept, class and layer that tells the classes apart: what a step along the concept's
                    vector changes in the class's log-odds
         probes     accuracy of the class probes
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from lab.attributions.linear_probe import fit_linear_probes
from lab.attributions.targets import LinearProbe
from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.attribution.columns import CONCEPTS
from lab.experiments.attribution.concept_findings import findings, stood_alone
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, LAYERS_HELP, Request, model_option, option
from lab.experiments.early import CardLookup
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import ImageSet, class_names, open_image_set, settled, short_name, stamp
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, card, load_model
from lab.partial_results import PartialResults
from lab.probing.code_length import one_per_group
from lab.probing.concept_vectors import ConceptReading, read_concept
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import chance
from lab.stats.simultaneous import false_discoveries

LEAST_IMAGES = 10  # of a concept, and of what it is held against
ALONE = 1  # a folder of images is enough
NONE = -1  # the label of images without any concept
FALSE = 0.05  # share of what is called known, or clear, that may be so by luck

Row = dict[str, Any]


@dataclass(frozen=True)
class ConceptsRequest(Request):
    """Which concepts, held against which images, and which classes they may speak for."""

    experiment: ClassVar[str] = "concepts"

    model: str = model_option()
    concepts: tuple[str, ...] = option(
        ("drawn:part", "drawn:hue"),
        "one folder of images, or an image set with one a concept; more than once",
        repeated="concept",
    )
    against: str = option(
        "",
        "what has none of the concepts: a folder of their set, or another image set; empty: a set's other "
        "concepts, or the images of data for one that stands alone",
    )
    data: str = option(DEFAULT_DATA, f"{DATA_HELP}; its classes are what concepts may speak for")
    layers: str = option("stages", LAYERS_HELP)
    per_class: int = option(100, "at most so many images a concept and class", least=LEAST_IMAGES, most=300)
    draws: int = option(2000, "random concepts", least=99, most=20_000)
    seed: int = option(0, "moves random concepts and folds", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.concepts:
            raise LabError("no concept was named; name an image set with one folder a concept")
        if len(set(self.concepts)) < len(self.concepts):
            raise LabError(f"a set of concepts was named twice among {', '.join(self.concepts)}; name each once")

    def canonical(self) -> Self:
        """Return the request with the paths of all its images spelled out."""
        full = super().canonical()
        return replace(full, concepts=tuple(map(settled, full.concepts)), against=settled(full.against))

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a set of concepts there is not, besides what all questions check."""
        super().check(cards)
        for spec in self.concepts:
            class_names(spec, ALONE)
        for spec in self.other_sets():
            class_names(spec)

    def sources(self) -> dict[str, str]:
        """Return stamps of weights and of all images."""
        named = {f"concepts {spec}": spec for spec in (*self.concepts, *self.other_sets())}
        return {**super().sources(), **{name: stamp(spec) for name, spec in named.items()}}

    def other_sets(self) -> tuple[str, ...]:
        """Return the image set that concepts are held against, if it is not a folder of each of their own sets."""
        own = all(self.against in class_names(spec, ALONE) for spec in self.concepts)
        return () if not self.against or own else (self.against,)

    def title(self) -> str:
        """Return whose concepts are looked for."""
        return f"Concepts that {self.model.split('@')[0]} knows"


@dataclass(frozen=True)
class Concept:
    """A concept: its set and name, and what it is held against.

    `used` `(N,)` are the places of its images and the others in `images`, one set after the other; `member` `(N,)`
    which of them are its own.
    """

    spec: str
    name: str
    against: str
    images: tuple[ImageSet, ...]
    used: np.ndarray
    member: np.ndarray


def run(
    request: ConceptsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what every layer knows of every concept; raises LabError for concepts of too few images."""
    progress("Opening the network", 0, 1, "steps")
    model = load_model(request.model, device=compute.device)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    data = open_image_set(request.data, per_class=request.per_class, progress=progress)
    probes = fit_linear_probes(model, data, layers, seed=request.seed, compute=compute, progress=progress)
    concepts = [concept for spec in request.concepts for concept in concepts_of(spec, request, progress)]
    guess = chance(data.labels, data.groups)
    rows: dict[str, list[Row]] = {
        "concepts": [], "speaks": [], "probes": [{**_probe_row(one), "chance": guess} for one in probes.values()],
    }  # fmt: skip
    seen: dict[str, Mapping[str, np.ndarray]] = {}
    for number, concept in enumerate(concepts):
        progress("Reading concepts", number, len(concepts), "concepts")
        vectors = _vectors(concept, model, layers, seen, compute, progress)
        for layer in layers:
            probe = probes[layer.name]
            read = read_concept(
                vectors[layer.name], concept.member, class_directions(probe), draws=request.draws, seed=request.seed
            )
            where = {"set": concept.spec, "concept": concept.name, "against": concept.against,
                     "layer": layer.name, "depth": layer.depth}  # fmt: skip
            rows["concepts"].append({**where, **_known_row(concept, read)})
            if probe.ci_low > guess:  # what a layer's probe cannot tell, no concept can speak for
                rows["speaks"] += [{**where, **row} for row in _speaking_rows(probe, read)]
    progress("Reading concepts", len(concepts), len(concepts), "concepts")
    tables = assembled(rows)
    hashes = {str(model.ref): model.weights_digest, "images": data.fingerprint}
    hashes |= {f"concepts {one.spec}": one.fingerprint for concept in concepts for one in concept.images}
    alone = [one.name for one in concepts if len(one.images) > 1 and not request.against]
    return result_with_findings(request, tables, [*findings(tables), *stood_alone(alone, request.data)], hashes=hashes)


def concepts_of(spec: str, request: ConceptsRequest, progress: Progress) -> list[Concept]:
    """Return the concepts of a set, each with what it is held against: one that stands alone, the images whose classes
    it may speak for. Of two that stand against each other the second is the opposite of the first, and left out."""
    images = open_image_set(spec, per_class=request.per_class, least=ALONE, progress=progress)
    sets: tuple[ImageSet, ...] = (images,)
    names, labels = list(images.classes), images.labels
    against = request.against or (request.data if len(names) == ALONE else "")
    if against in names:
        labels = np.where(labels == names.index(against), NONE, labels)
    elif against:
        sets = (images, open_image_set(against, per_class=request.per_class, progress=progress))
        labels = np.concatenate([labels, np.full(len(sets[1]), NONE)])
    concepts = [label for label, name in enumerate(names) if name != against]
    if opposite := not against and len(names) == 2:
        concepts = concepts[:1]
    told = short_name(against) if against else names[1] if opposite else "the other concepts"
    found = []
    for label in concepts:
        candidates = (labels == label) | (labels == NONE) if against else np.ones(len(labels), dtype=bool)
        used = _singly(np.flatnonzero(candidates), labels == label, sets, request.seed)
        member = labels[used] == label
        name = names[label]
        for count, what in ((member.sum(), f"images of {name!r}"), ((~member).sum(), f"images without {name!r}")):
            if count < LEAST_IMAGES:
                raise LabError(f"{spec} has {count} different {what}; a concept vector needs {LEAST_IMAGES} of each")
        found.append(Concept(spec, name, told, sets, used, member))
    return found


def class_directions(probe: LinearProbe) -> np.ndarray:
    """Return the weights of raw vectors that make each class's log-odds against the others, `(K, D)`; of two classes
    that of the second alone, the first being its opposite."""
    weight = probe.weight / probe.scale
    rows = weight - (weight.sum(axis=0) - weight) / (len(weight) - 1)
    return rows[1:] if len(rows) == 2 else rows


def assembled(rows: Mapping[str, Sequence[Row]]) -> dict[str, pd.DataFrame]:
    """Return the tables, with what is told of each row when luck is allowed for over all of them."""
    tables = {name: pd.DataFrame(found, columns=list(CONCEPTS[name].columns)) for name, found in rows.items()}
    for name, told in (("concepts", "known"), ("speaks", "clear")):
        tables[name]["q"] = false_discoveries(tables[name]["p"].to_numpy(dtype=float))
        tables[name][told] = tables[name]["q"] <= FALSE
    return tables


def _singly(places: np.ndarray, labels: np.ndarray, sets: Sequence[ImageSet], seed: int) -> np.ndarray:
    """Return those of `places` that count: one image of each group of copies."""
    groups, shift = [], 0
    for one in sets:
        groups.append(one.groups + shift)
        shift += int(one.groups.max()) + 1
    digests = np.unique([digest for one in sets for digest in one.digests], return_inverse=True)[1]
    _, first = np.unique(digests[places], return_index=True)
    places = places[np.sort(first)]
    joined = np.concatenate(groups)[places]
    return places[one_per_group(labels[places].astype(np.int64), joined, seed=seed)]


def _vectors(
    concept: Concept,
    model: LoadedModel,
    layers: Sequence[Layer],
    seen: dict[str, Mapping[str, np.ndarray]],
    compute: Compute,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Return the vectors of a concept's images and the others, by layer; `seen` keeps those of whole sets."""
    for images in concept.images:
        if images.fingerprint not in seen:
            seen[images.fingerprint] = embed(model, images, layers, compute=compute, progress=progress)
    return {
        layer.name: np.concatenate([seen[one.fingerprint][layer.name] for one in concept.images])[concept.used]
        for layer in layers
    }


def _known_row(concept: Concept, read: ConceptReading) -> Row:
    return {
        "images": int(concept.member.sum()), "others": int((~concept.member).sum()), "accuracy": read.accuracy,
        "luck": float(read.luck.mean()), "luck_most": float(np.quantile(read.luck, 0.95)), "p": read.p,
    }  # fmt: skip


def _speaking_rows(probe: LinearProbe, read: ConceptReading) -> Iterator[Row]:
    names = probe.classes[1:] if len(probe.classes) == 2 else probe.classes
    low, high = np.quantile(read.luck_along, (0.025, 0.975), axis=0)
    for number, name in enumerate(names):
        yield {
            "class": name, "change": float(read.along[number]), "luck_low": float(low[number]),
            "luck_high": float(high[number]), "p": float(read.p_along[number]),
        }  # fmt: skip


def _probe_row(probe: LinearProbe) -> Row:
    return {
        "layer": probe.layer.name, "depth": probe.layer.depth, "accuracy": probe.accuracy, "ci_low": probe.ci_low,
        "ci_high": probe.ci_high,
    }  # fmt: skip
