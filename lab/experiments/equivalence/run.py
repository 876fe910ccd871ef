"""Is the new network no worse than the one before, and where in depth did it change?

    tables   decision     the layer that decides, its difference and interval, the outcome, what could have been seen
             differences  one row a layer: difference, intervals, CKA, images lost and gained
             changed      one row per layer and image that was lost or gained
             layers, summary, images, splits, quarantine   as in a run of networks

Both are probed on the same folds of the same images, so that differences are paired. A network before that is not
clearly above chance decides nothing: to be no worse than guessing is no merit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.experiments.base import PartialResults
from lab.experiments.equivalence.findings import findings
from lab.experiments.equivalence.request import CheckRequest
from lab.experiments.equivalence.sides import Sides, class_sides
from lab.experiments.equivalence.tables import changed, decision, differences
from lab.experiments.equivalence.target_sides import target_sides
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.experiments.separability.tables import layer_rows
from lab.geometry.similarity import cka_evidence
from lab.images import ImageSet
from lab.images.targets import CLASS
from lab.partial_results import Arrays
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.equivalence import EXIT_CODES

SIMILARITY = ("cka", "low", "high", "null")


def measure(
    request: CheckRequest,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    images: ImageSet | None = None,
) -> Result:
    """Return the result of `request` (see `run`); `images` are opened unless they are given."""
    clock = Clock()
    sides = (class_sides if request.target == CLASS else target_sides)(
        request, progress, compute, partial_results, images
    )
    clock.mark("probes")
    alike = _similarity(sides, partial_results, progress)
    clock.mark("similarity")
    found = {
        "decision": decision(sides, request),
        "differences": differences(sides, alike, request.max_drop),
        "changed": changed(sides),
        "layers": pd.DataFrame(list(layer_rows(sides.sources))),
        **sides.tables,
    }
    outcome = str(found["decision"]["outcome"].iloc[0])
    return result_with_findings(
        request,
        found,
        findings(found, [side.model for side in sides.sides]),
        hashes={"images": sides.images.fingerprint, **{source.model: source.digest for source in sides.sources}},
        problems=list(sides.problems),
        timings=clock.seconds,
        notes=list(sides.images.notes),
        check={"outcome": outcome, "exit_code": EXIT_CODES[outcome], "base": sides.sides[0].model,
               "new": sides.sides[1].model},
    )  # fmt: skip


def run(
    request: CheckRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the check of `request`'s new network; raises LabError when one of the two cannot be used."""
    return measure(request, progress, compute, partial_results if partial_results is not None else {})


def _similarity(sides: Sides, partial_results: PartialResults, progress: Progress) -> Arrays:
    """Return how alike both networks are at every layer, `(L,)` each; of images that are copies one counts."""
    key = "check-similarity/" + "/".join(source.view for source in sides.sources)
    if key not in partial_results:
        partial_results[key] = _alike(sides, progress)
    return partial_results[key]


def _alike(sides: Sides, progress: Progress) -> dict[str, np.ndarray]:
    _, first = np.unique(sides.question.images.groups, return_index=True)
    rows = np.sort(first)
    values: list[Sequence[float]] = []
    for done, layers in enumerate(sides.layers):
        progress("Comparing layers with each other", done, len(sides.layers), "layers")
        pair = [source.embeddings[layer.name][rows] for source, layer in zip(sides.sources, layers, strict=True)]
        found = cka_evidence(pair, seed=sides.question.request.seed)
        values.append([float(getattr(found, name)[0, 1]) for name in SIMILARITY])
    return dict(zip(SIMILARITY, np.array(values).T, strict=True))
