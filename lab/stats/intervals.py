"""Scores of out-of-fold predictions and how sure they are, on the scale of images.

The unit of evidence is the split group (an image, or a set of near-copies), never the fold or the repeat: repeats are
averaged per image first, intervals then come from the groups. Curves over depth are in `lab.stats.depth`, what follows
from all this in `lab.stats.verdict`. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution
RESAMPLES = 2000
SMALLEST_PROBABILITY = 1e-15  # log-loss clips here, as scikit-learn does for float64


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def columns(self, name: str, ends: str = "") -> dict[str, float]:
        """Return the interval as columns of a table: NAME, ENDS_low, ENDS_high; without `ends`, NAME's own."""
        return {name: self.value, f"{ends or name}_low": self.low, f"{ends or name}_high": self.high}


def mean_interval(values: Sequence[float] | np.ndarray) -> Interval:
    """Return the mean of independent values (seeds, draws, images) with Student's t; unbounded for fewer than two."""
    from scipy.stats import t

    found = np.asarray(values, dtype=float)
    centre = float(found.mean()) if len(found) else float("nan")
    if len(found) < 2:
        return Interval(centre, float("-inf"), float("inf"))
    error = float(found.std(ddof=1) / np.sqrt(len(found)) * t.ppf(0.975, len(found) - 1))
    return Interval(centre, centre - error, centre + error)


@dataclass(frozen=True)
class Scores:
    """Scores of one probe over all images; the fields are columns of the `summary` table."""

    accuracy: float
    ci_low: float
    ci_high: float
    balanced_accuracy: float
    auc: float
    auc_ci_low: float
    auc_ci_high: float
    log_loss: float

    def row(self) -> dict[str, float]:
        return asdict(self)

    @property
    def interval(self) -> Interval:
        """The accuracy with its interval."""
        return Interval(self.accuracy, self.ci_low, self.ci_high)


@dataclass(frozen=True)
class Bootstrap:
    """Resamples of groups, drawn once and shared by all layers, controls and models so that differences are paired.

    `weights` `(B, N)` says how often each image was drawn, `pseudo` `(B,)` the balance of two imaginary groups
    (-2, 0 or 2 group sizes), see `difference`.
    """

    weights: np.ndarray
    pseudo: np.ndarray
    group_size: float

    @property
    def resamples(self) -> int:
        return len(self.weights)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the weighted means `(B, ...)` of values `(..., N)`."""
        flat = values.reshape(-1, values.shape[-1])
        sums = self.weights @ flat.T / self.weights.sum(axis=1, keepdims=True)
        return sums.reshape(self.resamples, *values.shape[:-1])


def bootstrap(groups: np.ndarray, labels: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
    """Draw groups with replacement within each class (a mixed group counts to the class of its first image)."""
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    stratum = np.asarray(labels)[first]
    rng = np.random.default_rng((seed, 0xB007))
    drawn = np.zeros((resamples, len(first)))
    for name in np.unique(stratum):
        members = np.flatnonzero(stratum == name)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    pseudo = 2.0 * rng.binomial(2, 0.5, resamples) - 2.0
    return Bootstrap(drawn[:, index], pseudo, len(index) / len(first))


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of `count` independent groups (Wilson 1927); it never has width 0."""
    if count < 1 or not np.isfinite(share):
        return float("nan"), float("nan")
    spread = Z95**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 / (1 + spread) * np.sqrt(share * (1 - share) / count + spread / (4 * count))
    return float(max(0.0, min(centre - half, share))), float(min(1.0, max(centre + half, share)))


def difference(boot: Bootstrap, values: np.ndarray) -> Interval:
    """Return the mean of paired differences `(N,)` in [-1, 1] with a percentile bootstrap interval.

    Two imaginary groups, one fully for and one fully against, join every resample, so that a handful of images that
    all agree does not claim certainty (the idea of Agresti & Min 2005 for paired shares; their effect is 2 / groups).
    """
    totals = boot.weights @ values + boot.pseudo * boot.group_size
    draws = totals / (boot.weights.sum(axis=1) + 2 * boot.group_size)
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(values.mean()), float(low), float(high))


def correctness(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return per image the share of repeats in which it was predicted right, `(N,)`, from `(R, N, K)`.

    `labels` is `(N,)` or `(R, N)`.
    """
    return np.asarray((probabilities.argmax(axis=2) == labels).mean(axis=0))


def chance(labels: np.ndarray) -> float:
    """Return the accuracy of always naming the commonest class."""
    return float(np.bincount(labels).max() / len(labels))


def scores(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Scores:
    """Score out-of-fold probabilities `(R, N, K)` against labels `(N,)` or `(R, N)`, averaged over repeats."""
    repeated = np.broadcast_to(labels, probabilities.shape[:2])
    each = [_score(p, y) for p, y in zip(probabilities, repeated, strict=True)]
    accuracy, balanced, auc, loss = (float(np.mean(column)) for column in zip(*each, strict=True))
    low, high = wilson(accuracy, len(np.unique(groups)))
    auc_low, auc_high = _macro_auc_interval(probabilities, repeated, groups)
    return Scores(accuracy, low, high, balanced, auc, auc_low, auc_high, loss)


def fold_scores(
    probabilities: np.ndarray, labels: np.ndarray, splits: np.ndarray, regularisation: np.ndarray
) -> Iterator[dict[str, float | int]]:
    """Yield one row of the `folds` table per repeat and fold; a score that a fold does not define is nan."""
    repeated = np.broadcast_to(labels, splits.shape)
    for repeat, tested in enumerate(splits):
        for fold in range(int(splits.max()) + 1):
            test = tested == fold
            accuracy, balanced, auc, loss = _score(probabilities[repeat, test], repeated[repeat, test])
            yield {
                "repeat": repeat,
                "fold": fold,
                "n_train": int((~test).sum()),
                "n_test": int(test.sum()),
                "C": float(regularisation[repeat, fold]),
                "accuracy": accuracy,
                "balanced_accuracy": balanced,
                "auc": auc,
                "log_loss": loss,
            }


def macro_auc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the area under the ROC curve: of class 1 for two classes, else the mean over classes against the rest.

    Classes without an image, or with every image, are left out; nan when none is left.
    """
    return float(np.mean(areas)) if (areas := list(_class_aucs(probabilities, labels).values())) else float("nan")


def auc_interval(area: float, positives: int, negatives: int) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve (Newcombe 2006, method 5).

    The score interval of Hanley & McNeil's variance; unlike a bootstrap it stays open at an area of 1.
    """
    if min(positives, negatives) < 2 or not np.isfinite(area):
        return (0.0, 1.0) if np.isfinite(area) else (float("nan"), float("nan"))
    return _auc_bound(area, 0.0, positives, negatives), _auc_bound(area, 1.0, positives, negatives)


def _auc_bound(area: float, end: float, positives: int, negatives: int) -> float:
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


def _macro_auc_interval(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return the mean over classes of their intervals, which is wide enough however the classes hang together."""
    per_repeat = [_class_aucs(p, y) for p, y in zip(probabilities, labels, strict=True)]
    classes = sorted(set.intersection(*(set(found) for found in per_repeat)))
    bounds = []
    for name in classes:
        area = float(np.mean([found[name] for found in per_repeat]))
        of_class = labels[0] == name
        positives, negatives = len(np.unique(groups[of_class])), len(np.unique(groups[~of_class]))
        bounds.append(auc_interval(area, positives, negatives))
    if not bounds:
        return float("nan"), float("nan")
    low, high = np.mean(bounds, axis=0)
    return float(low), float(high)


def _score(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float, float, float]:
    """Return accuracy, balanced accuracy, AUC and log-loss of `(N, K)` against `(N,)`."""
    right = probabilities.argmax(axis=1) == labels
    counts = np.bincount(labels)
    recalls = np.bincount(labels, weights=right)[counts > 0] / counts[counts > 0]
    given = probabilities[np.arange(len(labels)), labels]
    loss = -np.log(np.maximum(given, SMALLEST_PROBABILITY)).mean()
    return float(right.mean()), float(recalls.mean()), macro_auc(probabilities, labels), float(loss)


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
