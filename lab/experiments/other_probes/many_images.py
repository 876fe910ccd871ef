"""At which layer can the classes be read, of more images than memory holds? A ridge probe out of sums.

Images are passed through the network once and their vectors stay on disk. Two readings of a layer's vectors suffice:
one for sums by fold, from which the probe of every fold and penalty follows exactly (`lab.probing.moments`), one for
its answers to the images of the fold that it has not seen. Memory is that of a chunk, of one layer's sums
(8 · (folds + 1) · dimension² bytes; beyond 200 MB those of a training part, the others in a file), and of a few numbers
an image.

tables   accuracies   one row per layer: accuracy of the ridge probe and of one fitted to shuffled labels
         controls     chance
         similarity   one row per pair of layers: debiased CKA over all images, out of sums too
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings.sharded import Joined, Passing, joined, pass_shard, reason_of
from lab.embeddings.stored import StoredVectors, store_vectors
from lab.errors import LabError
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, LAYERS_HELP, PartialResults, Request, model_option, option
from lab.experiments.early import CardLookup, problems_of
from lab.experiments.manifest import result_with_findings
from lab.experiments.other_probes.layer_similarity import layer_similarity, similarity_table
from lab.experiments.result import Result
from lab.images import open_image_set, short_name
from lab.images.shards import is_shards, shards_of
from lab.images.specs import parsed
from lab.layers import Layer, select_layers
from lab.models import LoadedModel, ModelCard, card, load_model
from lab.probing.moments import Moments, RidgePath, ridge_path
from lab.probing.splits import make_splits, shuffled_labels
from lab.progress import Progress, silent
from lab.settings import Compute, cache_dir
from lab.shortages import need_disk
from lab.stats.intervals import Interval, accuracy_interval, chance
from lab.stats.simultaneous import stretched

MOST_DIMENSIONS = 4096  # of a wider layer the sums of one training part would be more than 134 MB
MOST_SUMS = 200_000_000  # bytes of sums in memory: beyond, those of the folds are in a file
RIDGE = "ridge"


@dataclass(frozen=True)
class ManyImagesRequest(Request):
    """Which network, images and layers."""

    experiment: ClassVar[str] = "many_images"

    model: str = model_option()
    data: str = option(DEFAULT_DATA, DATA_HELP)
    per_class: int | None = option(None, "images of each class, at most (default: all)", least=2)
    layers: str = option("stages", LAYERS_HELP)
    folds: int = option(5, "parts that are tested in turn", least=2, most=20)
    seed: int = option(0, "moves the folds and the shuffled labels", least=0, most=2**31 - 1)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for what is not there; of shards no more is read than which there are."""
        name, _ = parsed(self.data)
        if self.per_class is not None or not is_shards(name):
            super().check(cards)
            return
        shards_of(name)
        for problem in problems_of(self, [self.model], cards).values():
            raise problem

    def title(self) -> str:
        """Return what is looked at."""
        return f"Ridge probes of {self.model.split('@')[0]}, on {short_name(self.data)}"


def run(
    request: ManyImagesRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what a ridge probe reads off every layer; raises LabError for input that cannot be used."""
    kept = partial_results if partial_results is not None else {}
    progress("Opening the network", 0, 1, "models")
    model = load_model(request.model, device=compute.device)
    layers = layers_read(model.card, request.layers)
    given = _passed(request, model, layers, compute, progress)
    splits = make_splits(
        given.labels, given.groups, folds=request.folds, repeats=1, seed=request.seed, classes=given.classes
    )
    shuffled = shuffled_labels(given.labels, given.groups, splits, seed=request.seed)
    label_sets = np.stack([given.labels, shuffled[0]])
    rows = []
    for number, layer in enumerate(layers):
        progress("Reading vectors", number, len(layers), "layers")
        key = f"{model.weights_digest}/{layer.name}/{given.fingerprint}"
        if key not in kept:
            kept[key] = _read(given.vectors, layer.name, label_sets, splits[0], len(given.classes))
        rows.append({**_row(layer, kept[key], given.groups, len(given.classes)), **given.coverage})
    progress("Comparing layers", len(layers), len(layers), "layers")
    key = "cka/" + "/".join([model.weights_digest, *(layer.name for layer in layers), given.fingerprint])
    if key not in kept:
        kept[key] = {"cka": layer_similarity(given.vectors, [layer.name for layer in layers], progress)}
    guess = {"control": "chance", "accuracy": chance(given.labels, given.groups), "ci_low": np.nan, "ci_high": np.nan}
    alike = similarity_table(layers, np.asarray(kept[key]["cka"]), len(given.labels))
    tables = {"accuracies": pd.DataFrame(rows), "controls": pd.DataFrame([guess]), "similarity": alike}
    asked = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    wide = [layer.name for layer in asked if layer not in layers]
    notes = [f"layers wider than {MOST_DIMENSIONS} channels are left out: {', '.join(wide)}"] if wide else []
    hashes = {str(model.ref): model.weights_digest, "images": given.fingerprint}
    return result_with_findings(
        request, tables, findings(tables, len(given.labels)), hashes=hashes, notes=[*given.notes, *notes],
        images=len(given.labels), classes=list(given.classes),
    )  # fmt: skip


def layers_read(known: ModelCard, asked: str) -> tuple[Layer, ...]:
    """Return the layers that are asked for, less those that are too wide."""
    layers = select_layers(known.layers, asked, exclusions=known.exclusions)
    return tuple(layer for layer in layers if layer.channels <= MOST_DIMENSIONS)


@dataclass(frozen=True)
class Passed:
    """Images that were passed through the network: labels and groups `(N,)`, where their vectors are, and of how many
    shards they are all."""

    vectors: StoredVectors | Joined
    labels: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()
    finished: int = 1
    planned: int = 1

    @property
    def coverage(self) -> dict[str, int]:
        """What stands beside each number: images, shards that they are of, shards that were asked for."""
        return {"images": len(self.labels), "finished": self.finished, "planned": self.planned}


def _passed(
    request: ManyImagesRequest, model: LoadedModel, layers: tuple[Layer, ...], compute: Compute, progress: Progress
) -> Passed:
    name, options = parsed(request.data)
    if request.per_class is None and is_shards(name):
        return _passed_by_shards(name, Passing(model.card, layers, options), model, compute, progress)
    progress("Reading images", 0, 1, "sets")
    images = open_image_set(request.data, per_class=request.per_class, whole=True, progress=progress)
    stored = store_vectors(model, images, layers, compute=compute, progress=progress)
    return Passed(stored, images.labels, images.groups, images.classes, images.fingerprint, images.notes)


def _passed_by_shards(name: str, passing: Passing, model: LoadedModel, compute: Compute, progress: Progress) -> Passed:
    """Pass the shards that are not finished, one after the other; one that comes to nothing is left out, and told."""
    shards, failed = shards_of(name), dict[str, str]()
    for number, shard in enumerate(shards):
        progress("Passing shards", number, len(shards), "shards")
        if reason_of(passing.folder(shard)):
            continue
        try:
            pass_shard(model, passing, shard, compute=compute, progress=progress)
        except LabError as error:
            failed[shard.name] = str(error)
    try:
        found = joined(passing, shards, name)
    except LabError as error:
        raise LabError(f"{error}{next(iter(failed.values()), '')}") from error
    aside = {**found.aside, **failed}
    notes = [f"equal files count as copies, no others; {found.set_aside:,} images could not be used"]
    if aside:
        shown = ", ".join(f"{shard} ({why or 'no result'})" for shard, why in list(aside.items())[:3])
        notes.append(f"{len(aside):,} of the {len(shards):,} shards are not there whole: {shown}")
    return Passed(
        found, found.labels, found.groups, found.classes, found.fingerprint, tuple(notes), found.finished, len(shards)
    )


def _read(
    stored: StoredVectors | Joined, layer: str, label_sets: np.ndarray, folds: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """Return who is read right by the probes of `label_sets` `(S, N)`, bool `(S, N)`; penalties by fold; seconds."""
    began = time.perf_counter()
    parts = _sums(stored, layer, label_sets, folds, classes)
    probes = [_probes(parts, fold) for fold in range(len(parts))]
    right = _right(stored, layer, label_sets, folds, probes)
    penalties = np.array([probe[0].penalty for probe in probes])
    return {"right": right, "penalties": penalties, "seconds": np.array(time.perf_counter() - began)}


def _sums(
    stored: StoredVectors | Joined, layer: str, label_sets: np.ndarray, folds: np.ndarray, classes: int
) -> list[Moments]:
    """Return the sums of every fold's test part."""
    parts: list[Moments] = []
    for positions, vectors in stored.chunks(layer):
        if not parts:
            shift = vectors.mean(axis=0, dtype=np.float64)
            places = _places_of_products(int(folds.max()) + 1, len(shift))
            parts = [Moments.none(shift, classes, len(label_sets), place) for place in places]
        for fold, part in enumerate(parts):
            mine = folds[positions] == fold
            part.take_in(vectors[mine], label_sets[:, positions[mine]])
    return parts


def _places_of_products(folds: int, width: int) -> np.ndarray:
    """Return zeros `(folds, D, D)`: in memory, or in a file that is gone with them where `MOST_SUMS` is too little."""
    size = (folds + 1) * width**2 * 8  # and those of the training part
    if size <= MOST_SUMS:
        return np.zeros((folds, width, width))
    need_disk(size, cache_dir("embeddings"), "the sums of a layer")
    with tempfile.TemporaryFile(dir=cache_dir("embeddings")) as file:
        return np.memmap(file, np.float64, "w+", shape=(folds, width, width))


def _probes(parts: Sequence[Moments], fold: int) -> list[RidgePath]:
    """Return the probes, one a set of labels, that are fitted to all parts but that of a fold."""
    some = parts[0]
    train = Moments.none(some.shift, some.class_counts.shape[1], len(some.class_counts))
    for number, part in enumerate(parts):
        if number != fold:
            train += part
    return ridge_path(train)


def _right(
    stored: StoredVectors | Joined,
    layer: str,
    label_sets: np.ndarray,
    folds: np.ndarray,
    probes: Sequence[Sequence[RidgePath]],
) -> np.ndarray:
    right = np.zeros(label_sets.shape, dtype=bool)
    for positions, vectors in stored.chunks(layer):
        for fold, of_sets in enumerate(probes):
            mine = positions[folds[positions] == fold]
            rows = vectors[folds[positions] == fold]
            for number, probe in enumerate(of_sets):
                right[number, mine] = probe.scores(rows).argmax(axis=1) == label_sets[number, mine]
    return right


def _row(layer: Layer, found: Any, groups: np.ndarray, classes: int) -> dict[str, Any]:
    names, of_group = np.unique(groups, return_inverse=True)
    # A group of copies counts once.
    accuracy, shuffled = (
        float((np.bincount(of_group, weights=right) / np.bincount(of_group)).mean()) for right in found["right"]
    )
    low, high = accuracy_interval(accuracy, len(names))
    return {
        "probe": RIDGE, "layer": layer.name, "depth": layer.depth, "accuracy": accuracy, "ci_low": low, "ci_high": high,
        "shuffled": shuffled, "penalty": float(np.median(found["penalties"])),
        "numbers": (layer.channels + 1) * classes, "seconds": float(found["seconds"]),
    }  # fmt: skip


def findings(tables: dict[str, pd.DataFrame], images: int) -> list[str]:
    """Say where the classes are read best, and whether that is above chance and shuffled labels."""
    rows, guess = tables["accuracies"], float(tables["controls"]["accuracy"].iloc[0])
    best = rows.iloc[int(rows["accuracy"].to_numpy().argmax())]
    picked = stretched(Interval(best["accuracy"], best["ci_low"], best["ci_high"]), len(rows))
    above = "clearly above" if picked.low > guess else "not clearly above"
    first = (
        f"On {images:,} images a ridge probe reads the classes best at {best['layer']}: {best['accuracy']:.3f} "
        f"({max(picked.low, 0):.3f} to {min(picked.high, 1):.3f}), {above} always naming the commonest class "
        f"({guess:.3f}); shuffled labels {best['shuffled']:.3f}."
    )
    return [first]
