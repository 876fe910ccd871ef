"""Scores of several labels an image: AUC and average precision of each label and their means, and each image's part.

Every label is a question of its own, yes or no, to the same folds. The mean AUC is a mean over images too (each has a
part in each area: `lab.stats.auc.image_areas`), so the checks and resamples of classes hold for it. Intervals are 95 %.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from lab.stats.auc import Z95, auc_interval, image_areas
from lab.stats.intervals import image_weights
from lab.stats.numbers import number_weights

# As `lab.stats.intervals.REFIT_SHARE`; more, as folds cannot hold every label evenly. With 1.3 the area that the best
# probe reaches was held in 90, 91 and 98 % (150 images, areas of 0.5, 0.7 and 0.9), with 1.7 in 93, 97 and 100 %.
LABEL_SHARE = 1.7


@dataclass(frozen=True)
class LabelScores:
    """Scores of one label, or their means over labels; the fields are columns of tables."""

    auc: float
    ci_low: float
    ci_high: float
    average_precision: float
    ap_ci_low: float
    ap_ci_high: float

    def row(self) -> dict[str, float]:
        return asdict(self)


def label_scores(positive: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> LabelScores:
    """Score out-of-fold probabilities `(R, N)` that images have a label against `labels`, bool `(N,)` or `(R, N)`.

    The area compares images of one fold of `splits` `(R, N)` only, as folds were answered by other probes.
    """
    repeated = np.broadcast_to(labels, positive.shape).astype(np.int64)
    area = float(np.mean([_area(p, y, s, groups) for p, y, s in zip(positive, repeated, splits, strict=True)]))
    weights = number_weights(groups)
    found = float(np.mean([average_precision(p, y, weights) for p, y in zip(positive, repeated, strict=True)]))
    positives, negatives = (len(np.unique(groups[repeated[0] == side])) / LABEL_SHARE for side in (1, 0))
    low, high = auc_interval(area, positives, negatives)
    return LabelScores(area, low, high, found, *precision_interval(found, positives))


def _area(positive: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> float:
    weights = image_weights(groups, labels, balanced=True)
    both = np.stack([1 - positive, positive], axis=1)[None]
    return float(np.clip(image_areas(both, labels, splits[None], weights) @ weights, 0, 1))  # but for rounding


def mean_scores(several: list[LabelScores]) -> LabelScores:
    """Return the means over labels; the mean of intervals is wide enough however the labels hang together."""
    columns = zip(*(asdict(one).values() for one in several), strict=True)
    return LabelScores(*(float(np.mean(column)) for column in columns))


def average_precision(positive: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """Return the average precision of values `(N,)`: the mean over images of the label of the precision at their
    place."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, positive, sample_weight=weights))


def precision_interval(value: float, positives: float) -> tuple[float, float]:
    """Return the interval of an average precision over so many images of the label, on the logit scale (Boyd, Eng &
    Page 2013)."""
    if positives < 2 or not np.isfinite(value):
        return (0.0, 1.0) if np.isfinite(value) else (float("nan"), float("nan"))
    kept = float(np.clip(value, 1 / (2 * positives + 1), 1 - 1 / (2 * positives + 1)))
    centre = float(np.log(kept / (1 - kept)))
    reach = Z95 / float(np.sqrt(positives * kept * (1 - kept)))
    low, high = (1 / (1 + np.exp(-end)) for end in (centre - reach, centre + reach))
    return float(min(low, value)), float(max(high, value))


def mean_area_parts(positive: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return each image's part in the mean AUC, `(N,)`; their mean over groups is the mean AUC.

    `positive` is `(R, N, L)`, `labels` bool `(N, L)` or `(R, N, L)`, `splits` `(R, N)`.
    """
    base, found = number_weights(groups), np.zeros(positive.shape[1])
    repeated = np.broadcast_to(labels, positive.shape)
    same = labels.ndim == 2
    for column in range(positive.shape[2]):
        parts = [slice(None)] if same else [slice(repeat, repeat + 1) for repeat in range(len(positive))]
        for part in parts:
            own = repeated[part][0, :, column].astype(np.int64)
            both = np.stack([1 - positive[part][..., column], positive[part][..., column]], axis=2)
            weights = image_weights(groups, own, balanced=True)
            areas = image_areas(both, own, splits[part], weights)
            mean = float(areas @ weights)
            found += (mean + (areas - mean) * weights / base) / len(parts)
    return found / positive.shape[2]
