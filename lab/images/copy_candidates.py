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

from lab.images.image_signature import SIDE

NEAREST: Final = 4  # candidates of one image
LEAST_LIKENESS: Final = 0.7
COARSE: Final = 12
_FINEST: Final = 8  # half waves a side
_BLOCK: Final = 512  # images whose likeness to all others is in memory at once

_Window = tuple[tuple[float, float], tuple[float, float]]  # across and down

# What a copy may leave of a side, from 0 to 1: all, a little or more off both ends or one end.
_WHOLE, _NARROW, _NARROWER, _SLIM = (0.0, 1.0), (0.06, 0.94), (0.12, 0.88), (0.17, 0.83)
_FIRST, _LAST = (0.0, 0.85), (0.15, 1.0)
WINDOWS: Final = (
    (_WHOLE, _WHOLE),
    (_NARROW, _NARROW),
    (_NARROWER, _NARROWER),
    *product((_FIRST, _LAST), (_FIRST, _LAST)),
    *product((_WHOLE,), (_FIRST, _LAST, _NARROWER, _SLIM)),
    *product((_FIRST, _LAST, _NARROWER, _SLIM), (_WHOLE,)),
)


def candidates(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places a and b `(P,)` of images that may be copies, and warps `(P, 2, 3)` that show a in b's place.

    luma: thumbnails `(N, 96, 96)`. Each pair comes once, as the direction that fits better.
    """
    count = len(luma)
    wholes, windows = _described(luma, WINDOWS[:1])[0], _described(luma, WINDOWS)
    found: dict[tuple[int, int], tuple[float, int, int, int]] = {}
    for start in range(0, count, _BLOCK):
        stop = min(start + _BLOCK, count)
        best = np.full((stop - start, count), -1, np.float32)
        which = np.zeros(best.shape, np.int8)
        for k, described in enumerate(windows):
            for mirrored in (0, 1):
                flip = _mirrored_signs() if mirrored else 1
                likeness = (described[start:stop] * flip) @ wholes.T
                better = likeness > best
                which[better] = 2 * k + mirrored
                np.maximum(best, likeness, out=best)
        best[np.arange(stop - start), np.arange(start, stop)] = -1
        keep = min(NEAREST, count)
        nearest = np.argpartition(-best, keep - 1, axis=1)[:, :keep]
        for row in range(stop - start):
            for b in nearest[row]:
                value = float(best[row, b])
                if value >= LEAST_LIKENESS:
                    a = start + row
                    key = (min(a, b), max(a, b))
                    if value > found.get(key, (-1.0,))[0]:
                        found[key] = value, a, int(b), int(which[row, b])
    rows = [found[key][1:] for key in sorted(found)]
    a, b, kind = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return a, b, _window_warps()[kind]


def _described(luma: np.ndarray, windows: Sequence[_Window]) -> list[np.ndarray]:
    found = []
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
    return np.float32(overlap / overlap.sum(1, keepdims=True))


@cache
def _cosines() -> np.ndarray:
    k, x = np.mgrid[:COARSE, :COARSE]
    return np.float32(np.cos(np.pi * k * (2 * x + 1) / (2 * COARSE)))


@cache
def _emphasis() -> np.ndarray:
    down, across = np.mgrid[:COARSE, :COARSE]
    waves = np.hypot(down, across)
    return np.float32(np.sqrt(waves) * (waves <= _FINEST))


@cache
def _mirrored_signs() -> np.ndarray:
    return np.float32(np.tile((-1.0) ** np.arange(COARSE), COARSE))


@cache
def _window_warps() -> np.ndarray:
    warps = []
    for across, down in WINDOWS:
        for sign in (1, -1):
            warps.append([[sign * (across[1] - across[0]), 0, sum(across) - 1], [0, down[1] - down[0], sum(down) - 1]])
    return np.array(warps)
