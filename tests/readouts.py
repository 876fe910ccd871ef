"""What each rung of the ladder could be told by: simple statistics of an image, one set a rung, from hue up to shape.

A rung is matched below its level when a linear probe on the statistics of every lower rung is at chance. The same
statistics must find their own rung, or they would prove nothing.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lab.images.synthetic.rungs.ground import LUMA

SIDE = 112  # pixels at which statistics are taken
BINS = 8


def hue(image: np.ndarray) -> np.ndarray:
    """How much colour of each hue there is."""
    chroma = image - (image @ LUMA)[..., None]
    angle = np.arctan2(chroma[..., 1], chroma[..., 0])
    strength = np.hypot(chroma[..., 0], chroma[..., 1])
    share, _ = np.histogram(angle, BINS, (-np.pi, np.pi), weights=strength)
    return np.append(share / strength.size, chroma.mean(axis=(0, 1)))


def brightness(image: np.ndarray) -> np.ndarray:
    """How much there is of each level."""
    luma = image @ LUMA
    share, _ = np.histogram(luma, BINS, (0, 255))
    return np.append(share / luma.size, (luma.mean(), luma.std()))


def orientation(image: np.ndarray) -> np.ndarray:
    """The share of gradients of each orientation, at two scales."""
    found = []
    for scale in (1.0, 2.5):
        down, across = gradients(image, scale)
        angle, energy = np.arctan2(down, across) % np.pi, down**2 + across**2
        share, _ = np.histogram(angle, BINS, (0, np.pi), weights=energy)
        found.append(share / energy.sum())
    return np.concatenate(found)


def frequency(image: np.ndarray) -> np.ndarray:
    """The power in bands of spatial frequency (logarithms)."""
    luma = image @ LUMA
    power = np.abs(np.fft.rfft2(luma - luma.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]) * SIDE
    edges = np.geomspace(1, SIDE / 2, BINS + 1)
    return np.log([power[(radius >= low) & (radius < high)].mean() for low, high in itertools.pairwise(edges)])


def texture(image: np.ndarray) -> np.ndarray:
    """How sparse each band is within small windows, and how its energy goes along with that of the next, by energy."""
    luma = image @ LUMA
    smooth = [ndimage.gaussian_filter(luma, sigma) for sigma in (0.7, 1.4, 2.8, 5.6)]
    bands = [fine - coarse for fine, coarse in itertools.pairwise(smooth)]
    found = []
    for band in bands:
        energy = _local(band**2)
        weight = energy / energy.sum()
        found += [float((weight * _local(abs(band)) / np.sqrt(energy + 1e-9)).sum())]
        found += [float((weight * _local(band**3) / (energy + 1e-9) ** 1.5).sum())]
        found += [float(np.log((weight * _local(band**4) / (energy + 1e-9) ** 2).sum()))]
    for fine, coarse in itertools.pairwise(bands):
        both = _local(fine**2 * coarse**2) / (_local(fine**2) * _local(coarse**2) + 1e-9)
        weight = _local(fine**2) / _local(fine**2).sum()
        found.append(float((weight * both).sum()))
    return np.array(found)


def contour(image: np.ndarray) -> np.ndarray:
    """How edges go on along their own direction, and how much there is of corners beside straight edges."""
    down, across = gradients(image, 1.5)
    twice = (across + 1j * down) ** 2
    twice /= np.abs(twice).mean() + 1e-9
    return np.concatenate([_going_on(twice), _corners(image)])


def shape(image: np.ndarray) -> np.ndarray:
    """How well outlines of a rectangle and of a diamond fit anywhere, at several sizes."""
    down, across = gradients(image, 1.0)
    edges = np.hypot(down, across)
    spectrum = np.fft.rfft2((edges - edges.mean()) / (edges.std() + 1e-9))
    return np.array([np.fft.irfft2(spectrum * outline, s=(SIDE, SIDE)).max() for outline in outlines()])


READOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    read.__name__: read for read in (hue, brightness, orientation, frequency, texture, contour, shape)
}


def _local(values: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(values, 5))


def _going_on(twice: np.ndarray) -> list[float]:
    """Energy that goes along at three distances along an edge's own direction, and across it."""
    found = []
    for reach in (5, 9, 13):
        for along in (True, False):
            total, weight = 0.0, 1e-9
            for step in range(BINS):
                angle = np.pi * step / BINS
                # Edges whose own direction is `angle`: gradients are at right angles to it.
                mine = np.clip(np.real(twice * np.exp(-2j * (angle + np.pi / 2))), 0, None)
                turn = angle if along else angle + np.pi / 2
                other = np.roll(mine, (round(reach * np.sin(turn)), round(reach * np.cos(turn))), axis=(0, 1))
                total += float((mine * other).mean())
                weight += float((mine**2).mean())
            found.append(total / weight)
    return found


def _corners(image: np.ndarray) -> list[float]:
    """How much of the structure tensor is of two directions, its greatest values, and its mean, at two scales."""
    found = []
    for scale in (1.5, 3.0):
        down, across = gradients(image, 1.0)
        xx, yy, xy = (ndimage.gaussian_filter(v, scale) for v in (across**2, down**2, across * down))
        trace = xx + yy + 1e-9
        two = 4 * (xx * yy - xy**2) / trace**2
        weight = trace / trace.sum()
        found += [float((weight * two).sum()), float((weight * two**2).sum()), float((weight * (two > 0.5)).sum())]
    return found


def gradients(image: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of lightness, down and across."""
    luma = image @ LUMA
    return (
        ndimage.gaussian_filter(luma, scale, order=(1, 0)),
        ndimage.gaussian_filter(luma, scale, order=(0, 1)),
    )


@functools.cache
def outlines() -> list[np.ndarray]:
    """Conjugate spectra of smooth outlines of unit length."""
    middles = np.arange(SIDE) - SIDE / 2
    x, y = middles[None, :], middles[:, None]
    found = []
    for side in (0.24, 0.3, 0.36, 0.42):
        half = side * SIDE / 2
        for distance in (np.maximum(abs(x), abs(y)) - half, (abs(x) + abs(y)) / np.sqrt(2) - half):
            line = np.exp(-(distance**2) / (2 * 2.0**2))
            found.append(np.conj(np.fft.rfft2(line / line.sum())))
    return found


def statistics(images: object, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """The statistics `(N, F)` of every image, by name."""
    chosen = names or list(READOUTS)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in chosen}
    for index in range(len(images)):  # type: ignore[arg-type]
        image = images.pixels(index).astype(np.float64)  # type: ignore[attr-defined]
        for name in chosen:
            rows[name].append(READOUTS[name](image))
    return {name: np.array(found) for name, found in rows.items()}


def read(features: np.ndarray, labels: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """The accuracy of a linear probe out of fold, with its Wilson interval."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=3000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    right = int((cross_val_predict(model, features, labels, cv=folds) == labels).sum())
    ends = binomtest(right, len(labels)).proportion_ci(confidence, method="wilson")
    return right / len(labels), float(ends.low), float(ends.high)
