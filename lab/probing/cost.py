"""How long probes of many classes will take, before one is fitted: operations over a speed measured here."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from lab.probing.ridge_classifier import ALPHAS
from lab.probing.task import MANY_CLASSES
from lab.threads import one_blas_thread

# Products of all training images and coefficients, there and back, that the probe of a fold takes: 110 to 150 for 100
# and 300 classes and 2,000 to 10,000 images (benchmarks/probes.py).
PASSES = 150
OTHER_DIMENSIONS = 200  # as many more take as long as what is done between the products
SHUFFLED = 0.25  # of the time of true labels: weak penalties are not tried
EIGEN = 20  # operations of an eigendecomposition, over the cube of its size


def foreseen(
    images: int, dimensions: Sequence[int], classes: int, *, folds: int, repeats: int, shuffled: bool, threads: int
) -> tuple[float, float] | None:
    """Return the seconds that logistic and ridge probes of layers with such `dimensions` will take; None for few
    classes, which take no time worth telling."""
    if classes < MANY_CLASSES or not dimensions:
        return None
    operations = threads * _speed(images, max(dimensions), classes)
    train = images * (folds - 1) / folds
    sets = folds * repeats * (1 + SHUFFLED * shuffled)
    logistic = sum(sets * PASSES * 4.0 * train * (dim + OTHER_DIMENSIONS) * classes for dim in dimensions)
    # In closed form, in double precision, which is half as quick: the Gram matrix and the rotation, its decomposition,
    # at each penalty the residuals of all label sets.
    ridge = 0.0
    for dim in dimensions:
        rank = min(train, dim)
        path = len(ALPHAS) * 4.0 * train * rank * classes * (1 + shuffled)
        ridge += 2 * folds * repeats * (4.0 * train * dim * rank + EIGEN * rank**3 + path)
    return logistic / operations, ridge / operations


def about(seconds: float) -> str:
    """Return seconds for people.

    >>> about(40), about(400), about(40_000)
    ('40 s', '7 min', '11.1 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _speed(images: int, dimensions: int, classes: int) -> float:
    """Return operations in single precision a second of one thread, from the best of three products of such sizes."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((min(images, 1024), dimensions), dtype=np.float32)
    weights = rng.standard_normal((dimensions, classes), dtype=np.float32)
    seconds = []
    with one_blas_thread():
        for _ in range(3):
            began = time.perf_counter()
            features @ weights
            seconds.append(time.perf_counter() - began)
    return 2.0 * len(features) * dimensions * classes / max(min(seconds), 1e-9)
