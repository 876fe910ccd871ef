"""`lab.ask` as type checkers see it, written by `docs/make_stubs.py` from the registry of questions."""

import os
from collections.abc import Iterable, Sequence
from typing import Literal, overload

from lab.experiments.result import Result
from lab.models import Model
from lab.progress import Progress
from lab.settings import Compute

@overload
def ask(
    question: Literal["probe"],
    *,
    models: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    classes: str | Sequence[str] = ...,
    per_class: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    probe: str = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    beside: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    images: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["compare"],
    *,
    models: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    classes: str | Sequence[str] = ...,
    per_class: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    probe: str = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    beside: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    images: str = ...,
    speed: bool = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["check"],
    *,
    base: str = ...,
    new: str = ...,
    data: str | os.PathLike[str] = ...,
    target: str = ...,
    label: str = ...,
    max_drop: float = ...,
    layer: str = ...,
    layers: str | Sequence[str] = ...,
    classes: str | Sequence[str] = ...,
    per_class: int | None = ...,
    pooling: str = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    labels: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["which"],
    *,
    models: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    classes: str | Sequence[str] = ...,
    per_class: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    probe: str = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    beside: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    images: str = ...,
    sample: int = ...,
    finalists: int = ...,
    cheaper: int = ...,
    speed: bool = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["regress"],
    *,
    model: Model = ...,
    others: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    label: str = ...,
    images: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    row_images: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["grades"],
    *,
    model: Model = ...,
    others: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    label: str = ...,
    images: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    row_images: str = ...,
    classes: str | Sequence[str] = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["multilabel"],
    *,
    model: Model = ...,
    others: Iterable[Model] = ...,
    data: str | os.PathLike[str] = ...,
    label: str = ...,
    images: int | None = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    controls: str | Sequence[str] = ...,
    folds: int = ...,
    repeats: int = ...,
    seed: int = ...,
    groups: str = ...,
    split: str = ...,
    embeddings: str = ...,
    labels: str = ...,
    row_images: str = ...,
    classes: str | Sequence[str] = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["ladder"],
    *,
    models: Iterable[Model] = ...,
    rungs: str | Sequence[str] = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    per_class: int = ...,
    untrained: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["filter"],
    *,
    model: Model = ...,
    picture: str | os.PathLike[str] = ...,
    layer: str = ...,
    channel: int | None = ...,
    row: int | None = ...,
    column: int | None = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["face"],
    *,
    eyes_kernel: str = ...,
    mouth_kernel: str = ...,
    bias: float = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["edges"],
    *,
    seeds: int = ...,
    epochs: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["tuning"],
    *,
    model: Model = ...,
    layers: str | Sequence[str] = ...,
    draws: int = ...,
    twins: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["sizes"],
    *,
    model: Model = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["slide"],
    *,
    size: int = ...,
    kernel: int = ...,
    stride: int = ...,
    padding: int = ...,
    dilation: int = ...,
    ceil: bool = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["field"],
    *,
    model: Model = ...,
    picture: str | os.PathLike[str] = ...,
    layers: str | Sequence[str] = ...,
    pictures: int = ...,
    draws: int = ...,
    twins: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["stack"],
    *,
    layers: str | Sequence[str] = ...,
    kernel: int = ...,
    stride: int = ...,
    dilation: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["thumbnail", "left"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    layers: str | Sequence[str] = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["factors"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    layers: str | Sequence[str] = ...,
    pooling: str = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["inversion"],
    *,
    model: Model = ...,
    picture: str | os.PathLike[str] = ...,
    layers: str | Sequence[str] = ...,
    most_layers: int = ...,
    starts: int = ...,
    steps: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["break"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    seed: int = ...,
    only: str = ...,
    places: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["late_layers_only", "tail"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    seed: int = ...,
    stage: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["without_activations", "linear"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["collapse"],
    *,
    model: Model = ...,
    picture: str | os.PathLike[str] = ...,
    most: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["width_vs_depth", "side"],
    *,
    tasks: str = ...,
    parameters: int = ...,
    size: int = ...,
    per_class: int = ...,
    test_per_class: int = ...,
    seen: int = ...,
    seeds: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["concatenation", "together"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    seed: int = ...,
    layers: str | Sequence[str] = ...,
    early: str = ...,
    dimension: int = ...,
    sweep: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["other_probes"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    seed: int = ...,
    layers: str | Sequence[str] = ...,
    attentive: bool = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["many_images"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int | None = ...,
    layers: str | Sequence[str] = ...,
    folds: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["attribute"],
    *,
    model: Model = ...,
    picture: str | os.PathLike[str] = ...,
    target: str = ...,
    layers: str | Sequence[str] = ...,
    method: str = ...,
    probe_data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    steps: int = ...,
    baseline: str = ...,
    checks: bool = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["attribution_score"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    layers: str | Sequence[str] = ...,
    method: str = ...,
    images: int = ...,
    per_class: int = ...,
    steps: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["explanations"],
    *,
    model: Model = ...,
    rungs: str | Sequence[str] = ...,
    layers: str | Sequence[str] = ...,
    method: str = ...,
    images: int = ...,
    per_class: int = ...,
    steps: int = ...,
    pairs: int = ...,
    reader: str = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["concepts"],
    *,
    model: Model = ...,
    concepts: str | Sequence[str] = ...,
    against: str = ...,
    data: str | os.PathLike[str] = ...,
    layers: str | Sequence[str] = ...,
    per_class: int = ...,
    draws: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["depth_strip"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int | None = ...,
    size: int | None = ...,
    steps: int = ...,
    seed: int = ...,
    layers: str | Sequence[str] = ...,
    classes: str = ...,
    picture: str | os.PathLike[str] = ...,
    count: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["visualize"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int | None = ...,
    size: int | None = ...,
    steps: int = ...,
    seed: int = ...,
    layers: str | Sequence[str] = ...,
    channels: str = ...,
    made_of: str = ...,
    copies: int = ...,
    negative: bool = ...,
    count: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["exemplars"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int | None = ...,
    layers: str | Sequence[str] = ...,
    channels: str = ...,
    count: int = ...,
    ends: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["channel"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int | None = ...,
    size: int | None = ...,
    steps: int = ...,
    seed: int = ...,
    layer: str = ...,
    channel: int | None = ...,
    negative: bool = ...,
    count: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["kernels"],
    *,
    model: Model = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["train"],
    *,
    model: Model = ...,
    data: str | os.PathLike[str] = ...,
    per_class: int = ...,
    size: int = ...,
    epochs: int = ...,
    rate: float = ...,
    enough: float = ...,
    seed: int = ...,
    name: str = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["watch"],
    *,
    model: Model = ...,
    layers: str | Sequence[str] = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
@overload
def ask(
    question: Literal["ladder_steps"],
    *,
    model: Model = ...,
    rungs: str | Sequence[str] = ...,
    layers: str | Sequence[str] = ...,
    per_class: int = ...,
    checkpoints: int = ...,
    seed: int = ...,
    progress: Progress | None = ...,
    compute: Compute | None = ...,
) -> Result: ...
