"""`lab.probe_arrays`: the lab's probes, controls and verdict for vectors that other tools made, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.embeddings.vector_sets import MODEL, vector_set
from lab.experiments.base import Result
from lab.experiments.separability.request import MEMORY, ProbeRequest
from lab.experiments.separability.run import measure_and_assemble
from lab.experiments.separability.vectors import GivenVectors
from lab.images import ImageSet, open_image_set
from lab.probing.controls import OPTIONAL
from lab.progress import Progress, silent
from lab.settings import Compute


def probe_arrays(
    layers: Mapping[str, Any],
    labels: Any,
    *,
    groups: Any = None,
    split: Any = None,
    images: str | ImageSet | None = None,
    names: Sequence[str] = (),
    model: str = MODEL,
    controls: Sequence[str] = tuple(OPTIONAL),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    progress: Progress = silent,
) -> Result:
    """Probe layers that are given as arrays `(N, D)`, in order of depth, and return what a probe run finds.

    `labels` `(N,)` are whole numbers or text. `groups` `(N,)` says which rows must never straddle a split (default:
    none do), `split` `(N,)` which are for "train" and which for "test": it is used as it is, and all that is found is
    told of the test part. `images` are those of the rows, for the control "pixels", found by `names` `(N,)` or as they
    come. `model` is what sentences and charts call the network. The result is kept by the caller only.

    Raises LabError, in one sentence, for arrays that differ in length or are no finite numbers, labels that are no
    classes, and a split or groups that leave a class without rows to learn from or to test.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(60) % 2
    >>> late = rng.normal(size=(60, 20)) + 3 * y[:, None]
    >>> result = probe_arrays({"early": rng.normal(size=(60, 20)), "late": late}, y, repeats=1)
    >>> result.verdict.outcome
    'for'
    """
    vectors = vector_set(layers, labels, groups=groups, split=split, names=names, model=model)
    shown = open_image_set(images, progress=progress) if isinstance(images, str) else images
    request = ProbeRequest(
        models=(), data="", embeddings=MEMORY + vectors.digest, images="" if shown is None else shown.spec,
        controls=tuple(controls), folds=folds, repeats=repeats, seed=seed,
    )  # fmt: skip
    return measure_and_assemble(request.canonical(), progress, Compute(), {}, None, GivenVectors(vectors, shown))
