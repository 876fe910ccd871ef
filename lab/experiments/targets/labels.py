"""Several labels an image: a probe a label on the same folds, judged by the mean AUC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.separability.measure import EmbeddingSource
from lab.experiments.targets.design import FEWEST, TargetDesign, split_of
from lab.experiments.targets.kind import Found, Kind, Reading, Row, emerged
from lab.experiments.targets.request import TargetRequest
from lab.images import ImageSet
from lab.images.targets import SEVERAL
from lab.probing.probes import fit_probes
from lab.stats.auc import image_areas
from lab.stats.checks import MEAN_AUC
from lab.stats.depth import number_emergence
from lab.stats.intervals import REFIT, Bootstrap, bootstrap, image_weights
from lab.stats.several_labels import LabelScores, label_scores, mean_area_parts, mean_scores

FEWEST_TESTED = 3  # groups with a label, and without it, in each part of a given split
GUESSING = 0.5


class Labels(Kind):
    """Several labels an image: a logistic probe each, mean AUC."""

    experiment, target, doing = "multilabel", SEVERAL, "Reading the labels off every layer"
    measure, best, chance, refit = MEAN_AUC, "mean_auc", GUESSING, REFIT

    def has_targets(self, images: ImageSet) -> bool:
        return bool(images.label_matrix.any())

    def deal(
        self, images: ImageSet, groups: np.ndarray, request: TargetRequest, tested: np.ndarray | None
    ) -> tuple[ImageSet, TargetDesign, list[str]]:
        usable = usable_labels(images.label_matrix, groups, tested)
        if usable.sum() < 1:
            raise LabError(
                f"no label of {images.spec} is had, and lacked, by {FEWEST} distinct images or more (of each part of a "
                "split by 3); give more images"
            )
        left = [name for name, fine in zip(images.classes, usable, strict=True) if not fine]
        problems = [f"labels that too few images have, or lack, were left out: {', '.join(left)}"] if left else []
        images = _with_classes(images, np.flatnonzero(usable))
        dealt = request.folds, request.repeats, request.seed
        return images, self.design(images.label_matrix, groups, *dealt, tested), problems

    def design(
        self, labels: np.ndarray, groups: np.ndarray, folds: int, repeats: int, seed: int,
        tested: np.ndarray | None = None,
    ) -> TargetDesign:  # fmt: skip
        """Return folds, or a split that is given (`tested` `(N,)`), and shuffles within them: those of one image stay
        together."""
        if tested is None and (count := len(np.unique(groups))) < FEWEST:
            raise LabError(f"{count} distinct images are too few for several labels; give {FEWEST} or more")
        splits = split_of(np.zeros(len(labels), dtype=np.int64), groups, folds, repeats, seed, tested)
        labels = np.asarray(labels, dtype=bool)
        return TargetDesign(labels, groups, splits, labels[shuffled_order(groups, splits, seed)], seed)

    def fit_each(self, design: TargetDesign, embedding: np.ndarray, asked: np.ndarray) -> list[dict[str, np.ndarray]]:
        return [{"positive": _fit(design, embedding, labels)} for labels in asked]

    def parts(self, design: TargetDesign, control: str, found: Found) -> np.ndarray:
        rows = np.flatnonzero(design.tested)
        truth = design.shuffled if control == "shuffled" else design.targets
        positive = found["positive"]
        drawn = positive.reshape(-1, len(design.splits), *positive.shape[1:])
        splits, groups = design.splits[:, rows], design.groups[rows]
        return np.stack([mean_area_parts(p[:, rows], truth[..., rows, :], splits, groups) for p in drawn])

    def summary(self, design: TargetDesign, control: str, found: Found) -> Row:
        row = mean_scores(_scored(design, control, found)).row()
        return {f"mean_{name}" if name in ("auc", "average_precision") else name: value for name, value in row.items()}

    def guessing(self, design: TargetDesign) -> Row:
        """Half of all pairs in order, and as precise as the label is common."""
        common = float(design.targets[design.tested].mean())
        return {"mean_auc": GUESSING, "ci_low": GUESSING, "ci_high": GUESSING, "mean_average_precision": common}

    def names(self, images: ImageSet, request: TargetRequest) -> tuple[str, ...]:
        return images.classes

    def extras(self, names: Sequence[str]) -> dict[str, Any]:
        return {"classes": list(names)}

    def image_columns(self, images: ImageSet) -> dict[str, Sequence[Any]]:
        return {"labels": ["; ".join(images.classes[label] for label in record.labels) for record in images.records]}

    def details(
        self, images: ImageSet, design: TargetDesign, readings: Sequence[Reading], names: Sequence[str]
    ) -> dict[str, pd.DataFrame]:
        count = design.targets[design.tested].sum(axis=0)
        rows = [
            {**one.where, "control": one.control, "label": names[k], "positives": int(count[k]), **scored.row()}
            for one in readings
            if one.control in ("probe", "pixels")
            for k, scored in enumerate(_scored(design, one.control, one.found))
        ]
        return {"labels": pd.DataFrame(rows)}

    def emergence(
        self, design: TargetDesign, network: EmbeddingSource, readings: Sequence[Reading], names: Sequence[str],
        parts: np.ndarray, boot: Bootstrap,
    ) -> Iterator[Row]:  # fmt: skip
        rows = np.flatnonzero(design.tested)
        groups, splits = design.groups[rows], design.splits[:, rows]
        depths = [layer.depth for layer in network.layers]
        positive = [one.found["positive"][:, rows] for one in readings]
        for k, name in enumerate(names):
            own = design.targets[rows, k].astype(np.int64)
            weights, boot = image_weights(groups, own, balanced=True), bootstrap(groups, own, balanced=True)
            both = [np.stack([1 - one[..., k], one[..., k]], axis=2) for one in positive]
            # Above guessing, so that half the best is halfway between guessing and the best, as for a pair of classes.
            areas = np.stack([image_areas(each, own, splits, weights) for each in both]) - GUESSING
            found = number_emergence(depths, areas, boot)
            yield emerged(network, replace(found, best=found.best + GUESSING), label=name)

    def told(self, tables: Mapping[str, pd.DataFrame], names: Sequence[str]) -> list[str]:
        """Return the best layer with its scores, and the labels read first, last and not at all."""
        probe = tables["summary"].query("control == 'probe'")
        best = probe.iloc[int(probe["mean_auc"].to_numpy().argmax())]
        found = [
            f"Best at {best['layer']}: mean AUC {best['mean_auc']:.2f} ({best['ci_low']:.2f} to "
            f"{best['ci_high']:.2f}), mean average precision {best['mean_average_precision']:.2f} "
            f"({best['ap_ci_low']:.2f} to {best['ap_ci_high']:.2f})."
        ]
        apart = tables["emergence"].query("reached").sort_values("depth", kind="stable")
        if len(apart) > 1:
            first, last = apart.iloc[0], apart.iloc[-1]
            found.append(
                f"Read first: {first['label']} (depth {first['depth']:.2f}, {first['layer']}); last: {last['label']} "
                f"(depth {last['depth']:.2f}, {last['layer']})."
            )
        if len(never := tables["emergence"].query("not reached")):
            found.append(f"Read by no layer beyond chance: {', '.join(never['label'])}.")
        return found


def usable_labels(labels: np.ndarray, groups: np.ndarray, tested: np.ndarray | None) -> np.ndarray:
    """Return which labels `(L,)` are had, and not had, by enough groups to be learned and tested."""
    parts = [(np.ones(len(labels), dtype=bool), FEWEST)]
    if tested is not None:
        parts = [(~tested, FEWEST_TESTED), (tested, FEWEST_TESTED)]
    found = np.ones(labels.shape[1], dtype=bool)
    for part, least in parts:
        for column in range(labels.shape[1]):
            counts = [len(np.unique(groups[part & (labels[:, column] == side)])) for side in (True, False)]
            found[column] &= min(counts) >= least
    return found


def _with_classes(images: ImageSet, columns: np.ndarray) -> ImageSet:
    place = {int(old): new for new, old in enumerate(columns)}
    records = tuple(
        replace(record, labels=tuple(place[label] for label in record.labels if label in place))
        for record in images.records
    )
    return replace(images, records=records, classes=tuple(images.classes[int(k)] for k in columns))


def _scored(design: TargetDesign, control: str, found: Found) -> list[LabelScores]:
    """Return the scores of each label over the tested images; of what was drawn several times, over all draws."""
    rows, positive = np.flatnonzero(design.tested), found["positive"]
    truth = np.resize(design.asked(control), positive.shape)
    splits = np.resize(design.splits, positive.shape[:2])[:, rows]
    return [
        label_scores(positive[:, rows, k], truth[:, rows, k], splits, design.groups[rows])
        for k in range(design.targets.shape[1])
    ]


def _fit(design: TargetDesign, embedding: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the probabilities `(R, N, L)` that images have each label, at even odds."""
    sets = np.moveaxis(labels, 2, 0).astype(np.int64)
    probes = fit_probes(embedding, sets, design.splits, design.groups, dimensions=(None,), seed=design.seed)
    positive = np.stack([probes[None, k].probabilities[..., 1] for k in range(len(sets))], axis=2)
    return _at_even_odds(positive, labels, design.splits)


def _at_even_odds(positive: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Return probabilities as they would be if every label were as often there as not, `(R, N, L)`.

    Folds cannot hold every label evenly: where many tested images have one, few of the training part do, and all
    probabilities of the fold are lower. Put in one order with other folds, they would score below chance.
    """
    found = np.empty_like(positive)
    for repeat, folds in enumerate(splits):
        for fold in np.unique(folds):
            known, test = folds != fold, folds == fold
            if not known.any():
                found[repeat, test] = positive[repeat, test]
                continue
            common = np.clip(labels[repeat, known].mean(axis=0), 1e-6, 1 - 1e-6)
            odds = positive[repeat, test] * (1 - common)
            found[repeat, test] = odds / (odds + (1 - positive[repeat, test]) * common)
    return found


def shuffled_order(groups: np.ndarray, splits: np.ndarray, seed: int) -> np.ndarray:
    """Return positions permuted across groups of one size within every fold, `(R, N)`."""
    rng = np.random.default_rng((seed, 0x5AFF1E))
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    found = np.tile(np.arange(len(groups)), (len(splits), 1))
    members = [np.flatnonzero(index == group) for group in range(len(sizes))]
    for repeat, folds in enumerate(splits):
        kinds = {(int(folds[own[0]]), len(own)) for own in members}
        for fold, size in kinds:
            alike = [own for own in members if folds[own[0]] == fold and len(own) == size]
            for own, other in zip(alike, rng.permutation(len(alike)), strict=True):
                found[repeat, own] = alike[other]
    return found
