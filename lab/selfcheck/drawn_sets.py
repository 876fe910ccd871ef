"""Image sets made here whose right answer is known, uint8 `(N, 224, 224, 3)` with labels in turn."""

from __future__ import annotations

import numpy as np

from lab.images import ImageSet
from lab.selfcheck.pipeline import image_set

SIDE = 224
COUNT = 100


def texture(seed: int = 1) -> ImageSet:
    """Oriented noise at 35 or 60 degrees of random colour and contrast: the first layer reads it."""
    rng = np.random.default_rng(seed)
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    radius, angle = np.hypot(fx, fy), np.arctan2(fy, fx)
    labels = np.arange(COUNT) % 2
    pictures = []
    for steep in labels:
        turn = np.deg2rad(60 if steep else 35) + rng.normal(0, 0.06)
        band = np.exp(-(((radius - 0.12) / 0.04) ** 2)) * np.exp(-((np.sin(angle - turn) / 0.25) ** 2))
        grain = np.real(np.fft.ifft2(np.fft.fft2(rng.standard_normal((SIDE, SIDE))) * band))
        grain /= grain.std()
        pictures.append(rng.uniform(90, 160, 3) + grain[..., None] * rng.uniform(20, 35) * rng.uniform(0.7, 1.3, 3))
    return image_set("texture", _bytes(pictures), labels, ("flat", "steep"))


def position(seed: int = 2) -> ImageSet:
    """One disc, high or low, on noise: raw pixels and an untrained network read it as well as a trained one."""
    rng = np.random.default_rng(seed)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    labels = np.arange(COUNT) % 2
    pictures = []
    for low in labels:
        y, x = rng.integers(120, 200, 2) if low else rng.integers(24, 104, 2)
        coarse = rng.uniform(0, 255, (14, 14, 3)).repeat(SIDE // 14, axis=0).repeat(SIDE // 14, axis=1)
        picture = coarse * 0.5 + 64
        picture[(rows - y) ** 2 + (columns - x) ** 2 < 22**2] = [230, 60, 40]
        pictures.append(picture)
    return image_set("position", _bytes(pictures), labels, ("high left", "low right"))


def _bytes(pictures: list[np.ndarray]) -> np.ndarray:
    return np.clip(np.stack(pictures), 0, 255).astype(np.uint8)
