"""What a map is compared with: other maps of the picture, its edges, its middle, what its parts must add up to.

Maps are `(h, w)` arrays; signed ones are compared by size. Similarity is Spearman's rank correlation, which asks only
which places stand out, not by how much.
"""

from __future__ import annotations

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Return the rank correlation of two maps' sizes, -1 to 1; 0 when one of them is the same everywhere."""
    from scipy.stats import rankdata

    ranks = [rankdata(np.abs(values).ravel()) for values in (one, other)]
    ranks = [rank - rank.mean() for rank in ranks]
    norm = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum()) / norm if norm > 0 else 0.0


def edge_map(pixels: np.ndarray) -> np.ndarray:
    """Return the size of the brightness' slope (Sobel) of uint8 pixels `(3, H, W)`: what needs no network at all."""
    from scipy import ndimage

    gray = np.tensordot(LUMA, pixels.astype(np.float64), axes=1)
    return np.hypot(ndimage.sobel(gray, axis=0), ndimage.sobel(gray, axis=1))


def centre_map(height: int, width: int) -> np.ndarray:
    """Return a map that falls off from the middle: what a photographer's habit alone would point at."""
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return np.exp(-2 * (rows**2 + columns**2))


def resized(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a map at another size: means over areas when it shrinks, straight lines between middles when it grows."""
    import torch
    from torch.nn.functional import interpolate

    image = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float64))[None, None]
    if height <= values.shape[0] and width <= values.shape[1]:
        return np.asarray(interpolate(image, (height, width), mode="area")[0, 0].numpy())
    return np.asarray(interpolate(image, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy())


def incompleteness(total: float, owed: float) -> float:
    """Return how far attributions miss what they should add up to, as a share of it; nan when that is nothing."""
    return abs(total - owed) / abs(owed) if abs(owed) > 1e-12 else float("nan")


def trouble(values: np.ndarray) -> str:
    """Return why a map cannot be read, "" if it can."""
    if not np.isfinite(values).all():
        return "it holds NaN or infinity"
    if not values.any():
        return "it is zero everywhere: no place speaks for this target"
    return "it is the same everywhere" if float(np.ptp(values)) == 0 else ""
