"""What each image adds to a network's score: the common currency of checks, whether classes are equal or not.

With equal classes the score is accuracy, with somewhat unequal ones balanced accuracy. Where one class has more than
`UNEQUAL` times the groups of another a probe may be right by naming the large class, and the score is the AUC.
"""

from __future__ import annotations

import numpy as np

from lab.stats.auc import image_areas
from lab.stats.intervals import correctness, image_weights

UNEQUAL = 2.0


def measure_of(labels: np.ndarray, groups: np.ndarray) -> str:
    """Return which score suits these classes: "accuracy", "balanced accuracy" or "AUC"."""
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    counts = np.bincount(pairs[0])
    counts = counts[counts > 0]
    if counts.max() > UNEQUAL * counts.min():
        return "AUC"
    return "accuracy" if counts.max() == counts.min() else "balanced accuracy"


def chance_of(measure: str, classes: int) -> float:
    """Return what guessing gives."""
    return 0.5 if measure == "AUC" else 1 / classes


def image_scores(
    probabilities: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray, measure: str
) -> np.ndarray:
    """Return per image a score `(N,)` from out-of-fold probabilities `(R, N, K)` and splits `(R, N)`.

    Its mean by `image_weights(groups, labels, balanced=True)` is the measure.
    """
    if measure != "AUC":
        return correctness(probabilities, labels)
    return image_areas(probabilities, labels, splits, image_weights(groups, labels, balanced=True))


def shuffled_scores(
    probabilities: np.ndarray,
    shuffled: np.ndarray,
    labels: np.ndarray,
    splits: np.ndarray,
    groups: np.ndarray,
    measure: str,
) -> np.ndarray:
    """Return the same for labels `(R, N)` that differ between repeats; the mean is by the weights of the true labels.

    Every shuffled class has the same weight, so an image counts by what its shuffled class weighs over what its true
    class does.
    """
    base = image_weights(groups, labels, balanced=True)
    found = np.zeros(len(labels))
    for repeat, given in enumerate(shuffled):
        own = image_weights(groups, given, balanced=True)
        one = slice(repeat, repeat + 1)
        if measure == "AUC":
            scores = image_areas(probabilities[one], given, splits[one], own)
            mean = float(scores @ own)
            found += mean + (scores - mean) * own / base
        else:
            found += correctness(probabilities[one], given) * own / base
    return found / len(shuffled)
