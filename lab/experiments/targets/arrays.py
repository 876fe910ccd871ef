"""`lab.probe_arrays`: the lab's probes, controls and verdict for vectors that other tools made, from Python."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from lab.embeddings.vector_sets import MODEL, vector_set
from lab.errors import LabError, check_type
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.run import measure_and_assemble
from lab.experiments.separability.vectors import GivenVectors
from lab.experiments.targets.request import TARGET_REQUESTS
from lab.experiments.targets.run import run
from lab.images import MEMORY, ImageSet, images_asked, open_image_set
from lab.images.targets import CLASS, GRADES, SEVERAL, check_target
from lab.names import names_given
from lab.probing.controls import OPTIONAL
from lab.probing.task import LOGISTIC
from lab.progress import Progress
from lab.progress_bars import shown as bars_for
from lab.settings import Compute


def probe_arrays(
    layers: Mapping[str, Any],
    labels: Any,
    *,
    target: Literal["class", "number", "grades", "labels"] = "class",
    label: str = "",
    order: Sequence[str] = (),
    groups: Any = None,
    split: Any = None,
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any] | None = None,
    names: Sequence[str] = (),
    model: str = MODEL,
    controls: Sequence[str] = tuple(OPTIONAL),
    probe: str = LOGISTIC,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Probe layers that are given as arrays `(N, D)`, in order of depth, and return what a probe run finds.

    `labels` `(N,)` are whole numbers or text, or what another `target` has: numbers, called `label`; ordered grades, by
    `order` from low to high where they are no numbers; several labels a row, as lists, "a;b" or ones and zeros
    `(N, L)`. The tables are then those of `lab.regress`, `lab.grades` and `lab.multilabel`. `groups` `(N,)` says which
    rows must never straddle a split (default: none do), `split` `(N,)` which are for "train" and which for "test": it
    is used as it is, and all that is found is told of the test part. `probe` of classes is "logistic", or "ridge" in
    closed form, for many of them. `images` are those of the rows, for the control
    "pixels", found by `names` `(N,)` or as they come. `model` is what sentences and charts call the network. The result
    is kept by the caller only.

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
    check_target(target)
    check_type("model", model, str, "what sentences and charts call the network")
    order = names_given("grades or labels", order)
    if order and target not in (GRADES, SEVERAL):
        raise LabError(f"order is that of grades, or picks some of several labels; leave it out of target {target!r}")
    vectors = vector_set(
        layers, labels, groups=groups, split=split, names=names, model=model, target=target, label=label, classes=order
    )
    shown = None if images is None else images_asked(images)
    with bars_for(progress) as told:
        shown = shown if shown is None or isinstance(shown, ImageSet) else open_image_set(shown, progress=told)
    given, seen = GivenVectors(vectors, shown), "" if shown is None else shown.spec
    asked: dict[str, Any] = {
        "data": "", "embeddings": MEMORY + vectors.digest, "controls": controls, "folds": folds, "repeats": repeats,
        "seed": seed, **({"classes": order} if order else {}),
    }  # fmt: skip
    if target == CLASS:
        request = ProbeRequest.from_dict({**asked, "probe": probe, "models": (), "images": seen})
        with bars_for(progress) as told:
            return measure_and_assemble(request.canonical(), told, Compute(), {}, None, given)
    if probe != LOGISTIC:
        raise LabError(f"probe is chosen for classes; leave it out of target {target!r}")
    wanted = TARGET_REQUESTS[target].from_dict({**asked, "model": "", "row_images": seen, "label": label})
    with bars_for(progress) as told:
        return run(wanted.canonical(), progress=told, given=given)
