"""Scores of out-of-fold predictions and how sure they are, on the scale of images.

The unit of evidence is the split group (an image, or a set of near-copies), never the fold or the repeat: repeats are
averaged per image first, intervals then come from the groups. Curves over depth are in `lab.stats.depth`, what follows
from all this in `lab.stats.verdict`. Intervals are 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lab.stats.auc import Z95, macro_auc, macro_auc_interval

RESAMPLES = 2000
# Answers of one fold share a probe, and probes share most of their training images. Resampling answers as if they were
# fixed misses that (Nadeau & Bengio 2003): the spread of repeated cross-validations of new images, over the one that
# is resampled, and the variance over Wilson's. Measured with this lab's probes, see docs/calibration.md.
REFIT = 1.3
REFIT_SHARE = 1.3
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

    `base` `(N,)` is what each image counts in a mean, `weights` `(B, N)` what it counts in each resample; both sum to
    1. The resamples' deviations from the base are widened by what refitting the probes adds and by Student's t, so a
    weight may be below 0. `pseudo` `(B,)` is the balance of two imaginary groups (-2, 0 or 2), see `difference`;
    `groups` the number of equally heavy groups that would be worth as much; `members` `(N,)` the group of each image.
    """

    weights: np.ndarray
    pseudo: np.ndarray
    base: np.ndarray
    groups: float
    members: np.ndarray

    @property
    def resamples(self) -> int:
        return len(self.weights)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the means `(...)` of values `(..., N)`."""
        return np.asarray(values @ self.base)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Return the means `(B, ...)` of values `(..., N)` in each resample."""
        flat = values.reshape(-1, values.shape[-1])
        return np.asarray(self.weights @ flat.T).reshape(self.resamples, *values.shape[:-1])


def bootstrap(
    groups: np.ndarray,
    labels: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    balanced: bool = False,
    refit: float = REFIT,
) -> Bootstrap:
    """Draw groups with replacement within each class (a mixed group counts to the class of its first image).

    `balanced` gives every class the same weight; `refit` is 1 for answers of one fixed probe.
    """
    base = image_weights(groups, labels, balanced=balanced)
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    stratum = np.asarray(labels)[first]
    rng = np.random.default_rng((seed, 0xB007))
    deviations = np.zeros((resamples, len(first)))
    for name in np.unique(stratum):
        members = np.flatnonzero(stratum == name)
        drawn = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples) - 1.0
        deviations[:, members] = drawn * np.sqrt(len(members) / max(len(members) - 1, 1))
    weights = base * (deviations * (refit * _students_t(base, index, stratum) / Z95))[:, index]
    for name in np.unique(labels):  # each class keeps its weight, in groups of several classes too
        own = labels == name
        weights[:, own] -= base[own] * (weights[:, own].sum(axis=1, keepdims=True) / base[own].sum())
    pseudo = 2.0 * rng.binomial(2, 0.5, resamples) - 2.0
    heavy = np.bincount(index, weights=base)
    return Bootstrap(base + weights, pseudo, base, float(1 / (heavy**2).sum()), index)


def image_weights(groups: np.ndarray, labels: np.ndarray, *, balanced: bool = False) -> np.ndarray:
    """Return what each image counts in a mean, `(N,)`, sum 1: every group the same, and with `balanced` every class."""
    if not balanced:
        _, index, size = np.unique(groups, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / (size[index] * len(size)))
    _, index, size = np.unique(np.stack([groups, labels]), axis=1, return_inverse=True, return_counts=True)
    weights = 1.0 / size[index.ravel()]
    totals = np.bincount(labels, weights=weights)
    return np.asarray(weights / totals[labels] / np.count_nonzero(totals))


def _students_t(base: np.ndarray, index: np.ndarray, stratum: np.ndarray) -> float:
    """Return the 97.5 % quantile of Student's t for a mean over strata, degrees of freedom by Satterthwaite."""
    from scipy.stats import t

    heavy = np.bincount(index, weights=base)
    squares = np.array([(heavy[stratum == name] ** 2).sum() for name in np.unique(stratum)])
    counts = np.array([np.count_nonzero(stratum == name) for name in np.unique(stratum)])
    freedom = squares.sum() ** 2 / (squares**2 / np.maximum(counts - 1, 1)).sum()
    return float(t.ppf(0.975, freedom))


def wilson(share: float, count: float, tests: int = 1) -> tuple[float, float]:
    """Return the 95 % interval of a share of `count` independent groups (Wilson 1927); it never has width 0.

    Those of so many `tests` hold at once (Bonferroni).
    """
    from scipy.stats import norm

    if count < 1 or not np.isfinite(share):
        return float("nan"), float("nan")
    reach = Z95 if tests <= 1 else float(norm.ppf(1 - 0.025 / tests))
    spread = reach**2 / count
    centre = (share + spread / 2) / (1 + spread)
    half = reach / (1 + spread) * np.sqrt(share * (1 - share) / count + spread / (4 * count))
    return float(max(0.0, min(centre - half, share))), float(min(1.0, max(centre + half, share)))


def accuracy_interval(accuracy: float, groups: float) -> tuple[float, float]:
    """Return the 95 % interval of a cross-validated accuracy over `groups` independent groups.

    Wilson's, at the count that is left when the probes' own variation is allowed for (`REFIT_SHARE`).
    """
    return wilson(accuracy, groups / REFIT_SHARE)


def difference(boot: Bootstrap, values: np.ndarray) -> Interval:
    """Return the mean of paired differences `(N,)` in [-1, 1] with a percentile bootstrap interval.

    Two imaginary groups, one fully for and one fully against, join every resample, so that a handful of images that
    all agree does not claim certainty (the idea of Agresti & Min 2005 for paired shares; their effect is 2 / groups).
    """
    draws = (boot.means(values) * boot.groups + boot.pseudo) / (boot.groups + 2)
    low, high = np.percentile(draws, (2.5, 97.5))
    value = float(boot.mean(values))
    return Interval(value, min(float(low), value), max(float(high), value))


def widened(found: Interval, variance: float, freedom: float) -> Interval:
    """Return an interval over images that also allows for a second source of chance, such as seeds (random effects).

    `variance` is what it adds to the variance of the value, with so many degrees of `freedom` (Satterthwaite).
    """
    from scipy.stats import t

    if not (variance > 0 and found.high > found.low):
        return found
    images = ((found.high - found.low) / (2 * Z95)) ** 2
    both = (images + variance) ** 2 / (variance**2 / freedom)
    reach = float(t.ppf(0.975, both) / Z95 * np.sqrt((images + variance) / images))
    return Interval(found.value, *(found.value + (end - found.value) * reach for end in (found.low, found.high)))


def correctness(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return per image the share of repeats in which it was predicted right, `(N,)`, from `(R, N, K)`.

    `labels` is `(N,)` or `(R, N)`.
    """
    return np.asarray((probabilities.argmax(axis=2) == labels).mean(axis=0))


def chance(labels: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the accuracy of always naming the commonest class, each of `groups` counting once as in `scores`."""
    names, index, size = np.unique(
        np.arange(len(labels)) if groups is None else groups, return_inverse=True, return_counts=True
    )
    return float(np.bincount(labels, weights=1.0 / size[index]).max() / len(names))


def scores(probabilities: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Scores:
    """Score out-of-fold probabilities `(R, N, K)` against labels `(N,)` or `(R, N)`, averaged over repeats.

    Accuracy and log-loss count every group the same, whatever its size.
    """
    repeated = np.broadcast_to(labels, probabilities.shape[:2])
    weights = image_weights(groups, repeated[0])
    each = [_score(p, y, weights) for p, y in zip(probabilities, repeated, strict=True)]
    accuracy, balanced, auc, loss = (float(np.mean(column)) for column in zip(*each, strict=True))
    low, high = accuracy_interval(accuracy, len(np.unique(groups)))
    auc_low, auc_high = macro_auc_interval(probabilities, repeated, groups, REFIT_SHARE)
    return Scores(accuracy, low, high, balanced, auc, auc_low, auc_high, loss)


def fold_scores(
    probabilities: np.ndarray,
    labels: np.ndarray,
    splits: np.ndarray,
    regularisation: np.ndarray,
    groups: np.ndarray | None = None,
) -> Iterator[dict[str, float | int]]:
    """Yield one row of the `folds` table per repeat and fold; a score that a fold does not define is nan."""
    repeated = np.broadcast_to(labels, splits.shape)
    weights = image_weights(np.arange(splits.shape[1]) if groups is None else groups, repeated[0])
    for repeat, tested in enumerate(splits):
        for fold in range(int(splits.max()) + 1):
            test = tested == fold
            accuracy, balanced, auc, loss = _score(probabilities[repeat, test], repeated[repeat, test], weights[test])
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


def _score(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> tuple[float, float, float, float]:
    """Return accuracy, balanced accuracy, AUC and log-loss of `(N, K)` against `(N,)`."""
    right = probabilities.argmax(axis=1) == labels
    counts = np.bincount(labels)
    heavy = np.bincount(labels, weights=weights)
    recalls = np.bincount(labels, weights=right * weights)[counts > 0] / heavy[counts > 0]
    given = probabilities[np.arange(len(labels)), labels]
    loss = np.average(-np.log(np.maximum(given, SMALLEST_PROBABILITY)), weights=weights)
    accuracy = float(np.average(right, weights=weights))
    return accuracy, float(recalls.mean()), macro_auc(probabilities, labels), float(loss)
