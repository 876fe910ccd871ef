"""What a probe is trained on one side of and tested on the other: position, size, colouring, background.

Every drawing has a value of each; the two sides are the lower and the higher half of each class. A probe that was
trained on drawings at the left and is tested on drawings at the right is held against one that was trained and tested
on random halves, so that both learn from as many images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lab.images.synthetic.rungs.ground import LUMA
from lab.images.synthetic.types import Drawing

CHANGES = {
    "position": "from left to right, and back",
    "size": "from small to large figures, and back",
    "colouring": "from cold to warm pictures (red less blue), and back",
    "background": "from dark to light grounds (luma at the picture's edge), and back",
}
_SIZES = ("scale", "radius", "side", "length")  # the factors that say how large a figure is, of any rung
_BORDER = 1 / 16  # of the picture's width
RANDOM_HALVES = 4


def values_of(drawing: Drawing) -> np.ndarray:
    """Return where a drawing lies on each of `CHANGES`, `(4,)`; nan where its rung has no such factor."""
    pixels, edge = drawing.pixels, max(1, round(len(drawing.pixels) * _BORDER))
    inside = np.zeros(pixels.shape[:2], dtype=bool)
    inside[edge:-edge, edge:-edge] = True
    mean, ground = pixels.mean(axis=(0, 1)), pixels[~inside].mean(axis=0)
    size = next((drawing.factors[name] for name in _SIZES if name in drawing.factors), np.nan)
    found = (drawing.factors.get("x", np.nan), size, mean[0] - mean[2], ground @ LUMA)
    return np.array([float(value) for value in found])


def halves(values: np.ndarray, labels: np.ndarray, seed: int) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
    """Return the two sides of each change that the drawings have, and random halves `(RANDOM_HALVES, N)`, as 0 and 1.

    `values` `(N, 4)` are those of `values_of`; every class is halved by itself.
    """
    rng = np.random.default_rng((seed, 0x5ADE))
    known = {name: column for name, column in zip(CHANGES, values.T, strict=True) if np.isfinite(column).all()}
    sides = {name: _half(column, labels) for name, column in known.items() if np.ptp(column) > 0}
    mixed = [_half(rng.random(len(labels)), labels) for _ in range(RANDOM_HALVES)]
    return sides, np.stack(mixed)


def _half(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return 1 for the higher half of each class, else 0; the earlier of two equal values counts as lower."""
    found = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        found[own[np.argsort(values[own], kind="stable")[len(own) // 2 :]]] = 1
    return found
