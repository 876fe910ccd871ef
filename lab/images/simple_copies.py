"""Are two simple pictures (a shape on a plain ground, a grating, a few strokes) the same?

They must agree without being moved, recoloured or lit much differently, else different drawings made from one template
would be taken for copies. Pictures that show more are compared in `copies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lab.images.copies import Thumbnails
from lab.images.image_signature import halved


@dataclass(frozen=True)
class Limits:
    """How unlike two simple pictures may be; differences are in standard deviations or gray levels."""

    correlation: float = 0.965
    block: float = 0.3
    pixel: float = 0.8
    fine_correlation: float = 0.6
    contrast: float = 1.6
    brightness: float = 48.0
    colour_mean: float = 8.0
    colour_most: float = 24.0


STRICT: Final = Limits()
LOOSE: Final = Limits(0.9, 0.6, 1.6, 0.3, 2.0, 64.0, 12.0, 36.0)
FINE: Final = 3.0  # gray levels: fine structure below this is noise


def nearly_equal(first: Thumbnails, second: Thumbnails, limits: Limits) -> np.ndarray:
    """Tell which of P pairs show one picture, lit a little differently or shifted by a pixel at most, bool `(P,)`."""
    coarse_a, coarse_b = _pooled(first.luma, 3), _pooled(second.luma, 3)
    z_a, z_b = _standardised(coarse_a), _standardised(coarse_b)
    difference = np.abs(z_a - z_b)
    blocks = np.abs(_pooled(z_a - z_b, 4))
    colour = np.abs(_pooled(first.colour, 3) - _pooled(second.colour, 3))
    contrast = coarse_a.std((1, 2)) / np.maximum(coarse_b.std((1, 2)), 1e-6)
    brightness = np.abs(coarse_a.mean((1, 2)) - coarse_b.mean((1, 2)))
    return np.asarray(
        ((z_a * z_b).mean((1, 2)) >= limits.correlation)
        & (blocks.max((1, 2)) <= limits.block)
        & (difference.max((1, 2)) <= limits.pixel)
        & (_fine_correlation(first.luma, second.luma) >= limits.fine_correlation)
        & (np.maximum(contrast, 1 / np.maximum(contrast, 1e-6)) <= limits.contrast)
        & (brightness <= limits.brightness)
        & (colour.mean((1, 2, 3)) <= limits.colour_mean)
        & (colour.max((1, 2, 3)) <= limits.colour_most)
    )


def _pooled(images: np.ndarray, factor: int) -> np.ndarray:
    *rest, height, width = images.shape
    blocks = images.reshape(*rest, height // factor, factor, width // factor, factor)
    return np.asarray(blocks.mean((-3, -1), dtype=np.float32))


def _standardised(images: np.ndarray) -> np.ndarray:
    centred = images - images.mean((1, 2), keepdims=True)
    return np.asarray(centred / np.maximum(centred.std((1, 2), keepdims=True), 1e-6))


def _fine_correlation(luma_a: np.ndarray, luma_b: np.ndarray) -> np.ndarray:
    """Correlate what is finer than 12 × 12; 1 where neither picture has anything as fine."""
    fine_a, fine_b = _fine(luma_a), _fine(luma_b)
    spread_a, spread_b = fine_a.std((1, 2)), fine_b.std((1, 2))
    correlation = (fine_a * fine_b).mean((1, 2)) / np.maximum(spread_a * spread_b, 1e-6)
    return np.where(np.maximum(spread_a, spread_b) < FINE, 1.0, correlation)


def _fine(luma: np.ndarray) -> np.ndarray:
    half = halved(luma)
    return np.asarray(half - _pooled(half, 4).repeat(4, axis=-2).repeat(4, axis=-1))
