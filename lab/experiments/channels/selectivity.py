"""How selective each channel is for each class: the area under the ROC curve of its mean activation, out of sample.

The best of a thousand channels is always good on the images it was chosen on. So the class of a channel and its rank
come from one half of the images, and the area that is reported from the other half (groups of copies stay together).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.probing.splits import grouped_folds
from lab.stats.auc import auc_interval


def selectivity(
    means: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: Sequence[str], *, only: int | None = None
) -> pd.DataFrame:
    """Return one row per channel of `means` `(N, C)`: channel, class, choosing, auc, ci_low, ci_high, rank.

    `class` is the one it tells best from the rest on the choosing half (area `choosing`), `auc` the area for that class
    on the other half; with `only`, every channel is judged for that class.
    Raises LabError for fewer than two classes, or a class of fewer than two images.
    """
    if len(classes) < 2:
        raise LabError("selectivity needs at least two classes; name channels by number, or use a set with classes")
    half = grouped_folds(labels, groups, 2, seed=0)
    choosing = areas(means[half == 0], labels[half == 0], len(classes))
    held_out = areas(means[half == 1], labels[half == 1], len(classes))
    if np.isnan(choosing).all(axis=1).any() or np.isnan(held_out).all(axis=1).any():
        raise LabError("a class has too few distinct images to choose channels on half of them; add images")
    best = choosing.argmax(axis=0) if only is None else np.full(means.shape[1], only)
    channels = np.arange(means.shape[1])
    area = held_out[best, channels]
    counts = [_sides(labels[half == 1] == label, groups[half == 1]) for label in range(len(classes))]
    bounds = [_interval(value, *counts[label]) for value, label in zip(area, best, strict=True)]
    table = pd.DataFrame(
        {
            "channel": channels,
            "class": [classes[index] for index in best],
            "choosing": choosing[best, channels],
            "auc": area,
            "ci_low": [low for low, _ in bounds],
            "ci_high": [high for _, high in bounds],
        }
    )
    table["rank"] = table["choosing"].rank(ascending=False, method="first").astype(int)
    return table


def most_selective(table: pd.DataFrame, count: int) -> list[int]:
    """Return the channels that were best on the choosing half, classes in turn, so that each has its share."""
    queues = [list(rows.sort_values("rank")["channel"]) for _, rows in table.groupby("class", sort=False)]
    queues.sort(key=lambda queue: int(table.set_index("channel").loc[queue[0], "rank"]))
    found: list[int] = []
    while len(found) < min(count, len(table)):
        for queue in queues:
            if queue and len(found) < count:
                found.append(int(queue.pop(0)))
    return found


def areas(values: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the area under the ROC curve of each class against the rest, `(K, C)`, for values `(N, C)`.

    NaN for a class that has no image, or all of them. Ties count half (Mann and Whitney 1947).
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0)
    found = np.full((classes, values.shape[1]), np.nan)
    for label in range(classes):
        positive = labels == label
        count, rest = int(positive.sum()), int((~positive).sum())
        if count and rest:
            found[label] = (ranks[positive].sum(axis=0) - count * (count + 1) / 2) / (count * rest)
    return found


def _sides(positive: np.ndarray, groups: np.ndarray) -> tuple[int, int]:
    """Return how many independent groups are positive and negative: copies add nothing to what is known."""
    return len(np.unique(groups[positive])), len(np.unique(groups[~positive]))


def _interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    return auc_interval(float(area), positives, negatives) if positives and negatives else (float("nan"), float("nan"))
