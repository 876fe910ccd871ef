"""`lab.diff`: what changed from one network to another, layer by layer, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.experiments.base import DEFAULT_DATA, Result
from lab.experiments.equivalence.request import BEST, CheckRequest
from lab.experiments.equivalence.run import measure
from lab.images import ImageSet
from lab.models import LoadedModel, ref_of
from lab.progress import Progress, silent
from lab.settings import Compute

Side = str | Path | LoadedModel


def diff(
    base: Side,
    new: Side,
    images: str | ImageSet = DEFAULT_DATA,
    *,
    max_drop: float = 0.02,
    layer: str = BEST,
    layers: str = "blocks",
    classes: Sequence[str] = (),
    per_class: int | None = None,
    pooling: str = "avg",
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str = "auto",
    labels: str = "",
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return what changed from `base` to `new` on the same images: the tables of `feature-lab check`.

    Both are networks, by name or as `load_model` returns them, or both files of vectors, whose labels `labels` names.
    `result["differences"]` has a row a layer (difference with its intervals, CKA, images lost and gained),
    `result["changed"]` a row per image that was lost or gained, `result["decision"]` whether `new` is worse by more
    than `max_drop` at `layer` ("best" of each, "all", or a name). The result is kept by the caller only.

    Raises LabError for sides that cannot be used or are not of a kind, and for a layer that is not read.
    """
    given = None if isinstance(images, str) else images
    request = CheckRequest(
        base=_text(base), new=_text(new), data=images if isinstance(images, str) else images.spec, max_drop=max_drop,
        layer=layer, layers=layers, classes=tuple(classes), per_class=per_class, pooling=pooling, folds=folds,
        repeats=repeats, seed=seed, groups=groups, labels=labels,
    )  # fmt: skip
    return measure(request.canonical(), progress, compute, {}, given)


def _text(side: Side) -> str:
    return str(side) if isinstance(side, (str, Path)) else str(ref_of(side))
