"""Only the last layer? The best single layer against all of them and against early and late, at matched dimension.

At matched dimension every probe sees the same number of principal components: of one layer, or of several layers
put side by side, each layer scaled to count alike. Components are found on training images only. Which layer is the
best is decided on training images too, so that the best of many is not flattered.

    tables   readers   one row per choice of layers and kind ("all": every dimension, "matched"): which layers, how many
                       dimensions, accuracy with interval, paired difference to the last layer
             sweep     the same choices at several matched dimensions; their differences hold for all of them at once
             layers    the single layers again, with their depth
             chosen    how often which layer was taken for the best
             controls  chance, raw pixels, the untrained twin's last layer
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.ablation.intervention_tables import control_readings, control_table
from lab.experiments.ablation.layer_concatenation_findings import ALL, BEST, BOTH, LAST, findings
from lab.experiments.ablation.layer_sweep import FeatureSet, Sweep, components
from lab.experiments.ablation.probe_data import ProbeData, cached_probe, open_probe_data
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.base import PartialResults, option
from lab.experiments.early import CardLookup, layers_asked
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import short_name
from lab.layers import Layer, select_layers
from lab.models import card
from lab.probing.probes import fit_probes
from lab.probing.splits import grouped_folds
from lab.progress import Progress, silent
from lab.settings import Compute

EARLY_DEPTH = 1 / 3
MOST_COMPONENTS = 512


@dataclass(frozen=True)
class ConcatenationRequest(ProbeDataRequest):
    """Which network, images and layers, what counts as early, and how many components each probe sees."""

    experiment: ClassVar[str] = "concatenation"

    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    early: str = option("", "the early layer; the one nearest to a third of the depth when left out")
    dimension: int = option(16, "principal components at matched dimension", least=1, most=MOST_COMPONENTS)
    sweep: str = option("4,8,16,32,64", "dimensions at which the choices of layers are compared, with commas")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.dimensions()

    def dimensions(self) -> tuple[int, ...]:
        """Return the dimensions of the sweep, ascending; raises LabError for what is no list of numbers from 1."""
        words = [word.strip() for word in self.sweep.split(",") if word.strip()]
        if not words or not all(word.isdecimal() and 1 <= int(word) <= MOST_COMPONENTS for word in words):
            raise LabError(
                f"sweep is {self.sweep!r}; write numbers from 1 to {MOST_COMPONENTS} with commas, such as 4,8,16"
            )
        return tuple(sorted({*map(int, words), self.dimension}))

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for fewer than two layers or an early one there is not, besides what all questions check."""
        super().check(cards)
        if layers := tuple(layers_asked(self, cards)):
            several_layers(layers, self)
            early_layer(layers, self.early)

    def title(self) -> str:
        """Return what is looked at."""
        return f"One layer or all of {self.network}, on {short_name(self.data)}"


def run(
    request: ConcatenationRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what probes of each choice of layers find.

    Raises LabError when there are fewer than two layers or no such early one.
    """
    material, model = open_probe_data(request, progress, compute)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    several_layers(layers, request)
    early = early_layer(layers, request.early)
    vectors = dict(embed(model, material.images, layers, compute=compute, progress=progress))
    names = tuple(layer.name for layer in layers)
    readers = [
        *(FeatureSet(name, (name,)) for name in names),
        FeatureSet(BOTH, (early.name, names[-1])),
        FeatureSet(ALL, names),
    ]
    kept = partial_results if partial_results is not None else {}
    found = _accuracies(material, vectors, readers, request.dimension, kept, progress)
    best, chosen, taken = _best(material, vectors, names, found, progress)
    swept = Sweep(material, vectors, readers[-2:], names[-1], taken, request.dimensions()).read(kept, progress)
    tables = {
        **_tables(material, layers, readers, {**found, **best}, vectors, request.dimension),
        "sweep": swept,
        "chosen": pd.DataFrame(chosen, columns=["kind", "layer", "times"]),
        "controls": control_table(material, control_readings(model, material, compute, progress)),
    }
    return result_with_findings(
        request,
        tables,
        findings(tables),
        hashes=material.hashes(model),
        notes=list(material.images.notes),
        early=early.name,
    )


def several_layers(layers: Sequence[Layer], request: ConcatenationRequest) -> None:
    """Raise LabError when there is one layer only."""
    if len(layers) < 2:
        raise LabError(f"{request.layers!r} picks one layer of {request.model}; at least two are needed")


def early_layer(layers: Sequence[Layer], name: str) -> Layer:
    """Return the layer called `name`, or the one nearest to a third of the depth, never the last one."""
    known = {layer.name: layer for layer in layers[:-1]}
    if name and name not in known:
        raise LabError(f"{name!r} is not an early layer here; choose one of {', '.join(known)}")
    return known[name] if name else min(known.values(), key=lambda layer: abs(layer.depth - EARLY_DEPTH))


def _accuracies(
    material: ProbeData,
    vectors: dict[str, np.ndarray],
    readers: list[FeatureSet],
    dimension: int,
    partial_results: PartialResults,
    progress: Progress,
) -> dict[tuple[str, str], np.ndarray]:
    """Return the probabilities `(R, N, K)` by (kind, choice of layers)."""
    found: dict[tuple[str, str], np.ndarray] = {}
    for number, reader in enumerate(readers):
        progress("Probing one layer, two, all", number, len(readers), "choices of layers")
        parts = [vectors[name] for name in reader.layers]
        key = f"{material.images.fingerprint}/{reader.name}"

        def whole(parts: list[np.ndarray] = parts) -> np.ndarray:
            return material.refitted(np.concatenate(parts, axis=1))

        def matched(parts: list[np.ndarray] = parts) -> np.ndarray:
            return _matched(material, parts, dimension)

        found["all", reader.name] = cached_probe(partial_results, f"{key}/all", whole)
        found["matched", reader.name] = cached_probe(partial_results, f"{key}/{dimension}", matched)
    return found


def _matched(material: ProbeData, parts: list[np.ndarray], dimension: int) -> np.ndarray:
    labels, groups = material.labels, material.groups
    found = np.full((len(material.splits), len(labels), max(int(labels.max()) + 1, 2)), np.nan)
    for repeat, tested in enumerate(material.splits):
        for fold in range(int(tested.max()) + 1):
            test = tested == fold
            seen = components(parts, ~test, dimension)
            found[repeat, test] = material.read(seen[~test], labels[~test], groups[~test], [seen[test]])[0]
    return found


def _best(
    material: ProbeData,
    vectors: dict[str, np.ndarray],
    names: tuple[str, ...],
    found: dict[tuple[str, str], np.ndarray],
    progress: Progress,
) -> tuple[dict[tuple[str, str], np.ndarray], list[dict[str, Any]], dict[tuple[int, int], str]]:
    """Return the readings of the layer that is best on the training images of each fold, how often each was, and the
    layer by repeat and fold."""
    chosen: dict[tuple[int, int], str] = {}
    best = {
        ("all", BEST): found["all", names[-1]].copy(),
        ("matched", BEST): found["matched", names[-1]].copy(),
    }
    taken: Counter[str] = Counter()
    folds = int(material.splits.max()) + 1
    for repeat, tested in enumerate(material.splits):
        for fold in range(folds):
            progress("Choosing the best layer", repeat * folds + fold, len(material.splits) * folds, "folds")
            test = tested == fold
            train = np.flatnonzero(~test)
            inner = grouped_folds(material.labels[train], material.groups[train], 3, seed=(material.seed, repeat, fold))
            losses = [_inner_loss(material, vectors[name][train], train, inner) for name in names]
            name = names[int(np.argmin(losses))]
            taken[name] += 1
            chosen[repeat, fold] = name
            for kind in ("all", "matched"):
                best[kind, BEST][repeat, test] = found[kind, name][repeat, test]
    times = [{"kind": "all", "layer": name, "times": taken[name]} for name in names if taken[name]]
    return best, times, chosen


def _inner_loss(material: ProbeData, vectors: np.ndarray, train: np.ndarray, inner: np.ndarray) -> float:
    """Return the log-loss of a probe within the training images, out of its own folds."""
    labels = material.labels[train]
    probes = fit_probes(
        vectors, labels[None], inner[None], material.groups[train], dimensions=(None,), regularisation=(1e-2,)
    )
    given = probes[None, 0].probabilities[0][np.arange(len(labels)), labels]
    return float(-np.log(np.clip(given, 1e-15, 1)).mean())


def _tables(
    material: ProbeData,
    layers: Sequence[Layer],
    readers: list[FeatureSet],
    found: dict[tuple[str, str], np.ndarray],
    vectors: dict[str, np.ndarray],
    dimension: int,
) -> dict[str, pd.DataFrame]:
    depth = {layer.name: layer.depth for layer in layers}
    last = layers[-1].name
    singles, rows = [], []
    for kind in ("all", "matched"):
        for reader in [*readers, FeatureSet(BEST, ())]:
            width = sum(vectors[name].shape[1] for name in reader.layers)
            row = {
                "reader": LAST if reader.name == last else reader.name,
                "kind": kind,
                "layers": ", ".join(reader.layers) if len(reader.layers) < 4 else f"{len(reader.layers)} layers",
                "dim": min(width, dimension) if kind == "matched" and width else width,
                **_scores(material, found[kind, reader.name], found[kind, last]),
            }
            if reader.name in depth:
                singles.append({**row, "reader": reader.name, "depth": depth[reader.name]})
            if reader.name not in depth or reader.name == last:
                rows.append(row)
    return {"readers": pd.DataFrame(rows), "layers": pd.DataFrame(singles)}


def _scores(material: ProbeData, readings: np.ndarray, last: np.ndarray) -> dict[str, float]:
    accuracy = material.scores(readings).interval.columns("accuracy", "ci")
    return {**accuracy, **material.against(readings, last).columns("gap")}
