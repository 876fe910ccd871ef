"""Paint outlines on an image, and remember which part every pixel shows.

A canvas starts as background and is painted from back to front. Coverage of a pixel is read off the signed distance,
so edges are smooth at no extra resolution; a pixel belongs to the last part that covers at least half of it, so
parts never overlap and together fill the image. Choosing shapes and colours is not done here.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from lab.images.synthetic.outlines import Outline
from lab.images.synthetic.sampling import at_most, chance

Colour = np.ndarray
"""Red, green, blue as float32, shape `(3,)`, 0 to 255."""

Window = tuple[slice, slice]
"""Rows and columns of an image."""

_GRAIN_TILE = 512
_GRAIN_SEED = 20
_PINK_SHARE = 0.75


class Canvas:
    """A square image in the making; `parts` names what can be painted, the first of them being the background."""

    def __init__(self, size: int, colour: Colour, parts: tuple[str, ...], *, slope: float = 0.0) -> None:
        self.size = size
        self.parts = parts
        self.owner = np.zeros((size, size), dtype=np.uint8)
        self._index = {part: index for index, part in enumerate(parts)}
        self._centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
        self._pixels = np.empty((size, size, 3), dtype=np.float32)
        self._pixels[:] = colour + _ramp(size, slope)

    def paint(
        self,
        part: str,
        outline: Outline,
        colour: Colour,
        *,
        slope: float = 0.0,
        within: Outline | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Paint `outline` in `colour`, `slope` levels lighter at its top and darker at its bottom.

        `within` keeps the paint inside another outline; paint below half `opacity` tints what it covers
        and leaves the pixels to their part.
        """
        rows, columns = self.window(outline)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        x, y = self._centres[None, columns], self._centres[rows, None]
        cover = _coverage(outline.distance(x, y))
        if within is not None:
            np.minimum(cover, _coverage(within.distance(x, y)), out=cover)
        if opacity >= 0.5:
            self.owner[rows, columns][cover >= 0.5] = self._index[part]
        if opacity < 1:
            cover *= np.float32(opacity)
        under = self._pixels[rows, columns]
        target = colour + _ramp(rows.stop - rows.start, slope)
        under += cover[:, :, None] * (target - under)

    def window(self, outline: Outline) -> Window:
        """Return the rows and columns around an outline, those in the image."""
        left, top, right, bottom = outline.bounds()
        rows = slice(max(0, math.floor(top - 1)), min(self.size, math.ceil(bottom + 1)))
        return rows, slice(max(0, math.floor(left - 1)), min(self.size, math.ceil(right + 1)))

    def places(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return the middles of a window's pixels in image widths, columns `(1, w)` and rows `(h, 1)`."""
        middles = self._centres / np.float32(self.size)
        return middles[None, window[1]], middles[window[0], None]

    def cover(self, outline: Outline, window: Window) -> np.ndarray:
        """Return the share of each pixel of a window inside an outline, float32 `(h, w)`."""
        return _coverage(outline.distance(self._centres[None, window[1]], self._centres[window[0], None]))

    def blend(self, part: str, window: Window, cover: np.ndarray, colour: np.ndarray, *, owned: float = 0.5) -> None:
        """Blend `colour`, `(3,)` or one a pixel `(h, w, 3)`, over a window by `cover`, `(h, w)` from 0 to 1.

        Pixels that are covered by `owned` or more belong to `part`.
        """
        self.owner[window][cover >= owned] = self._index[part]
        under = self._pixels[window]
        under += cover[:, :, None] * (colour - under)

    def grain(self, rng: np.random.Generator, strength: float) -> None:
        """Add paper grain with a standard deviation of `strength` levels, the same in the three channels."""
        tile = _grain_tile()
        rows = (np.arange(self.size) + at_most(rng, _GRAIN_TILE - 1)) % _GRAIN_TILE
        columns = (np.arange(self.size) + at_most(rng, _GRAIN_TILE - 1)) % _GRAIN_TILE
        patch = tile[rows[:: -1 if chance(rng) else 1, None], columns[None, :: -1 if chance(rng) else 1]]
        patch = patch.T if chance(rng) else patch
        self._pixels += (patch * np.float32(strength))[:, :, None]

    def finish(self) -> np.ndarray:
        """Return the image, uint8 `(S, S, 3)`."""
        return (np.clip(self._pixels, 0, 255) + np.float32(0.5)).astype(np.uint8)


def _coverage(distance: np.ndarray) -> np.ndarray:
    """Return the share of each pixel inside an outline, taking the outline as straight within the pixel."""
    np.subtract(np.float32(0.5), distance, out=distance)
    np.maximum(distance, 0, out=distance)
    return np.minimum(distance, 1, out=distance)


def _ramp(rows: int, slope: float) -> np.ndarray:
    """Return levels from `+slope` at the top to `-slope` at the bottom, float32 `(rows, 1, 1)`; its mean is 0."""
    return np.linspace(slope, -slope, rows, dtype=np.float32)[:, None, None]


@functools.cache
def _grain_tile() -> np.ndarray:
    """Return a periodic tile of noise, mean 0 and standard deviation 1: mostly 1/f, which looks alike at any size.

    Noise by FFT for every image would cost more than everything else in it; one tile, moved at random, is as good.
    """
    rng = np.random.Generator(np.random.PCG64(_GRAIN_SEED))
    white = np.array(rng.random((2, _GRAIN_TILE, _GRAIN_TILE)) - 0.5)
    across, down = np.fft.rfftfreq(_GRAIN_TILE)[None, :], np.fft.fftfreq(_GRAIN_TILE)[:, None]
    radius = np.hypot(across, down)
    radius[0, 0] = np.inf
    pink = np.fft.irfft2(np.fft.rfft2(white[0]) / radius, s=white[0].shape)
    mixed = math.sqrt(_PINK_SHARE) * pink / pink.std() + math.sqrt(1 - _PINK_SHARE) * white[1] / white[1].std()
    return (mixed / mixed.std()).astype(np.float32)
