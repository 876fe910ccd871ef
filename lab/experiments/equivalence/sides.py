"""Both networks of a check on the same images: who is right where, and which layer stands beside which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.errors import LabError
from lab.experiments.comparison.evidence import ModelCurve, gather
from lab.experiments.equivalence.request import CheckRequest
from lab.experiments.separability.given_split import Measured, test_part
from lab.experiments.separability.measure import EmbeddingSource, ProbeResult, ProbeSetup, open_sources, prepare
from lab.experiments.separability.vectors import open_vectors
from lab.images import ImageSet
from lab.layers import Layer
from lab.progress import Progress
from lab.settings import Compute
from lab.stats.differences import nearest_layers
from lab.stats.intervals import Bootstrap


@dataclass(frozen=True)
class Sides:
    """The network before and the new one; `partners` `(L,)` are the new one's layers beside those of the one before."""

    question: ProbeSetup
    sources: tuple[EmbeddingSource, EmbeddingSource]
    curves: tuple[ModelCurve, ModelCurve]
    partners: tuple[int, ...]
    boot: Bootstrap
    readings: Sequence[ProbeResult]

    @property
    def layers(self) -> tuple[tuple[Layer, Layer], ...]:
        """Every layer of the network before, with the new one's beside it."""
        base, new = self.curves
        return tuple((layer, new.layers[partner]) for layer, partner in zip(base.layers, self.partners, strict=True))

    @property
    def gaps(self) -> np.ndarray:
        """New minus before, per layer and image `(L, N)`."""
        base, new = self.curves
        return np.asarray(new.correct[list(self.partners)] - base.correct)


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


def both_sides(question: ProbeSetup, sources: Sequence[EmbeddingSource], readings: Sequence[ProbeResult]) -> Sides:
    """Return what the probes read off both; where the split was given, on its test part."""
    part = test_part(Measured(question, sources, readings))
    base, new = part.subjects
    field = gather(part.question, part.subjects, part.readings)
    first, second = field.curves
    names = [[layer.name for layer in source.layers] for source in (base, new)]
    alike = names[0] == names[1]
    partners = range(len(names[0])) if alike else nearest_layers(second.depths, first.depths)
    return Sides(part.question, (base, new), (first, second), tuple(partners), field.boot, part.readings)


def _vectors(request: CheckRequest, progress: Progress) -> tuple[ProbeSetup, list[EmbeddingSource]]:
    asked = request.as_probes_of_vectors()
    (question, one), (other, two) = (open_vectors(each, None, progress) for each in asked)
    for side, sources in zip(request.sides, (one, two), strict=True):
        if len(sources) != 1:
            raise LabError(f"{side} holds vectors of {len(sources)} networks; give a file of one")
    _check_rows(request, question, other)
    base, new = one[0], two[0]
    if base.model == new.model:
        base = replace(base, model=f"{base.model} (base)")
        new = replace(new, model=f"{new.model} (new)")
    request.check_layer(layer.name for layer in base.layers)
    return question, [base, new]


def _check_rows(request: CheckRequest, one: ProbeSetup, other: ProbeSetup) -> None:
    """Raise LabError when two files are not of the same images in the same order."""
    if len(one.images) != len(other.images):
        raise LabError(
            f"{request.base} has {len(one.images)} rows and {request.new} {len(other.images)}; give vectors of the "
            "same images in the same order"
        )
    differing = {
        "images": [a.id != b.id for a, b in zip(one.images.records, other.images.records, strict=True)],
        "labels": [a != b for a, b in zip(_named(one), _named(other), strict=True)],
        "groups or split": (one.splits != other.splits).any(axis=0).tolist(),
    }  # fmt: skip
    for what, rows in differing.items():
        if any(rows):
            raise LabError(
                f"{request.base} and {request.new} differ in the {what} of {sum(rows)} of {len(rows)} rows, the first "
                f"is row {rows.index(True)}; give vectors of the same images in the same order"
            )


def _named(question: ProbeSetup) -> list[str]:
    return [question.images.classes[label] for label in question.labels]
