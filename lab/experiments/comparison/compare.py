"""Which layer of which network would I use? Several networks on the same images, probed alike and compared in pairs.

    tables   layers, summary, emergence   as in a run of one network; layers with their cost
             models     one row per network: its best layer, its smallest cut that is as good, size, cost, speed
             cuts       one row per network and layer: accuracy, cost, how far behind the best of all
             matched    one row per pair of networks and relative depth: paired difference
             best       one row per pair of networks: paired difference at each one's best layer
             similarity one row per pair of layers, within and between networks: CKA, interval, null
             agreement  one row per pair of networks and relative depth: are they wrong on the same images
             votes      one row per network, relative depth and image: what it answered
             speeds     one row per network, part and round: images per second; empty when it was not measured
             images, splits, quarantine

Every curve has its untrained twin beside it, and the probe on raw pixels. Speed is measured on this machine, so it
is the one thing that another run does not repeat exactly.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, PartialResults
from lab.experiments.comparison import pair_tables, tables
from lab.experiments.comparison.costs import NetworkCut, measure_speeds, network_size
from lab.experiments.comparison.evidence import Comparison, gather
from lab.experiments.comparison.findings import findings
from lab.experiments.comparison.request import CompareRequest
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.experiments.separability.given_split import Measured, test_part
from lab.experiments.separability.measure import (
    EmbeddingSource,
    ProbeResult,
    ProbeSetup,
    open_sources,
    prepare,
    probe_all,
)
from lab.experiments.separability.split_notes import notes_of, split_problems
from lab.experiments.separability.tables import chance_row, emergence_rows, image_tables, layer_rows, summary_row
from lab.geometry.similarity import cka_evidence
from lab.images import ImageSet, images_in_request
from lab.layers import Layer
from lab.models import Model, names_of
from lab.partial_results import Arrays
from lab.probing.task import LOGISTIC
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute

SIMILARITY = ("cka", "low", "high", "null", "p")


def run(
    request: CompareRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the comparison of `request`'s networks.

    A network that cannot be computed is reported in the manifest's `problems`; LabError when fewer than two are left.
    """
    return _compared(request, progress, compute, partial_results if partial_results is not None else {})


def compare(
    models: Iterable[Model],
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any] = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    layers: str | Sequence[str | Layer] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = ("untrained", "pixels"),
    classes: Sequence[str] = (),
    per_class: int | None = None,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    probe: str = LOGISTIC,
    speed: bool = True,
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Compare networks on the same images, layer by layer: which layer of which one is best, and how sure is that.

    `models` are two or more, each as in `lab.probe`; `speed` measures how fast each runs here. The other arguments are
    those of `lab.probe`. Raises LabError, in one sentence, for what cannot be used. The result is kept by the caller
    only.
    """
    given, data, classes, per_class, groups = images_in_request(images, classes, per_class, groups)
    request = CompareRequest.from_dict(
        {
            "models": names_of(models, preprocess, given), "data": data, "layers": layers, "pooling": pooling,
            "controls": controls, "classes": classes, "per_class": per_class, "folds": folds, "repeats": repeats,
            "seed": seed, "groups": groups, "split": split, "probe": probe, "speed": speed,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return _compared(request.canonical(), told, compute, {}, given)


def _compared(
    request: CompareRequest,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    images: ImageSet | None = None,
) -> Result:
    clock = Clock()
    question = prepare(request.as_probe(), progress, images)
    subjects, problems = open_sources(question, progress, compute)
    readings = [*probe_all(question, subjects, progress, partial_results)]
    networks = [subject for subject in subjects if subject.layers and not subject.twin]
    if len(networks) < 2:
        raise LabError("fewer than two networks could be computed: " + "; ".join(problems))
    problems += split_problems(question, networks)
    shown = image_tables(question)
    part = test_part(Measured(question, networks, readings))
    question, networks, readings = part.question, list(part.subjects), list(part.readings)
    clock.mark("probes")
    field = gather(question, networks, readings)
    progress("Comparing in pairs", 0, 1, "steps")
    found = _tables(question, networks, readings, field) | shown
    clock.mark("pairs")
    found["similarity"] = pair_tables.similarity(networks, _similarity(question, networks, partial_results, progress))
    clock.mark("similarity")
    last = {curve.model: curve.layers[-1] for curve in field.curves}
    chosen = tables.smallest_cuts(field, found["cuts"])
    sizes = {name: network_size(name, partial_results) for name in last}
    cuts = [NetworkCut(name, chosen[name], last[name]) for name in last]
    speed = measure_speeds(cuts, partial_results, compute, progress) if request.speed else {}
    found["models"] = tables.models(field, found["emergence"], found["cuts"], chosen, sizes, speed)
    found["speeds"] = tables.speeds(speed)
    clock.mark("speed")
    hashes = {"images": question.images.fingerprint, **{network.model: network.digest for network in networks}}
    sentences = findings(found, question.images.classes, data=request.data)
    return result_with_findings(
        request,
        found,
        sentences,
        hashes=hashes,
        problems=problems,
        timings=clock.seconds,
        notes=notes_of(question),
    )


def _tables(
    question: ProbeSetup, networks: list[EmbeddingSource], readings: list[ProbeResult], field: Comparison
) -> dict[str, pd.DataFrame]:
    """Return the tables that need no more than the readings."""
    emergence = [row for network in networks for row in emergence_rows(question, network, readings, field.boot)]
    return {
        "layers": _with_costs(pd.DataFrame(list(layer_rows(networks))), networks),
        "summary": pd.DataFrame([*(summary_row(question, each) for each in readings), chance_row(question)]),
        "emergence": pd.DataFrame(emergence),
        "cuts": tables.cuts(field),
        "matched": pair_tables.matched(field),
        "best": pair_tables.best(field),
        "agreement": pair_tables.agreement(field),
        "votes": pair_tables.votes(field, question),
    }


def _similarity(
    question: ProbeSetup, networks: list[EmbeddingSource], partial_results: PartialResults, progress: Progress
) -> Arrays:
    """Return the similarity of all layers of all networks; of images that are copies of each other one counts."""
    key = "similarity/" + "/".join(network.view for network in networks)
    if key not in partial_results:
        _, first = np.unique(question.images.groups, return_index=True)
        vectors = [network.embeddings[layer.name][np.sort(first)] for network in networks for layer in network.layers]
        aligned = cka_evidence(
            vectors,
            seed=question.request.seed,
            tick=lambda done, total: progress("Comparing layers with each other", done, total, "steps"),
        )
        partial_results[key] = {name: getattr(aligned, name) for name in SIMILARITY} | {
            "images": np.array(aligned.images)
        }
    return partial_results[key]


def _with_costs(layers: pd.DataFrame, networks: list[EmbeddingSource]) -> pd.DataFrame:
    every = [layer for network in networks for layer in network.layers]
    return layers.assign(flops=[layer.flops for layer in every], parameters=[layer.parameters for layer in every])
