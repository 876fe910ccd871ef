"""Lays many pairs of small images over each other: the affine map, brightness and contrast that make them agree best.

A `warp`, shape `(P, 2, 3)`, says for every place of the second image where the first shows the same: places are
(x, y) from -1 to 1, left to right and top to bottom, and `warp @ (x, y, 1)` is the place in the first image.
Gauss-Newton steps with the mean of both gradients (Benhimane & Malis 2004), pixels that disagree weighing less.
"""

from __future__ import annotations

from typing import Final

import numpy as np

IDENTITY: Final = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_DISAGREEMENT: Final = 0.5  # standard deviations at which a pixel has half its weight
_DAMPING: Final = 1e-3
_LONGEST_STEP: Final = 0.15


def warped(images: np.ndarray, warps: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images `(P, S, S)` seen through warps `(P, 2, 3)`, float32 `(P, side, side)`, and where they have
    pixels, bool."""
    count, size = len(images), images.shape[-1]
    ticks = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    scaled = (warps * (size / 2)).astype(np.float32)[:, :, :, None, None]
    centre = np.float32(size / 2 - 0.5)
    column = scaled[:, 0, 0] * ticks + (scaled[:, 0, 1] * ticks[:, None] + (scaled[:, 0, 2] + centre))
    row = scaled[:, 1, 0] * ticks + (scaled[:, 1, 1] * ticks[:, None] + (scaled[:, 1, 2] + centre))
    # The outermost pixels may be mixed with a frame and count as outside.
    inside = (column >= 0.5) & (column <= size - 1.5) & (row >= 0.5) & (row <= size - 1.5)
    np.clip(column, 0, size - 1.001, out=column)
    np.clip(row, 0, size - 1.001, out=row)
    corner = row.astype(np.intp)
    row -= corner
    corner *= size
    left = column.astype(np.intp)
    column -= left
    corner += left
    corner += (np.arange(count) * size * size)[:, None, None]
    flat = images.astype(np.float32, copy=False).reshape(-1)
    upper = _between(flat, corner, column)
    corner += size
    lower = _between(flat, corner, column)
    lower -= upper
    lower *= row
    upper += lower
    return upper, inside


def aligned(first: np.ndarray, second: np.ndarray, warps: np.ndarray, steps: int) -> np.ndarray:
    """Return better warps for pairs of images, both float32 `(P, S, S)`, starting from `warps`."""
    side = second.shape[-1]
    x, y = _places(side)
    warps = warps.astype(np.float64)
    for _ in range(steps):
        seen, inside = warped(first, warps, side)
        one, other, error, weight = _compared(seen, second, inside)
        down, across = (0.5 * (a + b) for a, b in zip(_gradient(one), _gradient(other), strict=True))
        down, across = (g.reshape(len(first), -1) * (side / 2) for g in (down, across))
        basis = np.stack([across * x, across * y, across, down * x, down * y, down], axis=1)
        weighted = basis * weight[:, None]
        normal = weighted @ basis.transpose(0, 2, 1)
        ridge = _DAMPING * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-6
        right = (weighted @ error[..., None]).astype(np.float64)
        step = np.linalg.solve(normal.astype(np.float64) + ridge * np.eye(6), right)[..., 0]
        warps = composed(warps, np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(-1, 2, 3) + IDENTITY)
    return warps


def correlation(first: np.ndarray, second: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the correlation of images `(P, S, S)` over the pixels `inside`, `(P,)`."""
    weight = inside.reshape(len(first), -1).astype(np.float32)
    one, other = (_standardised(image.reshape(len(first), -1), weight) for image in (first, second))
    return np.asarray((one * other * weight).sum(1) / np.maximum(weight.sum(1), 1))


def composed(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the warps that first apply `inner`, then `outer`; both `(P, 2, 3)`."""
    return np.asarray(np.concatenate([outer[:, :, :2] @ inner[:, :, :2], outer[:, :, :2] @ inner[:, :, 2:]], 2)) + (
        np.pad(outer[:, :, 2:], ((0, 0), (0, 0), (2, 0)))
    )


def inverted(warps: np.ndarray) -> np.ndarray:
    """Return the warps `(P, 2, 3)` that undo these."""
    turn = np.linalg.inv(warps[:, :, :2])
    return np.concatenate([turn, -turn @ warps[:, :, 2:]], axis=2)


def _places(side: int) -> tuple[np.ndarray, np.ndarray]:
    ticks = (2 * np.arange(side, dtype=np.float32) + 1) / side - 1
    return np.tile(ticks, side), np.repeat(ticks, side)


def _between(flat: np.ndarray, corner: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the values between places `corner` and their right neighbours."""
    values, right = flat.take(corner), flat.take(corner + 1)
    right -= values
    right *= share
    values += right
    return np.asarray(values)


def _compared(
    seen: np.ndarray, second: np.ndarray, inside: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return both images standardised, `(P, S, S)`, and flat their difference and the weight of each pixel."""
    count = len(seen)
    weight = inside.reshape(count, -1).astype(np.float32)
    one = _standardised(seen.reshape(count, -1), weight)
    other = _standardised(second.reshape(count, -1), weight)
    error = other - one
    weight /= 1 + (error / _DISAGREEMENT) ** 2
    return one.reshape(seen.shape), other.reshape(seen.shape), error, weight


def _standardised(flat: np.ndarray, weight: np.ndarray) -> np.ndarray:
    total = np.maximum(weight.sum(1, keepdims=True), 1)
    centred = flat - (flat * weight).sum(1, keepdims=True) / total
    spread = np.sqrt((centred**2 * weight).sum(1, keepdims=True) / total)
    return np.asarray(centred / np.maximum(spread, 1e-6), dtype=np.float32)


def _gradient(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope down and across per pixel, central differences, 0 at the border."""
    down, across = np.zeros_like(images), np.zeros_like(images)
    down[:, 1:-1] = 0.5 * (images[:, 2:] - images[:, :-2])
    across[:, :, 1:-1] = 0.5 * (images[:, :, 2:] - images[:, :, :-2])
    return down, across
