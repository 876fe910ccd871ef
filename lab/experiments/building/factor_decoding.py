"""Which facts about a drawing can be read off each layer? Every factor it was drawn from, linearly, at every depth.

tables   readings  one row per network, layer (raw pixels: none), factor and control: R² out of fold, its interval over
                   images, and for factors with levels the accuracy beside its chance
         contrasts differences of R² between layers and controls, by factor, paired by image, at once for each kind
         factors   one row per factor: its kind, its levels, the factors that say the same
         images    which images took part

A number's R² is that of the number; a hue's, of its sine and cosine; of a factor with levels, of one indicator per
level. So 0 is what the mean knows and 1 is all. Factors that always go together (a cat's ears, pupils and muzzle) are
one row: no readout could tell them apart. Controls: untrained twins, raw pixels, random sets of equally many numbers of
each layer, fewer images to learn from, and the factors shuffled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, PartialResults, Request, model_option, option
from lab.experiments.building.decoding_contrasts import equal_widths, fewer_images, mean_of, scored
from lab.experiments.building.decoding_data import PIXEL_SIDE, dealt, decoded_networks, shrunk, shuffled
from lab.experiments.building.factor_contrasts import FactorScores, factor_contrasts
from lab.experiments.building.factor_decoding_findings import findings
from lab.experiments.building.ridge_decoding import Readout, read_out
from lab.experiments.early import CardLookup
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import open_image_set, short_name
from lab.images.synthetic import DRAWN_SETS
from lab.images.synthetic.sets import DrawnSet
from lab.models import card
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import Bootstrap

SHUFFLES = 5


@dataclass(frozen=True)
class FactorsRequest(Request):
    """Which network, drawn images, layers and pooling."""

    experiment: ClassVar[str] = "factors"

    model: str = model_option()
    data: str = option(DEFAULT_DATA, f"a drawn image set: {', '.join(DRAWN_SETS)}")
    per_class: int = option(200, "drawings of each class", least=20, most=5000)
    layers: str = option("stages", "stages, blocks, or names with commas between them")
    pooling: str = option("avg", "avg, or a grid such as 4x4 that keeps positions")
    seed: int = option(0, "moves the folds and the shuffles", least=0, most=2**31 - 1)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for images that were not drawn here, besides what all questions check."""
        super().check(cards)
        if not self.data.startswith("drawn:"):
            raise LabError(
                f"{self.data} is not drawn here, so its factors are not known; use drawn:pets or another set"
            )

    def title(self) -> str:
        """Return what is looked at."""
        return f"What {self.model.split('@')[0]} can tell of {short_name(self.data)}"


@dataclass(frozen=True)
class Factor:
    """One fact of each drawing: its name, kind ("number", "hue" or "levels"), columns to read and its levels."""

    name: str
    kind: str
    columns: np.ndarray
    levels: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


def run(
    request: FactorsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what every layer can tell of every factor; raises LabError for images that are not drawn here."""
    kept = partial_results if partial_results is not None else {}
    reading = _reading(request, progress)
    pixels = shrunk(reading.images, card(request.model).preprocessing, PIXEL_SIDE, progress, compute)
    rows = reading.rows(pixels, kept, {"model": "", "layer": "", "depth": np.nan}, "pixels")
    hashes = {"images": reading.images.fingerprint}
    twins: dict[str, list[list[dict[str, Any]]]] = {}
    for network, digest in decoded_networks(request.model, request.layers):
        hashes[network.name] = digest
        vectors = embed(
            network.name, reading.images, network.layers, pooling=request.pooling, compute=compute, progress=progress
        )
        for number, layer in enumerate(network.layers):
            progress(f"Reading factors off {network.name}", number, len(network.layers), "layers")
            where = {"model": network.name, "layer": layer.name, "depth": layer.depth}
            found = reading.rows(vectors[layer.name], kept, where, "untrained" if network.twin else "real")
            if network.twin:
                twins.setdefault(layer.name, []).append(found)
            else:
                rows += found
        if not network.twin:
            reading.controls([(layer.name, vectors[layer.name]) for layer in network.layers], request.seed, progress)
    rows += [row for several in twins.values() for row in reading.mean_of_twins(several)]
    tables = {
        "readings": pd.DataFrame(rows),
        "contrasts": factor_contrasts(reading.found),
        "factors": _listed(reading.factors),
        "images": reading.images.table(),
    }
    said = findings(tables, len(reading.images))
    return result_with_findings(request, tables, said, hashes=hashes, notes=list(reading.images.notes))


@dataclass(frozen=True)
class _FactorReadout:
    """What all readouts of a run share: images, factors, folds, resamples, and orders to shuffle by `(S, N)`."""

    images: DrawnSet
    factors: tuple[Factor, ...]
    folds: np.ndarray
    boot: Bootstrap
    orders: np.ndarray
    found: FactorScores = field(default_factory=dict)

    def rows(
        self, vectors: np.ndarray, partial_results: PartialResults, where: dict[str, Any], control: str
    ) -> list[dict[str, Any]]:
        """Return the rows of one layer: every factor, and for the real thing every factor shuffled."""
        targets = np.concatenate([factor.columns for factor in self.factors], axis=1)
        sets = [(control, targets)]
        if control == "real":
            sets.append(("shuffled", np.concatenate([targets[order] for order in self.orders], axis=1)))
        found = []
        for name, wanted in sets:
            readout = self._kept(vectors, wanted, partial_results, f"{where['model']}/{where['layer']}/{name}")
            found += self._shuffled(readout, where) if name == "shuffled" else self._scored(readout, where, name)
        return found

    def _kept(self, vectors: np.ndarray, targets: np.ndarray, partial_results: PartialResults, key: str) -> Readout:
        kept = partial_results.get(key)
        if kept is not None:
            return Readout(targets, kept["predictions"], kept["means"])
        found = read_out(vectors, targets, self.folds)
        partial_results[key] = {"predictions": found.predictions, "means": found.means}
        return found

    def _scored(self, readout: Readout, where: dict[str, Any], control: str) -> list[dict[str, Any]]:
        rows = []
        for factor, columns in self._columns():
            one = scored(readout, self.boot, columns)
            self.found.setdefault((control, where["layer"]), {}).setdefault(factor.name, []).append(one)
            named = {**where, "factor": factor.name, "control": control}
            rows.append({**named, **one.interval.columns("r2", "ci"), **_accuracy(factor, readout, columns)})
        return rows

    def _columns(self) -> Iterator[tuple[Factor, slice]]:
        start = 0
        for factor in self.factors:
            yield factor, slice(start, start := start + factor.columns.shape[1])

    def controls(self, layers: Sequence[tuple[str, np.ndarray]], seed: int, progress: Progress) -> None:
        """Score the first and the last layer at equal widths, and the last one with half of the images."""
        targets = np.concatenate([factor.columns for factor in self.factors], axis=1)
        width = min(vectors.shape[1] for _, vectors in layers)
        for name, vectors in dict((layers[0], layers[-1])).items():
            progress("Reading factors at equal widths", 0, 1, "layers")
            sets = equal_widths(vectors, targets, self.folds, width, seed)
            self._store("matched", name, sets)
        last, vectors = layers[-1]
        half = fewer_images(vectors, targets, self.folds, self.images.groups, 0.5, seed)
        self._store("half", last, [half])

    def _store(self, control: str, layer: str, readouts: Sequence[Readout]) -> None:
        for factor, columns in self._columns():
            each = [scored(readout, self.boot, columns) for readout in readouts]
            self.found.setdefault((control, layer), {})[factor.name] = [mean_of(each)]

    def mean_of_twins(self, several: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Return the rows of untrained twins as one, named by the first; the interval is over images."""
        rows = []
        for same in zip(*several, strict=True):
            one = mean_of(self.found["untrained", same[0]["layer"]][same[0]["factor"]])
            accuracy = float(np.mean([row["accuracy"] for row in same]))
            rows.append({**same[0], **one.interval.columns("r2", "ci"), "accuracy": accuracy})
        return rows

    def _shuffled(self, readout: Readout, where: dict[str, Any]) -> list[dict[str, Any]]:
        """Return per factor the mean R² over shuffles, between the least and the greatest of them."""
        rows, width, start = [], sum(factor.columns.shape[1] for factor in self.factors), 0
        for factor in self.factors:
            end = start + factor.columns.shape[1]
            found = [readout.r2(slice(start + s * width, end + s * width)) for s in range(len(self.orders))]
            row = {"factor": factor.name, "control": "shuffled", "r2": float(np.mean(found))}
            row |= {"ci_low": min(found), "ci_high": max(found), "accuracy": np.nan, "chance": np.nan}
            rows.append({**where, **row})
            start = end
        return rows


def factors_of(table: pd.DataFrame) -> tuple[Factor, ...]:
    """Return what can be read of drawings, from a table with one row each and one column per factor.

    A column that never changes is left out; columns that say the same are one factor, named by the first.
    """
    found: dict[tuple[int, ...], Factor] = {}
    for name in table.columns:
        values = table[name]
        if values.nunique() < 2:
            continue
        if values.dtype == object or values.dtype == bool or isinstance(values.dtype, pd.StringDtype):
            codes, levels = pd.factorize(values.astype(str))
            key = tuple(codes.tolist())
            if key in found:
                first = found[key]
                found[key] = Factor(first.name, first.kind, first.columns, first.levels, (*first.same, str(name)))
                continue
            found[key] = Factor(str(name), "levels", np.eye(len(levels))[codes], tuple(map(str, levels)))
        else:
            numbers = values.to_numpy(dtype=float)
            found[(len(found), -1)] = Factor(str(name), *_number(str(name), numbers))
    return tuple(found.values())


def _number(name: str, values: np.ndarray) -> tuple[str, np.ndarray]:
    if name.endswith("hue"):
        turn = np.deg2rad(values)
        return "hue", np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return "number", ((values - values.mean()) / values.std())[:, None]


def _reading(request: FactorsRequest, progress: Progress) -> _FactorReadout:
    images = open_image_set(request.data, per_class=request.per_class, progress=progress)
    if not isinstance(images, DrawnSet):
        raise LabError(f"{request.data} is not drawn here, so its factors are not known; use drawn:pets or so")
    progress("Drawing", 0, len(images), "images")
    factors = factors_of(images.factors().drop(columns="image"))
    folds, boot = dealt(images, request.seed)
    orders = np.stack([shuffled(len(images), request.seed * SHUFFLES + s) for s in range(SHUFFLES)])
    return _FactorReadout(images, factors, folds, boot, orders)


def _accuracy(factor: Factor, readout: Readout, columns: slice) -> dict[str, float]:
    if factor.kind != "levels":
        return {"accuracy": np.nan, "chance": np.nan}
    truth = factor.columns.argmax(axis=1)
    right = readout.predictions[:, columns].argmax(axis=1) == truth
    return {"accuracy": float(right.mean()), "chance": float(factor.columns.mean(axis=0).max())}


def _listed(factors: tuple[Factor, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"factor": f.name, "kind": f.kind, "levels": ", ".join(f.levels), "same": ", ".join(f.same)} for f in factors]
    )
