"""`drawn:contour`: short strokes that join into a closed contour, or the same strokes with their angles dealt anew.

After Field, Hayes & Hess (Vision Research 33, 1993). Both classes have the same strokes at the same places with the
same angles; only which angle is at which place differs, so neither orientations nor spectrum tell them apart.
Difficulty turns every stroke away from the contour at random.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.outlines import Stroke
from lab.images.synthetic.rungs.ground import finished, ground, pair_of_tones
from lab.images.synthetic.sampling import around, between, pick, shuffled
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("closed", "broken")
_PARTS = ("background", "strays", "contour")
_STROKES = 16
_STRAYS = 30
_GRID = 7
_LENGTH, _HALF_WIDTH = 0.034, 0.0075  # half a stroke's length and width, image widths
_SPREAD = 1.2  # radians either way at the greatest difficulty


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a closed (label 0) or a broken contour (label 1) among strays on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, 100)
    canvas = ground(rng, size, _PARTS, colour=behind)
    other = ink + around(rng, 20)
    radius, wobble = between(rng, 0.2, 0.28), between(rng, 0.05, 0.2)
    x, y = between(rng, radius + 0.08, 0.92 - radius), between(rng, radius + 0.08, 0.92 - radius)
    start, bump = between(rng, 0, 2 * math.pi), between(rng, 0, 2 * math.pi)
    around_it = [start + 2 * math.pi * number / _STROKES for number in range(_STROKES)]
    along = [angle + math.pi / 2 + _lean(angle - bump, wobble) for angle in around_it]
    angles = [angle + around(rng, _SPREAD * difficulty) for angle in along]
    anew = shuffled(rng, angles)
    for place, angle in zip(around_it, (angles, anew)[label], strict=True):
        reach = radius * (1 + wobble * math.cos(2 * (place - bump)))
        middle = (x + reach * math.cos(place), y + reach * math.sin(place))
        _stroke(canvas, "contour", middle, angle, pick(rng, (ink, other)))
    _strays(rng, canvas, (x, y, radius), (ink, other))
    factors = {
        "class": CLASSES[label], "x": x, "y": y, "radius": radius, "wobble": wobble, "start": math.degrees(start),
        "bump": math.degrees(bump), "dealt anew": bool(label),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "contour", "Drawn contours, closed or broken", "Strokes that join into a contour, or the same with other angles.",
    CLASSES, ("contour",), draw, decides="dealt anew", difficulty=0.2, group="ladder",
)  # fmt: skip


def _lean(angle: float, wobble: float) -> float:
    """Return how far the contour turns from the circle at an angle from its bump."""
    return math.atan2(2 * wobble * math.sin(2 * angle), 1 + wobble * math.cos(2 * angle))


def _stroke(canvas: Canvas, part: str, middle: tuple[float, float], angle: float, colour: Colour) -> None:
    dx, dy = math.cos(angle) * _LENGTH, math.sin(angle) * _LENGTH
    ends = (
        ((middle[0] - dx) * canvas.size, (middle[1] - dy) * canvas.size),
        (
            (middle[0] + dx) * canvas.size,
            (middle[1] + dy) * canvas.size,
        ),
    )
    canvas.paint(part, Stroke(ends, _HALF_WIDTH * canvas.size, _HALF_WIDTH * canvas.size), colour)


def _strays(
    rng: np.random.Generator, canvas: Canvas, contour: tuple[float, float, float], inks: tuple[Colour, Colour]
) -> None:
    """Paint strokes at every angle away from the contour, one a cell."""
    x, y, radius = contour
    cells = shuffled(rng, [(column, row) for column in range(_GRID) for row in range(_GRID)])
    for column, row in cells[:_STRAYS]:
        middle = ((column + 0.5 + around(rng, 0.3)) / _GRID, (row + 0.5 + around(rng, 0.3)) / _GRID)
        angle, ink = between(rng, 0, math.pi), pick(rng, inks)
        if abs(math.hypot(middle[0] - x, middle[1] - y) - radius) > 0.11:
            _stroke(canvas, "strays", middle, angle, ink)
