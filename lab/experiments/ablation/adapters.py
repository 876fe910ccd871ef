"""From the image straight to what a late stage expects: adapters that need no network before it.

    tiling          every position gets the average colour of its part of the image, the three channels repeated
    random          a random linear map of the pixels of its part
    least squares   the linear map of the pixels of its part that comes closest to the real features (ridge), one
                    map for all positions
    by position     the same with a map of its own for every position

Each is fitted on training images only, without labels, and matched to the real features' mean and deviation channel
by channel. Positions are those of the stage's input; an image's part is its share of the image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

CELL = 8  # each position's part of the image is seen as CELL × CELL pixels, which keeps the maps small
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # of the mean squared pixel; the best is found on held-out training images

POSITION_RIDGES = (1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)  # of an image's mean squared pixels at a position


@dataclass(frozen=True)
class Cells:
    """What adapters see: `pixels` `(N, L, D)` of each of L positions, D = 3·CELL², in 0..1."""

    pixels: np.ndarray

    @property
    def colours(self) -> np.ndarray:
        """The average colour of each position, `(N, L, 3)`."""
        return self.pixels.reshape(*self.pixels.shape[:2], 3, -1).mean(axis=3)


Fit = Callable[[Cells, np.ndarray, np.ndarray, int], np.ndarray]


def adapted(name: str, cells: Cells, features: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    """Return what adapter `name` makes of every image, float32 `(N, L, C)`.

    `features` `(N, L, C)` are the real ones; only those where `training` (bool `(N,)`) holds are looked at.
    """
    return ADAPTERS[name](cells, features, training, seed).astype(np.float32)


def squared_errors(features: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return each image's squared distance `(N,)` of a guess from the features `(N, L, C)`."""
    return np.asarray(((features - guess) ** 2).sum(axis=(1, 2), dtype=np.float64))


def explained(features: np.ndarray, guess: np.ndarray, mean: np.ndarray) -> float:
    """Return R²: the share of the features' squared distance from `mean` (C,) that a guess explains."""
    rest = float(((features - guess) ** 2).sum(dtype=np.float64))
    whole = float(((features - mean) ** 2).sum(dtype=np.float64))
    return 1 - rest / whole if whole > 0 else float("nan")


def _tiled(cells: Cells, features: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    channels = features.shape[2]
    return _matched(cells.colours[..., np.arange(channels) % 3], features, training)


def _random(cells: Cells, features: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    width = cells.pixels.shape[2]
    drawn = np.random.default_rng((seed, 0xADA7)).normal(size=(width, features.shape[2])) / np.sqrt(width)
    return _matched(cells.pixels @ drawn, features, training)


def _least_squares(cells: Cells, features: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    """Choose the ridge on a quarter of the training images, then fit on all of them."""
    known = np.flatnonzero(training)
    held = np.random.default_rng((seed, 0x21D6)).permutation(known)[: max(1, len(known) // 4)]
    rest = np.setdiff1d(known, held)
    mean = features[rest].mean(axis=(0, 1))

    def fit(ridge: float) -> float:
        return explained(features[held], _ridge(cells, features, rest, held, ridge), mean)

    best = max(RIDGES, key=fit)
    return _ridge(cells, features, known, np.arange(len(features)), best)


def _by_position(cells: Cells, features: np.ndarray, training: np.ndarray, seed: int) -> np.ndarray:
    """Fit every position alone, the ridge shared by all of them and chosen as for one map."""
    known = np.flatnonzero(training)
    held = np.random.default_rng((seed, 0x21D6)).permutation(known)[: max(1, len(known) // 4)]
    rest = np.setdiff1d(known, held)

    def error(ridge: float) -> float:
        return float(squared_errors(features[held], _position_ridge(cells, features, rest, held, ridge)).sum())

    best = min(POSITION_RIDGES, key=error)
    return _position_ridge(cells, features, known, np.arange(len(features)), best)


def _position_ridge(
    cells: Cells, features: np.ndarray, fitted: np.ndarray, wanted: np.ndarray, ridge: float
) -> np.ndarray:
    """Return the guess `(M, L, C)` of one ridge regression for each position, solved over images: there are fewer of
    them than pixels."""
    known = cells.pixels[fitted].astype(np.float64).transpose(1, 0, 2)  # (L, n, D)
    targets = features[fitted].astype(np.float64).transpose(1, 0, 2)
    centre, mean = known.mean(axis=1, keepdims=True), targets.mean(axis=1, keepdims=True)
    known = known - centre
    kernel = known @ known.transpose(0, 2, 1)
    strength = ridge * np.maximum(np.trace(kernel, axis1=1, axis2=2) / len(fitted), 1e-12)
    kernel += strength[:, None, None] * np.eye(len(fitted))
    dual = np.linalg.solve(kernel, targets - mean)
    across = (cells.pixels[wanted].transpose(1, 0, 2) - centre) @ known.transpose(0, 2, 1)
    return np.asarray((across @ dual + mean).transpose(1, 0, 2))


def _ridge(cells: Cells, features: np.ndarray, fitted: np.ndarray, wanted: np.ndarray, ridge: float) -> np.ndarray:
    """Return the ridge regression's guess `(M, L, C)` for the images `wanted`, fitted on the images `fitted`."""
    width, channels = cells.pixels.shape[2], features.shape[2]
    known = cells.pixels[fitted].reshape(-1, width).astype(np.float64)
    targets = features[fitted].reshape(-1, channels).astype(np.float64)
    centre, mean = known.mean(axis=0), targets.mean(axis=0)
    known -= centre
    gram = known.T @ known
    gram[np.diag_indices(width)] += ridge * np.trace(gram) / width
    weights = np.linalg.solve(gram, known.T @ (targets - mean))
    found: np.ndarray = (cells.pixels[wanted] - centre) @ weights + mean
    return found


def _matched(values: np.ndarray, features: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Give each channel the mean and the deviation that the real features have on the training images."""
    known, real = values[training], features[training]
    scale = real.std(axis=(0, 1)) / np.maximum(known.std(axis=(0, 1)), 1e-12)
    found: np.ndarray = (values - known.mean(axis=(0, 1))) * scale + real.mean(axis=(0, 1))
    return found


ADAPTERS: Mapping[str, Fit] = {
    "tiling": _tiled,
    "random": _random,
    "least squares": _least_squares,
    "by position": _by_position,
}
