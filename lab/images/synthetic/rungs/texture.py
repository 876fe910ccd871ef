"""`drawn:texture`: a patch of overlapping leaves, or of noise with their spectrum and their levels.

The noise is a surrogate of the leaves (iterated amplitude-adjusted Fourier transform: Schreiber & Schmitz, Physical
Review Letters 77, 1996): the same levels, and the same amplitude at every frequency, so that only statistics of higher
order differ (Freeman et al., Nature Neuroscience 16, 2013, compare such pairs). Difficulty mixes noise into both.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from lab.images.synthetic.rungs.ground import clutter, finished, ground, pair_of_tones, random_patch
from lab.images.synthetic.sampling import at_most, between, chance
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("leaves", "noise")
_TILE = 256
_TILES = 6
_LEAVES = 420
_ROUNDS = 25
_SEED = 15


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw leaves (label 0) or noise of their spectrum (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size)
    clutter(rng, canvas)
    patch = random_patch(rng, size, least=0.2)
    number, other = at_most(rng, _TILES - 1), at_most(rng, _TILES - 1)
    turn, zoom, mirror = between(rng, 0, 2 * math.pi), between(rng, 0.8, 1.2), chance(rng)
    shift = (between(rng, 0, _TILE), between(rng, 0, _TILE), between(rng, 0, _TILE), between(rng, 0, _TILE))
    tile, noise = _pair(number)[label], _pair(other)[1]
    window = canvas.window(patch.outline)
    seen = _seen(*canvas.places(window), turn, zoom, mirror)
    main, added = _sampled(tile, seen, shift[:2]), _sampled(noise, seen, shift[2:])
    mixed = math.sqrt(1 - difficulty) * main + math.sqrt(difficulty) * added
    dark, light = pair_of_tones(rng, 90)
    colours = (dark + light) / 2 + mixed[:, :, None] * (light - dark) / 3.5
    canvas.blend("patch", window, canvas.cover(patch.outline, window), colours)
    factors = {
        "class": CLASSES[label], **patch.factors(), "turn": math.degrees(turn), "zoom": zoom, "mirror": mirror,
        "surrogate": bool(label),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "texture", "Drawn textures, leaves or noise", "Leaves, or noise of the same spectrum and levels.", CLASSES,
    ("patch",), draw, decides="surrogate", difficulty=0.45, group="ladder",
)  # fmt: skip


def _seen(x: np.ndarray, y: np.ndarray, turn: float, zoom: float, mirror: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return where places of the image, `(1, w)` and `(h, 1)`, are on a tile that is turned, scaled and mirrored."""
    x, y = (x - 0.5) * (-zoom if mirror else zoom) * _TILE, (y - 0.5) * zoom * _TILE
    return y * math.cos(turn) + x * math.sin(turn), x * math.cos(turn) - y * math.sin(turn)


def _sampled(tile: np.ndarray, seen: tuple[np.ndarray, np.ndarray], shift: tuple[float, ...]) -> np.ndarray:
    """Return a tile without an end at places of it, moved, `(h, w)`."""
    from scipy.ndimage import map_coordinates

    moved = [place + by for place, by in zip(seen, shift, strict=True)]
    return np.asarray(map_coordinates(tile, moved, order=1, mode="grid-wrap"))


@functools.cache
def _pair(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a tile of leaves and its surrogate, mean 0 and standard deviation 1, float32."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence((_SEED, number))))
    leaves = _leaves(rng)
    leaves = ((leaves - leaves.mean()) / leaves.std()).astype(np.float32)
    return leaves, _surrogate(leaves, rng)


def _leaves(rng: np.random.Generator) -> np.ndarray:
    """Return discs of any size over each other, on a tile without an end (dead leaves: Matheron 1968)."""
    tile = np.array(rng.random((_TILE, _TILE)))
    middles = np.arange(_TILE)
    for radius, x, y, level in rng.random((_LEAVES, 4)):
        reach = 5 / (1 - 0.96 * radius) ** 0.6
        dx = (middles - x * _TILE + _TILE / 2) % _TILE - _TILE / 2
        dy = (middles - y * _TILE + _TILE / 2) % _TILE - _TILE / 2
        rows, columns = np.abs(dy) < reach, np.abs(dx) < reach
        near = np.ix_(rows, columns)
        tile[near] = np.where(np.add.outer(dy[rows] ** 2, dx[columns] ** 2) < reach**2, level, tile[near])
    return tile


def _surrogate(tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return noise with the levels of `tile`, and with its spectrum as nearly as levels allow."""
    levels, amplitude = np.sort(tile, axis=None), np.abs(np.fft.rfft2(tile))
    found = tile.ravel()[np.argsort(rng.random(tile.size))].reshape(tile.shape)
    for _ in range(_ROUNDS):
        spectrum = np.fft.rfft2(found)
        shaped = np.fft.irfft2(amplitude * spectrum / np.maximum(np.abs(spectrum), 1e-12), s=tile.shape)
        ranked = np.empty(tile.size, dtype=np.float32)
        ranked[_ranking(shaped.ravel())] = levels
        found = ranked.reshape(tile.shape)
    return np.asarray(found, dtype=np.float32)


def _ranking(values: np.ndarray) -> np.ndarray:
    """Return what a stable `argsort` of float32 values, at most 65,536, returns, five times as fast.

    The bits of a float sort as integers once those of negative ones are turned round; the place in the lowest bits.
    """
    bits = (values + np.float32(0)).view(np.int32).astype(np.int64)  # -0 becomes 0
    keys = ((bits ^ ((bits >> 31) & 0x7FFFFFFF)) << 16) | np.arange(values.size)
    keys.sort()
    return keys & 0xFFFF
