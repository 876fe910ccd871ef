"""Numbers, and grades as the numbers of their places: ridge regression, judged by R² or by the weighted kappa.

Folds are dealt as for classes, with the values' quarters in place of the classes, so that every fold has small and
large ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.separability.measure import EmbeddingSource
from lab.experiments.targets.design import FEWEST, TargetDesign, split_of
from lab.experiments.targets.kind import Found, Kind, Reading, Row, emerged
from lab.experiments.targets.request import TargetRequest
from lab.images import ImageSet
from lab.images.specs import parsed
from lab.images.targets import GRADES, NUMBER
from lab.probing.ridge import RidgeFit, ridge_fit
from lab.stats.checks import KAPPA, R2
from lab.stats.depth import number_emergence
from lab.stats.intervals import Bootstrap
from lab.stats.numbers import RIDGE_REFIT, explained_parts, graded_errors, number_scores, number_weights, squared_errors

QUARTERS = 4
MOST_GRADES = 20


class Numbers(Kind):
    """A number of each image: ridge regression, R²."""

    experiment, target, doing = "regress", NUMBER, "Reading the number off every layer"
    measure, best, chance, refit = R2, "r2", 0.0, RIDGE_REFIT
    errors = staticmethod(squared_errors)

    def has_targets(self, images: ImageSet) -> bool:
        return bool(np.isfinite(images.values).all())

    def deal(
        self, images: ImageSet, groups: np.ndarray, request: TargetRequest, tested: np.ndarray | None
    ) -> tuple[ImageSet, TargetDesign, list[str]]:
        return images, self.design(images.values, groups, request.folds, request.repeats, request.seed, tested), []

    def design(
        self, values: np.ndarray, groups: np.ndarray, folds: int, repeats: int, seed: int,
        tested: np.ndarray | None = None,
    ) -> TargetDesign:  # fmt: skip
        """Return folds, or a split that is given (`tested` `(N,)`), and shuffles within them.

        Raises LabError for too few groups, values that are all the same, and groups in both parts of a split.
        """
        values = np.asarray(values, dtype=np.float64)
        for part, name in ((slice(None), "all images"),) if tested is None else _parts(tested):
            count = len(np.unique(groups[part]))
            if count < FEWEST:
                raise LabError(
                    f"{name}: {count} distinct images are too few to predict a number; give {FEWEST} or more"
                )
            if np.ptp(values[part]) == 0:
                raise LabError(f"{name}: the number is {values[part][0]:g} in every image; there is nothing to predict")
        splits = split_of(_quarters(values), groups, folds, repeats, seed, tested)
        return TargetDesign(values, groups, splits, _shuffled(values, groups, splits, seed), seed)

    def fit_each(self, design: TargetDesign, embedding: np.ndarray, asked: np.ndarray) -> list[dict[str, np.ndarray]]:
        targets = np.moveaxis(asked, 0, -1)
        predictions, means = np.full(targets.shape, np.nan), np.full(targets.shape, np.nan)
        embedding = embedding.astype(np.float64, copy=False)
        for repeat, folds in enumerate(design.splits):
            for fold in range(int(folds.max()) + 1):
                test = folds == fold
                known = targets[repeat, ~test]
                fitted = ridge_fit(embedding[~test], known, embedding[test])
                predictions[repeat, test], means[repeat, test] = self.told_of(fitted, known), fitted.means
        return [{"predictions": predictions[..., k], "means": means[..., k]} for k in range(targets.shape[2])]

    def told_of(self, fitted: RidgeFit, known: np.ndarray) -> np.ndarray:
        """Return what a fit to targets `known` `(n, T)` says of the test part, `(m, T)`."""
        return fitted.predictions

    def parts(self, design: TargetDesign, control: str, found: Found) -> np.ndarray:
        rows = np.flatnonzero(design.tested)
        weights, targets = number_weights(design.groups[rows]), design.asked(control)[:, rows]
        predictions, means = (
            found[name][:, rows].reshape(-1, len(targets), len(rows)) for name in ("predictions", "means")
        )
        draws = zip(predictions, means, strict=True)
        return np.stack([explained_parts(*self.errors(targets, p, m, weights), weights) for p, m in draws])

    def summary(self, design: TargetDesign, control: str, found: Found) -> Row:
        rows = np.flatnonzero(design.tested)
        predictions, means = found["predictions"][:, rows], found["means"][:, rows]
        targets = np.resize(design.asked(control), (len(predictions), len(design.targets)))[:, rows]
        return number_scores(targets, predictions, means, design.groups[rows], self.errors).row(self.best)

    def guessing(self, design: TargetDesign) -> Row:
        return {self.best: 0.0, "ci_low": 0.0, "ci_high": 0.0, "spearman": 0.0}

    def names(self, images: ImageSet, request: TargetRequest) -> tuple[str, ...]:
        return images.classes[:1]

    def image_columns(self, images: ImageSet) -> dict[str, Sequence[Any]]:
        return {"value": images.values.tolist()}

    def details(
        self, images: ImageSet, design: TargetDesign, readings: Sequence[Reading], names: Sequence[str]
    ) -> dict[str, pd.DataFrame]:
        rows = np.flatnonzero(design.tested)
        known = {"image": [images.records[row].id for row in rows], "value": design.targets[rows]}
        found = [
            pd.DataFrame({**one.where, **known, "predicted": one.found["predictions"][:, rows].mean(axis=0)})
            for one in readings
            if one.control == "probe"
        ]
        return {"predictions": pd.concat(found, ignore_index=True)}

    def emergence(
        self, design: TargetDesign, network: EmbeddingSource, readings: Sequence[Reading], names: Sequence[str],
        parts: np.ndarray, boot: Bootstrap,
    ) -> Iterator[Row]:  # fmt: skip
        yield emerged(network, number_emergence([layer.depth for layer in network.layers], parts, boot))

    def told(self, tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> list[str]:
        probe, row = tables["summary"].query("control == 'probe'"), tables["emergence"].iloc[0]
        best = probe.iloc[int(probe[self.best].to_numpy().argmax())]
        found = [
            f"Best at {best['layer']}: {self.measure} {best[self.best]:.2f} ({best['ci_low']:.2f} to "
            f"{best['ci_high']:.2f}), Spearman {best['spearman']:.2f} ({best['spearman_ci_low']:.2f} to "
            f"{best['spearman_ci_high']:.2f}), mean absolute error {best['mae']:.3g}."
        ]
        if row["reached"]:
            found.append(
                f"{names[0]} is read from {row['layer']} on (depth {row['depth']:.2f}, {row['ci_low']:.2f} to "
                f"{row['ci_high']:.2f})."
            )
        else:
            found.append(f"No layer reads {names[0]} beyond chance.")
        return found


class Grades(Numbers):
    """Ordered grades: the same of their places 0, 1, 2 …; what is predicted is a grade, the measure the weighted
    kappa."""

    experiment, target, doing = "grades", GRADES, "Reading the grade off every layer"
    measure, best = KAPPA, "kappa"
    errors = staticmethod(graded_errors)

    def deal(
        self, images: ImageSet, groups: np.ndarray, request: TargetRequest, tested: np.ndarray | None
    ) -> tuple[ImageSet, TargetDesign, list[str]]:
        if len(images.classes) > MOST_GRADES:
            raise LabError(
                f"there are {len(images.classes)} different grades, more than {MOST_GRADES}; ask for them as a number "
                "(--target number)"
            )
        return super().deal(images, groups, request, tested)

    def names(self, images: ImageSet, request: TargetRequest) -> tuple[str, ...]:
        return (request.label or parsed(request.spec)[1].get("label") or "the grade",)

    def told_of(self, fitted: RidgeFit, known: np.ndarray) -> np.ndarray:
        """Return grades, each as often as the training part has it: the cuts between them are where they lie among what
        its images are predicted as when left out. Rounded, shrunken predictions would all be of a middle grade."""
        told = np.empty_like(fitted.predictions)
        for k in range(told.shape[1]):
            grades, counts = np.unique(known[:, k], return_counts=True)
            ordered, ends = np.sort(fitted.left_out[:, k]), np.cumsum(counts)[:-1]
            cuts = (ordered[ends - 1] + ordered[ends]) / 2
            told[:, k] = grades[np.searchsorted(cuts, fitted.predictions[:, k])]
        return told

    def image_columns(self, images: ImageSet) -> dict[str, Sequence[Any]]:
        return {"class": [images.classes[record.label] for record in images.records], "grade": images.labels.tolist()}

    def details(
        self, images: ImageSet, design: TargetDesign, readings: Sequence[Reading], names: Sequence[str]
    ) -> dict[str, pd.DataFrame]:
        table = super().details(images, design, readings, names)["predictions"]
        grades = np.array(images.classes)
        value, predicted = (grades[np.rint(table[name]).astype(int)] for name in ("value", "predicted"))
        return {"predictions": table.drop(columns="value").assign(predicted=predicted, **{"class": value})}


def _parts(tested: np.ndarray) -> tuple[tuple[np.ndarray, str], ...]:
    return (~tested, "the train part of the split"), (tested, "the test part of the split")


def _quarters(values: np.ndarray) -> np.ndarray:
    """Return in which quarter of the values each lies, `(N,)`; equal values in the same one."""
    names, index = np.unique(values, return_inverse=True)
    first = np.searchsorted(np.sort(values), names)
    found = np.minimum(first * QUARTERS // len(values), QUARTERS - 1)[index]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _shuffled(values: np.ndarray, groups: np.ndarray, splits: np.ndarray, seed: int) -> np.ndarray:
    """Return values permuted within every fold, `(R, N)`; images of a group whose values agree keep equal ones."""
    _, index = np.unique(groups, return_inverse=True)
    low = np.full(int(index.max()) + 1, np.inf)
    high = -low
    np.minimum.at(low, index, values)
    np.maximum.at(high, index, values)
    units = np.where((low == high)[index], index, len(low) + np.arange(len(values)))
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    rng = np.random.default_rng((seed, 0x5AFF1E))
    found = []
    for folds in splits:
        own = values[first].copy()
        for fold in np.unique(folds):
            inside = np.flatnonzero(folds[first] == fold)
            own[inside] = own[rng.permutation(inside)]
        found.append(own[unit])
    return np.stack(found)
