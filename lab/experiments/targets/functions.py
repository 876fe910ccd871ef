"""The questions of targets that are no classes, as functions of Python: `regress`, `grades`, `multilabel`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, DEFAULT_MODEL
from lab.experiments.result import Result
from lab.experiments.targets.request import GradesRequest, MultilabelRequest, RegressRequest, TargetRequest
from lab.experiments.targets.run import KINDS, run
from lab.images import ImageSet, images_in_request
from lab.models import Model, names_of
from lab.names import names_given
from lab.probing.controls import OPTIONAL
from lab.progress import Progress
from lab.progress_bars import shown as bars_for
from lab.settings import Compute

Images: TypeAlias = str | os.PathLike[str] | ImageSet | tuple[Any, Any]


def regress(
    models: Model | Iterable[Model] = DEFAULT_MODEL,
    images: Images = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    label: str = "",
    most: int | None = None,
    layers: str | Sequence[str] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return at which layer of one or more models a number of each image can be read.

    `images` are a table's spec (`"ages.csv"`), `(X, y)` with X `(N, C, H, W)` and a number for each, or what
    `open_image_set(..., target="number")` returned; `label` is the
    column of numbers, `most` how many images are used at most. The result is kept by the caller only.

    Raises LabError, in one sentence, for images without numbers, too few of them, or models that cannot be computed.
    """
    return _asked(
        RegressRequest, models, preprocess, images, most, (), progress, compute, label=label, layers=layers,
        pooling=pooling, controls=controls, folds=folds, repeats=repeats, seed=seed, groups=groups, split=split,
    )  # fmt: skip


def grades(
    models: Model | Iterable[Model] = DEFAULT_MODEL,
    images: Images = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    label: str = "",
    order: Sequence[str] = (),
    most: int | None = None,
    layers: str | Sequence[str] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return at which layer of one or more models an ordered grade of each image can be read.

    `images` are a table's spec (`"severity.csv"`), a folder with one folder a grade, `(X, y)` with X `(N, C, H, W)` and
    a grade for each, or what `open_image_set(..., target="grades")` returned; `label` is the column of grades, `order`
    names them from low to high where they are no numbers, `most` is how many images of each are used at most. The
    result is kept by the caller only.

    Raises LabError, in one sentence, for grades without an order, too few images, or models that cannot be computed.
    """
    return _asked(
        GradesRequest, models, preprocess, images, most, order, progress, compute, label=label, layers=layers,
        pooling=pooling, controls=controls, folds=folds, repeats=repeats, seed=seed, groups=groups, split=split,
    )  # fmt: skip


def multilabel(
    models: Model | Iterable[Model] = DEFAULT_MODEL,
    images: Images = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    label: str = "",
    classes: Sequence[str] = (),
    most: int | None = None,
    layers: str | Sequence[str] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return at which layer of one or more models each of several labels can be read.

    `images` are a table's spec (`"tags.csv"`), `(X, y)` with X `(N, C, H, W)` and lists of labels, "a;b" or ones and
    zeros `(N, L)`, or what `open_image_set(..., target="labels")` returned; `label` is the column of labels ("a;b" or
    JSON lists), `classes` picks some labels, `most` how many images are used at most. The result is kept by the caller
    only.

    Raises LabError, in one sentence, for images without labels, too few of them, or models that cannot be computed.
    """
    return _asked(
        MultilabelRequest, models, preprocess, images, most, classes, progress, compute, label=label, layers=layers,
        pooling=pooling, controls=controls, folds=folds, repeats=repeats, seed=seed, groups=groups, split=split,
    )  # fmt: skip


def _asked(
    kind: type[TargetRequest],
    models: Model | Iterable[Model],
    preprocess: Any,
    images: Images,
    most: int | None,
    classes: Sequence[str],
    progress: Progress | None,
    compute: Compute,
    **fields: Any,
) -> Result:
    row = KINDS[kind.experiment]
    classes = names_given("classes", classes)
    asked = images_in_request(images, classes, most, fields["groups"], row.target, fields["label"])
    given, data, classes, most, fields["groups"] = asked
    if given is not None and not row.has_targets(given):
        raise LabError(f"{given.spec} was opened as classes; open it with target={row.target!r} for {kind.noun}")
    model, *others = names_of(models, preprocess, given)
    named = {"model": model, "others": others, "data": data, "images": most}
    if classes:
        named["classes"] = classes
    request = kind.from_dict({**named, **fields})
    with bars_for(progress) as told:
        return run(request.canonical(), progress=told, compute=compute, images=given)
