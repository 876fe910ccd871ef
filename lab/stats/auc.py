"""The area under the ROC curve: of a probe's answers, its interval, and what each image adds to it.

An area is the share of pairs of images, one of the class and one of the others, that the probe puts in the right
order, ties counting half. For more than two classes it is the mean over classes, each against the rest.
"""

from __future__ import annotations

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def macro_auc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the area under the ROC curve: of class 1 for two classes, else the mean over classes against the rest.

    Classes without an image, or with every image, are left out; nan when none is left.
    """
    return float(np.mean(areas)) if (areas := list(_class_aucs(probabilities, labels).values())) else float("nan")


def auc_interval(area: float, positives: float, negatives: float) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve (Newcombe 2006, method 5).

    The score interval of Hanley & McNeil's variance; unlike a bootstrap it stays open at an area of 1.
    """
    if min(positives, negatives) < 2 or not np.isfinite(area):
        return (0.0, 1.0) if np.isfinite(area) else (float("nan"), float("nan"))
    return _auc_bound(area, 0.0, positives, negatives), _auc_bound(area, 1.0, positives, negatives)


def _auc_bound(area: float, end: float, positives: float, negatives: float) -> float:
    """Bisect between the area and 0 or 1 for the value whose 95 % band just reaches the area."""
    extra = (positives + negatives) / 2 - 1
    inside, outside = area, end
    for _ in range(50):
        middle = (inside + outside) / 2
        shape = 1 + extra * ((1 - middle) / (2 - middle) + middle / (1 + middle))
        variance = middle * (1 - middle) * shape / ((positives - 1) * (negatives - 1))
        if abs(area - middle) <= Z95 * np.sqrt(variance):
            inside = middle
        else:
            outside = middle
    return float(inside)


def macro_auc_interval(
    probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray, refit: float = 1.0
) -> tuple[float, float]:
    """Return the mean over classes of their intervals, which is wide enough however the classes hang together.

    From probabilities `(R, N, K)` and labels `(R, N)`; `refit` divides the counts of groups (`lab.stats.intervals`).
    """
    per_repeat = [_class_aucs(p, y) for p, y in zip(probabilities, labels, strict=True)]
    classes = sorted(set.intersection(*(set(found) for found in per_repeat)))
    bounds = []
    for name in classes:
        area = float(np.mean([found[name] for found in per_repeat]))
        of_class = labels[0] == name
        positives, negatives = len(np.unique(groups[of_class])), len(np.unique(groups[~of_class]))
        bounds.append(auc_interval(area, positives / refit, negatives / refit))
    if not bounds:
        return float("nan"), float("nan")
    low, high = np.mean(bounds, axis=0)
    return float(low), float(high)


def image_areas(probabilities: np.ndarray, labels: np.ndarray, splits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return per image a score `(N,)` whose mean by `weights` is the macro AUC and whose spread is the AUC's.

    Images are compared with those of their own fold only, as other folds were answered by other probes. `weights`
    `(N,)` give every class the same total. The scores are the AUC plus each image's part in how it varies (the
    structural components of DeLong, DeLong & Clarke-Pearson 1988), so they may lie outside 0 to 1.
    """
    classes = range(probabilities.shape[2])
    share = np.bincount(labels, weights=weights, minlength=len(classes)) / weights.sum()
    areas, parts = np.zeros(len(classes)), np.zeros(len(labels))
    for name in classes:
        of_class = labels == name
        placed = _placements(probabilities[:, :, name], of_class, splits, weights)
        areas[name] = np.average(placed[of_class], weights=weights[of_class])
        parts[of_class] += placed[of_class] - areas[name]
        others = ~of_class
        centred = placed[others] - np.average(placed[others], weights=weights[others])
        parts[others] += centred * (share[labels[others]] / (1 - share[name]))
    return areas.mean() + parts


def _placements(values: np.ndarray, of_class: np.ndarray, splits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of images of the other side that each image is on the right side of, mean over repeats.

    A fold without one of the sides says nothing (0.5).
    """
    found = np.full(values.shape, 0.5)
    for repeat, tested in enumerate(splits):
        for fold in np.unique(tested):
            inside, outside = (np.flatnonzero((tested == fold) & side) for side in (of_class, ~of_class))
            if len(inside) and len(outside):
                order = np.sign(values[repeat, inside][:, None] - values[repeat, outside])
                above = (order + 1) / 2
                found[repeat, inside] = above @ weights[outside] / weights[outside].sum()
                found[repeat, outside] = weights[inside] @ above / weights[inside].sum()
    return np.asarray(found.mean(axis=0))


def _class_aucs(probabilities: np.ndarray, labels: np.ndarray) -> dict[int, float]:
    """Return the area of each class against the rest (only class 1 for two classes) where both sides have images."""
    classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    areas = {}
    for name in classes:
        of_class, value = labels == name, probabilities[:, name]
        positive, negative = value[of_class], np.sort(value[~of_class])
        if len(positive) and len(negative):  # the share of pairs in the right order, ties half
            below, upto = np.searchsorted(negative, positive), np.searchsorted(negative, positive, side="right")
            areas[name] = float((below + upto).sum() / (2 * len(positive) * len(negative)))
    return areas
