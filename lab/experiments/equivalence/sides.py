"""Both networks of a check on the same images: who is right where, and which layer stands beside which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.comparison.evidence import ModelCurve, gather
from lab.experiments.equivalence.measure import MEASURES, Measure
from lab.experiments.equivalence.request import CheckRequest
from lab.experiments.separability.given_split import Measured, test_part
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup, open_sources, prepare, probe_all
from lab.experiments.separability.split_notes import split_problems
from lab.experiments.separability.tables import chance_row, image_tables, summary_row
from lab.experiments.separability.vectors import open_vectors
from lab.images import ImageSet
from lab.images.targets import CLASS
from lab.layers import Layer
from lab.partial_results import PartialResults
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.differences import Choice, nearest_layers
from lab.stats.intervals import Bootstrap, chance


@dataclass(frozen=True)
class Side:
    """One network: each image's part in the measure by layer, `scores` `(L, N)`, and at its best layer; `answers`,
    where classes are read, says who is right in which repeat."""

    model: str
    layers: tuple[Layer, ...]
    scores: np.ndarray
    choice: Choice
    answers: ModelCurve | None = None


@dataclass(frozen=True)
class Sides:
    """The network before and the new one; `partners` `(L,)` are the new one's layers beside those of the one before.

    `question` is of the `images` that were tested; `chance` is the measure of guessing, `tables` are those of what was
    looked at and what was read."""

    images: ImageSet
    question: ProbeSetup
    sources: tuple[EmbeddingSource, EmbeddingSource]
    sides: tuple[Side, Side]
    partners: tuple[int, ...]
    boot: Bootstrap
    measure: Measure
    chance: float
    tables: Mapping[str, pd.DataFrame]
    problems: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[tuple[Layer, Layer], ...]:
        """Every layer of the network before, with the new one's beside it."""
        base, new = self.sides
        return tuple((layer, new.layers[partner]) for layer, partner in zip(base.layers, self.partners, strict=True))

    @property
    def gaps(self) -> np.ndarray:
        """New minus before, per layer and image `(L, N)`."""
        base, new = self.sides
        return np.asarray(new.scores[list(self.partners)] - base.scores)


def class_sides(
    request: CheckRequest,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    images: ImageSet | None = None,
) -> Sides:
    """Return both networks of a check of classes; raises LabError when one of them cannot be used."""
    question, sources = open_sides(request, progress, compute, images)
    problems = split_problems(question, sources)
    readings = list(probe_all(question, sources, progress, partial_results))
    part = test_part(Measured(question, sources, readings))
    field = gather(part.question, part.subjects, part.readings)
    base, new = (Side(curve.model, curve.layers, curve.correct, curve.choice, curve) for curve in field.curves)
    summary = [*(summary_row(part.question, each) for each in part.readings), chance_row(part.question)]
    return Sides(
        images=question.images,
        question=part.question,
        sources=(part.subjects[0], part.subjects[1]),
        sides=(base, new),
        partners=paired(base, new),
        boot=field.boot,
        measure=MEASURES[CLASS],
        chance=chance(part.question.labels, field.boot.members),
        tables={"summary": pd.DataFrame(summary), **image_tables(question)},
        problems=tuple(problems),
    )


def paired(base: Side, new: Side) -> tuple[int, ...]:
    """Return the position of the new network's layer that stands beside each of the one before: of the same name, or
    where names differ nearest in depth."""
    names = [[layer.name for layer in side.layers] for side in (base, new)]
    if names[0] == names[1]:
        return tuple(range(len(names[0])))
    return tuple(nearest_layers([layer.depth for layer in new.layers], [layer.depth for layer in base.layers]))


def open_sides(
    request: CheckRequest, progress: Progress, compute: Compute, images: ImageSet | None = None
) -> tuple[ProbeSetup, list[EmbeddingSource]]:
    """Return the question and the two sources; raises LabError when one of them cannot be used."""
    if request.of_vectors:
        return _vectors(request, progress)
    question = prepare(request.as_probe(), progress, images)
    sources, problems = open_sources(question, progress, compute)
    if problems:
        raise LabError("; ".join(problems))
    request.check_layer(layer.name for layer in sources[0].layers)
    return question, sources


def _vectors(request: CheckRequest, progress: Progress) -> tuple[ProbeSetup, list[EmbeddingSource]]:
    asked = request.as_probes_of_vectors()
    (question, one), (other, two) = (open_vectors(each, None, progress) for each in asked)
    sources_alone(request, [one, two])
    check_rows(request, question, other, [a != b for a, b in zip(_named(question), _named(other), strict=False)])
    sources = named_apart(one[0], two[0])
    request.check_layer(layer.name for layer in sources[0].layers)
    return question, sources


def sources_alone(request: CheckRequest, found: Sequence[Sequence[EmbeddingSource]]) -> None:
    """Raise LabError where a file of vectors holds those of several networks."""
    for side, sources in zip(request.sides, found, strict=True):
        if len(sources) != 1:
            raise LabError(f"{side} holds vectors of {len(sources)} networks; give a file of one")


def named_apart(base: EmbeddingSource, new: EmbeddingSource) -> list[EmbeddingSource]:
    """Return both with names that differ."""
    if base.model != new.model:
        return [base, new]
    return [replace(base, model=f"{base.model} (base)"), replace(new, model=f"{new.model} (new)")]


def check_rows(request: CheckRequest, one: ProbeSetup, other: ProbeSetup, labels: Sequence[bool]) -> None:
    """Raise LabError when two files are not of the same images in the same order; `labels` says whose differ."""
    if len(one.images) != len(other.images):
        raise LabError(
            f"{request.base} has {len(one.images)} rows and {request.new} {len(other.images)}; give vectors of the "
            "same images in the same order"
        )
    differing = {
        "images": [a.id != b.id for a, b in zip(one.images.records, other.images.records, strict=True)],
        "labels": labels,
        "groups or split": (one.splits != other.splits).any(axis=0).tolist(),
    }
    for what, rows in differing.items():
        if any(rows):
            raise LabError(
                f"{request.base} and {request.new} differ in the {what} of {sum(rows)} of {len(rows)} rows, the first "
                f"is row {list(rows).index(True)}; give vectors of the same images in the same order"
            )


def _named(question: ProbeSetup) -> list[str]:
    return [question.images.classes[label] for label in question.labels]
