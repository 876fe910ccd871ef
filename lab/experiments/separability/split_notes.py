"""What is said of the folds: how many images, groups and folds there are, and what looks wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.experiments.separability.image_split import copies_in_both, groups_given
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.geometry.neighbours import nearest_of_other_groups
from lab.images import ImageSet
from lab.models import ModelRef
from lab.probing.task import LOGISTIC
from lab.stats.calibration import calibration_sentence

# Of the median distance to the tenth nearest image of another group. Of 160 photographs, 800 digits and four drawn sets
# none is below 0.4; crops, mirrored and squared copies of photographs are at 0 to 0.2.
FAR_CLOSER = 0.35
FEWEST_IMAGES = 20  # below, a median of distances says little


def split_text(splits: pd.DataFrame, *, told: int = 0) -> str:
    """Return "40 images in 8 groups, 2 folds × 3 repeats" from a table `splits`; groups of one are not named.

    Where the reader was `told` the number of images already, and these are all, it is left out: "5 folds × 3 repeats".
    """
    images, groups = splits["image"].nunique(), splits["group"].nunique()
    several = f" in {groups:,} groups" if groups < images else ""
    counted = f"{images:,} images{several}, " if several or images != told else ""
    if (trained := splits["fold"] < 0).any():
        parts = f"{int(trained.sum()):,} for training and {int((~trained).sum()):,} tested"
        return f"{counted}{parts}, as given"
    folds, repeats = splits["fold"].nunique(), splits["repeat"].nunique()
    return f"{counted}{folds} folds × {repeats} repeat{'' if repeats == 1 else 's'}"


def notes_of(question: ProbeSetup) -> list[str]:
    """Return what is to be said of the images, and of probes that are not the usual ones."""
    probe = question.request.probe
    return [*question.images.notes, *([f"layers were read by {probe} probes"] if probe != LOGISTIC else [])]


def split_problems(question: ProbeSetup, networks: Sequence[EmbeddingSource]) -> list[str]:
    """Return a sentence for each thing that makes the folds doubtful: fewer than asked for, groups of several classes,
    images far more like an image of another group than is typical."""
    problems = [*_fewer_folds(question)]
    if not groups_given(question.images, question.request):  # a site holds images of several classes
        problems += _mixed_groups(question.images)
    if question.split_given:
        problems += copies_in_both(question.images, question.design.tested)
    # Without training most images lie close together, and some closer by the accident of weights.
    trained = next((n for n in networks if n.layers and not n.twin and not ModelRef.parse(n.model).untrained), None)
    if trained is not None:
        last = trained.layers[-1].name
        problems += _close_pairs(question.images, trained.embeddings[last], f"{trained.model}, {last}")
    return problems


def _fewer_folds(question: ProbeSetup) -> list[str]:
    folds, wanted = int(question.splits.max()) + 1, question.request.folds
    if folds >= wanted or question.split_given:
        return []
    images = question.images
    counts = [len(np.unique(images.groups[images.labels == label])) for label in range(len(images.classes))]
    scarce = int(np.argmin(counts))
    return [
        f"{folds} folds instead of {wanted}: the {int((images.labels == scarce).sum())} images of class "
        f"{images.classes[scarce]!r} are in {counts[scarce]} groups, and a group (copies of a picture) never straddles "
        "a split. If they are different pictures, say so with groups none or a table of groups."
    ]


def _mixed_groups(images: ImageSet) -> list[str]:
    pairs = np.unique(np.stack([images.groups, images.labels]), axis=1)
    names, classes = np.unique(pairs[0], return_counts=True)
    mixed = names[classes > 1]
    if not len(mixed):
        return []
    members = np.flatnonzero(images.groups == mixed[0])
    other = next(k for k in members if images.labels[k] != images.labels[members[0]])
    return [
        f"{len(mixed)} of {len(np.unique(images.groups))} groups hold images of several classes, such as "
        f"{images.records[members[0]].id!r} and {images.records[other].id!r}: either they are no copies of each other "
        "(then turn groups off or give a table of groups), or a label is wrong."
    ]


def _close_pairs(images: ImageSet, embedding: np.ndarray, where: str) -> list[str]:
    distance, nearest, usual = nearest_of_other_groups(embedding, images.groups)
    finite = np.isfinite(usual)
    if finite.sum() < FEWEST_IMAGES:
        return []
    close = np.flatnonzero(finite & (distance < FAR_CLOSER * np.median(usual[finite])))
    if not len(close):
        return []
    first = close[np.argmin(distance[close])]
    pair = f"{images.records[first].id!r} and {images.records[nearest[first]].id!r}"
    return [
        f"{len(close)} of {len(images)} images lie far nearer to one of another group than is typical (in {where}, "
        f"below {FAR_CLOSER:g} of the median distance to the tenth nearest), such as {pair}: if they show one thing, "
        "a probe that saw one knows the other; give a table of groups."
    ]


def calibration_note(images: pd.DataFrame, splits: pd.DataFrame, probe: str = LOGISTIC) -> str:
    """Return how often intervals and verdicts of such a `probe` held in simulations of the nearest kind of set, from a
    run's tables. Only folds were simulated: of a split that was given nothing is said."""
    if (splits["fold"] < 0).any():
        return "Intervals and verdicts on a given split were not simulated."
    first = splits[splits["repeat"] == splits["repeat"].min()].set_index("image")
    groups = first.loc[images["image"], "group"].to_numpy()
    return calibration_sentence(pd.factorize(images["class"])[0], groups, probe)
