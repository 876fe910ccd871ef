"""`drawn:contour`: the sides of a polygon that meet in its corners, or the same sides slid along themselves.

A side that slides along its own direction keeps its angle, its length and nearly all of its part of the spectrum; it
only no longer ends where the next one begins. So closure and corners differ, and nothing below. Difficulty makes the
slide shorter and lays more strokes about.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.outlines import Stroke
from lab.images.synthetic.rungs.ground import finished, ground, lerp, pair_of_tones
from lab.images.synthetic.sampling import around, at_most, between, chance, shuffled
from lab.images.synthetic.shapes import Side, closed
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("closed", "open")
_PARTS = ("background", "strays", "contour")
_MOST_STRAYS = 24


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a closed (label 0) or an open contour (label 1) on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, between(rng, 80, 110))
    canvas = ground(rng, size, _PARTS, colour=behind)
    corners, radius = 4 + at_most(rng, 2), between(rng, 0.17, 0.26)
    x, y, width = between(rng, 0.36, 0.64), between(rng, 0.36, 0.64), between(rng, 0.009, 0.014)
    turn, way = between(rng, 0, 2 * math.pi), (-1, 1)[chance(rng)]
    angles = [2 * math.pi * (corner + around(rng, 0.22)) / corners for corner in range(corners)]
    outline = [(radius * math.cos(angle), radius * math.sin(angle)) for angle in angles]
    slide = way * lerp(0.42, 0.1, difficulty) * between(rng, 0.85, 1.15)
    sides = [_slid(side, slide * label) for side in closed(x, y, outline, turn)]
    strays = [
        Side(between(rng, 0.05, 0.95), between(rng, 0.05, 0.95), between(rng, 0.06, 0.22), between(rng, 0, math.pi))
        for _ in range(_MOST_STRAYS)
    ]
    strokes = [("contour", side) for side in sides]
    strokes += [("strays", stray) for stray in strays[: round(lerp(2, _MOST_STRAYS, difficulty))]]
    for part, side in shuffled(rng, strokes):
        canvas.paint(part, Stroke(side.ends(size), width * size, width * size), ink)
    factors = {
        "class": CLASSES[label], "x": x, "y": y, "radius": radius, "corners": float(corners), "width": width * 2,
        "turn": math.degrees(turn), "slide": abs(slide * label),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "contour", "Drawn contours, closed or open", "The sides of a polygon, meeting in its corners or slid apart.",
    CLASSES, ("contour",), draw, decides="slide", difficulty=0.3, group="ladder",
)  # fmt: skip


def _slid(side: Side, share: float) -> Side:
    """Return a side moved along itself by a share of its length."""
    by = share * side.length
    return Side(side.x + by * math.cos(side.angle), side.y + by * math.sin(side.angle), side.length, side.angle)
