"""Colours for drawings: a few palettes, and how parts draw from them.

Every part takes its own random colour, so that no class can be told by light on dark. Half of all drawings use the
negative of their palette: over many drawings every part then has the same mean colour, mid grey, whatever it covers.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

from lab.images.synthetic.canvas import Colour
from lab.images.synthetic.sampling import chance, pick

PALETTES: dict[str, tuple[str, ...]] = {
    "meadow": ("f6ebd0", "e8b04a", "d96c4a", "8c3b3b", "5e8c61", "2f4b4f", "a9c6a0", "3b2b2b"),
    "harbour": ("f2f0e6", "f4c95d", "e76f51", "2a9d8f", "264653", "8ab6c1", "c75146", "5b5f97"),
    "orchard": ("fff1e0", "ffb4a2", "e5687a", "6d597a", "355070", "b7c68b", "7a9e7e", "2b2d42"),
    "dusk": ("f7e3d4", "f0a6a0", "c66b8e", "7b4b94", "3c2a5d", "5fa8d3", "9ad1d4", "efc75e"),
    "forest": ("f3ead3", "d9a05b", "a65e2e", "5b3a29", "7a8b4f", "3f5e3a", "b8c9a3", "d1495b"),
    "shore": ("eaf4f4", "a9d6e5", "468faf", "014f86", "1b2a41", "f4a261", "e9c46a", "d9775f"),
}
"""Eight colours each, chosen so that any of them may lie beside any other."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def random_palette(rng: np.random.Generator) -> tuple[str, bool, list[Colour]]:
    """Return a palette's name, whether it is its negative, and its colours."""
    name, negative = pick(rng, tuple(PALETTES)), chance(rng)
    colours = [np.array(list(bytes.fromhex(code)), dtype=np.float32) for code in PALETTES[name]]
    return name, negative, [255 - colour for colour in colours] if negative else colours


def contrast(a: Colour, b: Colour) -> float:
    """Return how far apart two colours look, 0 to about 1.3: lightness first, then hue. Same for their negatives."""
    difference = (a - b) / 255
    lightness = float(difference @ _LUMA)
    return abs(lightness) + 0.4 * float(np.linalg.norm(difference - lightness))


def choose(rng: np.random.Generator, colours: Sequence[Colour], beside: Sequence[Colour], at_least: float) -> Colour:
    """Return a random colour at least so far from all it lies `beside`, or the farthest there is."""
    gaps = [min(contrast(colour, other) for other in beside) for colour in colours]
    far = [colour for colour, gap in zip(colours, gaps, strict=True) if gap >= at_least]
    return pick(rng, far or [colours[int(np.argmax(gaps))]])


def hue(colour: Colour) -> float:
    """Return the hue in degrees, 0 to 360 (0 for greys)."""
    red, green, blue = (float(level) / 255 for level in colour)
    return 360 * colorsys.rgb_to_hsv(red, green, blue)[0]


def brightness(colour: Colour) -> float:
    """Return the brightness (luma), 0 to 1."""
    return float(colour @ _LUMA) / 255
