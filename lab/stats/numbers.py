"""Scores of a number that is predicted out of fold: R², Spearman's correlation, their intervals, each image's part.

R² is the share of the squared deviations from the training means that the predictions explain: 0 is as good as the
mean of the training part, negative is worse. The quadratic weighted kappa of grades (Cohen 1968) is the same share of
what predictions and grades of images drawn at random would differ by. As both are ratios of means over images, each
image has a part in them (its influence, to first order), and differences between layers and controls are means of
differences of these parts; so the checks and resamples of classes hold for numbers too. Intervals are 95 %, over
groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from lab.stats.intervals import REFIT_SHARE, Interval, image_weights

# As `lab.stats.intervals.REFIT`, for ridge regression: the spread of the logarithm of the unexplained share over new
# images, over that of the influences, was 1.09 to 1.54 (60 to 200 images, 16 or 64 dimensions, R² of 0 to 0.9); with
# 1.5 intervals covered in 93 to 100 %, see docs/calibration.md.
RIDGE_REFIT = 1.5

# Of targets, predictions, training means `(R, N)` and weights `(N,)`: each image's squared error, and what it is a
# share of, mean over repeats, `(N,)` each.
Errors = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class NumberScores:
    """Scores of one probe over all images, columns of the `summary` table: `share` is R² or the weighted kappa, `mae`
    the mean absolute error, in the number's own unit."""

    share: float
    ci_low: float
    ci_high: float
    spearman: float
    spearman_ci_low: float
    spearman_ci_high: float
    mae: float

    def row(self, share: str = "r2") -> dict[str, float]:
        """Return the scores as columns, the first by the name of its measure."""
        return {share if name == "share" else name: value for name, value in asdict(self).items()}


def number_weights(groups: np.ndarray) -> np.ndarray:
    """Return what each image counts, `(N,)`, sum 1: every group the same."""
    return image_weights(groups, np.zeros(len(groups), dtype=np.int64))


def number_scores(
    targets: np.ndarray, predictions: np.ndarray, means: np.ndarray, groups: np.ndarray, errors: Errors | None = None
) -> NumberScores:
    """Score out-of-fold predictions `(R, N)` of targets `(N,)` or `(R, N)`, beside the training means `(R, N)`; the
    share is R², or what other `errors` make of it."""
    weights = number_weights(groups)
    found = explained_interval(*(errors or squared_errors)(targets, predictions, means, weights), groups)
    each = np.broadcast_to(targets, predictions.shape)
    ordered = float(np.mean([spearman(y, p, weights) for y, p in zip(each, predictions, strict=True)]))
    low, high = spearman_interval(ordered, len(np.unique(groups)) / REFIT_SHARE)
    mae = float(np.abs(each - predictions).mean(axis=0) @ weights)
    return NumberScores(found.value, found.low, found.high, ordered, low, high, mae)


def squared_errors(
    targets: np.ndarray, predictions: np.ndarray, means: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `Errors` of R²: a share of the squared deviations from the training means."""
    return ((targets - predictions) ** 2).mean(axis=0), ((targets - means) ** 2).mean(axis=0)


def graded_errors(
    targets: np.ndarray, predictions: np.ndarray, means: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `Errors` of the quadratic weighted kappa: a share of the squared difference of one image's grade and
    another one's prediction.

    An image is in the latter twice, by its grade and by its prediction; so that the mean is right and the spread that
    of the mean's influence, both are counted and the mean is taken off once.
    """
    targets = np.broadcast_to(targets, predictions.shape)

    def from_all(values: np.ndarray, others: np.ndarray) -> np.ndarray:
        middle = (others @ weights)[:, None]
        return np.asarray((values - middle) ** 2 + ((others - middle) ** 2 @ weights)[:, None])

    by_grade, by_prediction = from_all(targets, predictions), from_all(predictions, targets)
    whole = by_grade + by_prediction - (by_grade @ weights)[:, None]
    return ((targets - predictions) ** 2).mean(axis=0), whole.mean(axis=0)


def explained_parts(own: np.ndarray, whole: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return each image's part in R² or kappa `(N,)`: their mean by `weights` is it, their spread its spread over
    images."""
    error, deviation = float(own @ weights), float(whole @ weights)
    if deviation <= 0:
        return np.zeros(len(own))
    share = error / deviation
    return 1 - share - (own - share * whole) / deviation


def explained_interval(own: np.ndarray, whole: np.ndarray, groups: np.ndarray) -> Interval:
    """Return R² or kappa with its interval, symmetric in the logarithm of the unexplained share.

    The spread is that of the groups' influences on this logarithm, widened for refitted probes (`RIDGE_REFIT`) and by
    two imaginary groups (`lab.stats.intervals.difference`), with Student's t.
    """
    from scipy.stats import t

    weights = number_weights(groups)
    error, deviation = float(own @ weights), float(whole @ weights)
    _, index = np.unique(groups, return_inverse=True)
    count = int(index.max()) + 1
    if deviation > 0 and error <= 0 and count > 3:  # of what never happened in n groups, 3 in n may (Hanley 1983)
        return Interval(1.0, 1 - 3 / count, 1.0)
    if deviation <= 0 or error <= 0 or count < 3:
        value = 1 - error / deviation if deviation > 0 else float("nan")
        return Interval(value, float("nan"), float("nan"))
    influence = np.bincount(index, weights=weights * (own / error - whole / deviation))
    variance = RIDGE_REFIT**2 * count / (count - 1) * float((influence**2).sum()) + 2 / (count + 2) ** 2
    reach = float(t.ppf(0.975, count - 1) * np.sqrt(variance))
    share = error / deviation
    return Interval(1 - share, 1 - share * float(np.exp(reach)), 1 - share * float(np.exp(-reach)))


def spearman(targets: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    """Return the correlation of ranks, every group the same; 0 where one of them is constant."""
    from scipy.stats import rankdata

    x, y = (rankdata(values) for values in (targets, predictions))
    x, y = x - x @ weights, y - y @ weights
    norm = float(np.sqrt((x**2 @ weights) * (y**2 @ weights)))
    return float((x * y) @ weights) / norm if norm > 0 else 0.0


def spearman_interval(value: float, count: float) -> tuple[float, float]:
    """Return the interval of a rank correlation over `count` groups (Bonett & Wright 2000, on Fisher's scale)."""
    from scipy.stats import norm

    if count <= 4:
        return -1.0, 1.0
    centre = float(np.arctanh(np.clip(value, -1 + 1e-9, 1 - 1e-9)))
    reach = float(norm.ppf(0.975)) * float(np.sqrt((1 + value**2 / 2) / (count - 3)))
    return float(np.tanh(centre - reach)), float(np.tanh(centre + reach))
