"""What a question about a target is asked of: images with their targets, who is tested when, and what is probed.

Images of a set with embeddings of networks, or the rows of vectors that are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.image_split import copies_in_both, groups_given, with_parts
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup, open_sources
from lab.experiments.separability.tables import image_tables
from lab.experiments.separability.vectors import GivenVectors, given_sources
from lab.experiments.targets.design import TargetDesign
from lab.experiments.targets.kind import Kind
from lab.experiments.targets.request import TargetRequest
from lab.images import ImageSet, open_image_set, regrouped
from lab.images.targets import GRADES, graded
from lab.progress import Progress
from lab.settings import Compute


@dataclass(frozen=True)
class OpenedTarget:
    """The images as a question about classes has them, what all layers are asked, what is probed, and a sentence for
    each thing that was left out or is doubtful."""

    question: ProbeSetup
    design: TargetDesign
    subjects: Sequence[EmbeddingSource]
    problems: Sequence[str]


def open_target(
    kind: Kind,
    request: TargetRequest,
    progress: Progress,
    compute: Compute,
    images: ImageSet | None = None,
    given: GivenVectors | None = None,
) -> OpenedTarget:
    """Return what `request` is asked of; images and vectors are opened unless they are given.

    Raises LabError when the images have no such target, or are too few.
    """
    if request.embeddings:
        question, design, subjects, problems = _of_vectors(kind, request, progress, given)
    else:
        question, design, problems = _prepared(kind, request, progress, images)
        subjects, failed = open_sources(question, progress, compute)
        problems += failed
    if question.split_given:
        problems += copies_in_both(question.images, design.tested)
    return OpenedTarget(question, design, subjects, problems)


def target_image_tables(kind: Kind, question: ProbeSetup) -> dict[str, pd.DataFrame]:
    """Return the tables `images`, `splits` and `quarantine`, with the target in the place of the class."""
    found = image_tables(question)
    images = found["images"].drop(columns="class")
    for place, (name, values) in enumerate(kind.image_columns(question.images).items(), 1):
        images.insert(place, name, values)
    return {**found, "images": images}


def _prepared(
    kind: Kind, request: TargetRequest, progress: Progress, images: ImageSet | None
) -> tuple[ProbeSetup, TargetDesign, list[str]]:
    """Return the images, who is tested when (a split that came with them, else folds), and what was left out."""
    if images is None:
        progress("Reading images", 0, 1, "sets")
        classes = getattr(request, "classes", ())
        images = open_image_set(
            request.spec, classes=classes, per_class=request.images, target=kind.target, progress=progress
        )
    probe = request.as_probe()
    images, tested = with_parts(regrouped(images, request.groups), request.split)
    return _dealt(kind, request, images, tested, groups_given(images, probe))


def _of_vectors(
    kind: Kind, request: TargetRequest, progress: Progress, given: GivenVectors | None
) -> tuple[ProbeSetup, TargetDesign, list[EmbeddingSource], list[str]]:
    """Return the same of vectors that are given, and what is probed."""
    classes = tuple(getattr(request, "classes", ()))
    named = {"target": kind.target, "label": request.label, "classes": classes}
    images, tested, sources = given_sources(request.as_probe(), given, progress, **named)
    if kind.target == GRADES:
        images = graded(images, classes)
    own = len(np.unique(images.groups)) < len(images)
    question, design, problems = _dealt(kind, request, images, tested, own)
    return question, design, sources, problems


def _dealt(
    kind: Kind, request: TargetRequest, images: ImageSet, tested: np.ndarray | None, groups_kept: bool
) -> tuple[ProbeSetup, TargetDesign, list[str]]:
    groups = images.groups
    if tested is not None and not groups_kept:
        groups = 2 * groups + tested  # copies that are found in both parts: the split stays, and it is told
    images, design, problems = kind.deal(images, groups, request, tested)
    carrier = ProbeDesign(images.labels, groups, design.splits, np.zeros(design.splits.shape, np.int64), request.seed)
    return ProbeSetup(images, carrier, request.as_probe()), design, problems
