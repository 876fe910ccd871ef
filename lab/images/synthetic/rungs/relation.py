"""`drawn:relation`: two blobs of the same shape, or of different shapes.

After Fleuret et al. (PNAS 108, 2011). Each blob by itself is drawn from the same shapes in both classes: its area, its
corners, its colour and its place say nothing. Difficulty turns one of them.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.outlines import Frame, Point
from lab.images.synthetic.rungs.ground import clutter, finished, ground, random_tone
from lab.images.synthetic.sampling import around, between, shuffled
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("same", "different")
_PARTS = ("background", "clutter", "first", "second")
_CORNERS = 7
_PLACES = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73))


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw two blobs of the same (label 0) or of different shapes (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size, _PARTS, colour=random_tone(rng, spread=12))
    clutter(rng, canvas, 5)
    shapes = [_blob(rng), _blob(rng)]
    second = shapes[label]
    scale, turn = between(rng, 0.14, 0.17), around(rng, math.pi * difficulty)
    places = [(x + around(rng, 0.05), y + around(rng, 0.05)) for x, y in shuffled(rng, _PLACES)[:2]]
    inks = [random_tone(rng, spread=20) + np.float32(sign * 60) for sign in shuffled(rng, (-1, 1))]
    for part, shape, (x, y), ink, angle in zip(
        ("first", "second"), (shapes[0], second), places, inks, (0.0, turn), strict=True
    ):
        frame = Frame((x * size, y * size), scale * size, angle)
        canvas.paint(part, frame.polygon(shape, 0.06), ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "same": not label, "scale": scale, "turn": math.degrees(turn),
        "x": places[0][0], "y": places[0][1], "second x": places[1][0], "second y": places[1][1],
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "relation", "Drawn pairs, same or different", "Two blobs of the same shape, or of different shapes.", CLASSES,
    ("second",), draw, decides="same", difficulty=0.0, group="ladder",
)  # fmt: skip


def _blob(rng: np.random.Generator) -> list[Point]:
    """Return the corners of a random star-shaped blob about (0, 0) whose area is that of a disc of radius 0.8."""
    start = between(rng, 0, 2 * math.pi)
    polar = [(start + 2 * math.pi * (k + around(rng, 0.25)) / _CORNERS, between(rng, 0.35, 1)) for k in range(_CORNERS)]
    corners = [(radius * math.cos(angle), radius * math.sin(angle)) for angle, radius in polar]
    turned = corners[1:] + corners[:1]
    area = sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(corners, turned, strict=True)) / 2
    grown = 0.8 * math.sqrt(math.pi / area)
    return [(x * grown, y * grown) for x, y in corners]
