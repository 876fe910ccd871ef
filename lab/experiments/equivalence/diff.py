"""`lab.diff`: what changed from one network to another, layer by layer, from Python."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lab.errors import LabError, briefly
from lab.experiments.base import DEFAULT_DATA
from lab.experiments.equivalence.request import BEST, CheckRequest, is_vectors
from lab.experiments.equivalence.run import measure
from lab.experiments.result import Result
from lab.images import ImageSet, images_in_request
from lab.layers import Layer
from lab.models import Model, names_of
from lab.progress import Progress
from lab.progress_bars import shown as bars_for
from lab.settings import Compute

Side: TypeAlias = "Model | Path"


def diff(
    base: Side,
    new: Side,
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any] = DEFAULT_DATA,
    *,
    target: Literal["class", "number", "grades", "labels"] = "class",
    label: str = "",
    max_drop: float = 0.02,
    layer: str = BEST,
    preprocess: Any = None,
    layers: str | Sequence[str | Layer] = "blocks",
    pooling: str = "avg",
    classes: Sequence[str] = (),
    per_class: int | None = None,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    labels: str = "",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return what changed from `base` to `new` on the same images: the tables of `feature-lab check`.

    Both are networks as in `lab.probe`, or both files of vectors, whose labels `labels` names. `target` is what is
    read, `label` its column where it is no class, `classes` the order of grades; accuracy is then R², weighted kappa or
    mean AUC.
    `result["differences"]` has a row a layer (difference with its intervals, CKA, images lost and gained),
    `result["changed"]` a row per image that was lost or gained, `result["decision"]` whether `new` is worse by more
    than `max_drop` at `layer` ("best" of each, "all", or a name). The other arguments are those of `lab.probe`. The
    result is kept by the caller only.

    Raises LabError for sides that cannot be used or are not of a kind, and for a layer that is not read.
    """
    given, data, classes, per_class, groups = images_in_request(images, classes, per_class, groups, target, label)
    named = [_named(side, preprocess, given) for side in (base, new)]
    request = CheckRequest.from_dict(
        {
            "base": named[0], "new": named[1], "data": data, "target": target, "label": label,
            "max_drop": max_drop, "layer": layer, "layers": layers,
            "pooling": pooling, "classes": classes, "per_class": per_class, "folds": folds, "repeats": repeats,
            "seed": seed, "groups": groups, "labels": labels,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return measure(request.canonical(), told, compute, {}, given)


def _named(side: Side, preprocess: Any, images: ImageSet | None) -> str:
    if isinstance(side, Path) or (isinstance(side, str) and is_vectors(side)):
        return str(side)
    named = names_of(side, preprocess, images)
    if len(named) != 1:
        raise LabError(f"a side is {briefly(side)}; give one network, or one file of vectors")
    return named[0]
