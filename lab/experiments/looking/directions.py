"""A probe as a direction in a layer's channels: the logistic regression of one class against the rest.

It is fitted on all images, since what is wanted is the direction; how good it is comes from folds it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.errors import LabError, nearest
from lab.images.types import ImageSet
from lab.probing.probes import GRID
from lab.probing.splits import make_splits

STEPS = 5000


@dataclass(frozen=True, eq=False)
class ProbeDirection:
    """`weights` `(C,)` and `bias` of the logit for `name`, in the layer's own units, and its held-out accuracy."""

    name: str
    weights: np.ndarray
    bias: float
    accuracy: float


def probe_direction(vectors: np.ndarray, images: ImageSet, name: str) -> ProbeDirection:
    """Return the direction in which a probe on pooled activations `(N, C)` says class `name`.

    C is the one of the lab's grid with the best held-out log-loss. Raises LabError for an unknown class.
    """
    if name not in images.classes:
        raise LabError(
            f"there is no class {name!r} in {images.spec}{nearest(name, images.classes)}; "
            f"it has {', '.join(images.classes)}"
        )
    labels = (images.labels == images.classes.index(name)).astype(np.int64)
    folds = make_splits(labels, images.groups, repeats=1, classes=("the rest", name))[0]
    mean, scale = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    safe = np.where(scale > 1e-9, scale, np.inf)
    standard = (vectors - mean) / safe
    scores = [_held_out(standard, labels, folds, penalty) for penalty in GRID]
    best = int(np.argmin([loss for loss, _ in scores]))
    fitted = _fit(standard, labels, GRID[best])
    weights = fitted.coef_[0] / safe
    return ProbeDirection(name, weights, float(fitted.intercept_[0] - mean @ weights), scores[best][1])


def _held_out(vectors: np.ndarray, labels: np.ndarray, folds: np.ndarray, penalty: float) -> tuple[float, float]:
    """Return log-loss and accuracy over folds."""
    chances = np.empty(len(labels))
    for fold in np.unique(folds):
        fitted = _fit(vectors[folds != fold], labels[folds != fold], penalty)
        chances[folds == fold] = fitted.predict_proba(vectors[folds == fold])[:, 1]
    right = np.where(labels == 1, chances, 1 - chances)
    return float(-np.log(np.maximum(right, 1e-12)).mean()), float((right > 0.5).mean())


def _fit(vectors: np.ndarray, labels: np.ndarray, penalty: float):  # type: ignore[no-untyped-def]
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=penalty, max_iter=STEPS).fit(vectors, labels)
