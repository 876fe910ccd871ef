"""Which pairs of images may be copies: for every image the few others that look most like it or like a part of it.

Every image is described coarsely as a whole, and through windows as a crop or a frame would leave it, also mirrored;
all wholes are compared with all windows by matrix products. What is found is verified elsewhere (`copies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Final

import numpy as np

from lab.images.image_signature import SIDE, Rows

NEAREST: Final = 4  # candidates of one image
LEAST_LIKENESS: Final = 0.7
COARSE: Final = 12
_FINEST: Final = 8  # half waves a side
_BLOCK: Final = 512  # images whose likeness to all others is in memory at once

_Window = tuple[tuple[float, float], tuple[float, float]]  # across and down

# What a copy may leave of a side, from 0 to 1: all, a little or more off both ends or one end.
_WHOLE, _NARROW, _NARROWER, _SLIM = (0.0, 1.0), (0.045, 0.955), (0.09, 0.91), (0.17, 0.83)
_FIRST, _LAST = (0.0, 0.85), (0.15, 1.0)
WINDOWS: Final = (
    (_WHOLE, _WHOLE),
    (_NARROW, _NARROW),
    (_NARROWER, _NARROWER),
    *product((_FIRST, _LAST), (_FIRST, _LAST)),
    *product((_WHOLE,), (_FIRST, _LAST, _NARROWER, _SLIM)),
    *product((_FIRST, _LAST, _NARROWER, _SLIM), (_WHOLE,)),
)


def candidates(luma: Rows | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places a and b `(P,)` of images that may be copies, and warps `(P, 2, 3)` that show a in b's place.

    luma: thumbnails `(N, 96, 96)`. Each pair comes once, as the direction that fits better.
    """
    count = len(luma)
    wholes = _described(luma, WINDOWS[:1])[0]
    found: dict[tuple[int, int], tuple[float, int, int, int]] = {}
    for start in range(0, count, _BLOCK):
        likeness, which = _likeness(wholes, _described(luma[start : start + _BLOCK], WINDOWS))
        own = np.arange(len(likeness))
        likeness[own, own + start] = -1
        nearest = np.argpartition(-likeness, min(NEAREST, count) - 1, axis=1)[:, :NEAREST]
        for row, near in enumerate(nearest.tolist()):
            for b in near:
                value, pair = float(likeness[row, b]), (min(start + row, b), max(start + row, b))
                if value >= LEAST_LIKENESS and value > found.get(pair, (-1.0,))[0]:
                    found[pair] = value, start + row, b, int(which[row, b])
    rows = np.array([found[pair][1:] for pair in sorted(found)], dtype=np.int64).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], _window_warps()[rows[:, 2]]


def _likeness(wholes: np.ndarray, windows: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return how like the best window of each of B images is to each of N wholes, and which it is, both `(B, N)`."""
    best = np.full((len(windows[0]), len(wholes)), -1, np.float32)
    which = np.zeros(best.shape, np.int8)
    for k, described in enumerate(windows):
        for mirrored, signs in enumerate((np.float32(1), _mirrored_signs())):
            likeness = (described * signs) @ wholes.T
            which[likeness > best] = 2 * k + mirrored
            np.maximum(best, likeness, out=best)
    return best, which


def _described(luma: Rows | np.ndarray, windows: Sequence[_Window]) -> list[np.ndarray]:
    """Return per window the coarse waves of each image in it, unit vectors `(N, 144)`."""
    if len(luma) > _BLOCK:  # in floats all of them at once would take more memory than anything else
        parts = [_described(luma[start : start + _BLOCK], windows) for start in range(0, len(luma), _BLOCK)]
        return [np.concatenate(of_window) for of_window in zip(*parts, strict=True)]
    luma, found = luma[:], []
    for across, down in windows:
        small = _averaging(*down) @ luma.astype(np.float32) @ _averaging(*across).T
        flat = small - small.mean((1, 2), keepdims=True)
        waves = (_cosines() @ flat @ _cosines().T) * _emphasis()
        waves = waves.reshape(len(luma), -1)
        found.append(waves / np.maximum(np.linalg.norm(waves, axis=1, keepdims=True), 1e-6))
    return found


@cache
def _averaging(low: float, high: float) -> np.ndarray:
    """Return the matrix `(12, 96)` that averages a part of a side down to 12 pixels."""
    edges = np.linspace(low, high, COARSE + 1) * SIDE
    pixels = np.arange(SIDE)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    overlap = np.maximum(overlap, 0)
    return np.asarray(overlap / overlap.sum(1, keepdims=True), dtype=np.float32)


@cache
def _cosines() -> np.ndarray:
    k, x = np.mgrid[:COARSE, :COARSE]
    return np.asarray(np.cos(np.pi * k * (2 * x + 1) / (2 * COARSE)), dtype=np.float32)


@cache
def _emphasis() -> np.ndarray:
    down, across = np.mgrid[:COARSE, :COARSE]
    waves = np.hypot(down, across)
    return np.asarray(np.sqrt(waves) * (waves <= _FINEST), dtype=np.float32)


@cache
def _mirrored_signs() -> np.ndarray:
    return np.tile(np.float32(-1) ** np.arange(COARSE, dtype=np.float32), COARSE)


@cache
def _window_warps() -> np.ndarray:
    warps = []
    for across, down in WINDOWS:
        for sign in (1, -1):
            warps.append([[sign * (across[1] - across[0]), 0, sum(across) - 1], [0, down[1] - down[0], sum(down) - 1]])
    return np.array(warps)
