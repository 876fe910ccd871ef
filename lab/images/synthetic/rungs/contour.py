"""`drawn:contour`: dashed arcs that close into one contour, or the same arcs, each turned about by half a turn.

An arc that is turned by half a turn about its own middle keeps its place, its dashes, the mean of its angles and, to
the letter, the amplitude of its spectrum; it only no longer ends where the next one begins. Everything is dashed, so
that loose ends are everywhere and tell nothing. So closure differs, and nothing below. Difficulty lays more arcs about,
any number up to a greatest one.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.outlines import Point, Stroke
from lab.images.synthetic.rungs.ground import finished, ground, lerp, pair_of_tones
from lab.images.synthetic.sampling import around, at_most, between
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("closed", "open")
_PARTS = ("background", "strays", "contour")
_MOST_STRAYS = 18
_PITCH, _INKED = 0.06, 0.5  # from dash to dash, image widths, and the share of it that is inked
_STEPS = 4  # straight pieces that a dash is made of


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a closed (label 0) or an open contour (label 1) on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, between(rng, 80, 110))
    canvas = ground(rng, size, _PARTS, colour=behind)
    arcs, radius = 3 + at_most(rng, 1), between(rng, 0.18, 0.27)
    x, y, width = between(rng, 0.36, 0.64), between(rng, 0.36, 0.64), between(rng, 0.006, 0.009)
    turn, wobble = between(rng, 0, 2 * math.pi), between(rng, 0.04, 0.12)
    strays = round(lerp(4, _MOST_STRAYS, difficulty) * between(rng, 0, 1))
    for number in range(_MOST_STRAYS):
        place = (between(rng, 0.05, 0.95), between(rng, 0.05, 0.95))
        start, reach = between(rng, 0, 2 * math.pi), between(rng, 0.18, 0.27)
        if number < strays:
            stray = _arc((0.0, 0.0), reach, 0.0, (start, start + 2 * math.pi / arcs * 0.7), 0.0)
            _paint(canvas, "strays", _moved(stray, place), width, ink)
    cuts = [2 * math.pi * (number + around(rng, 0.1)) / arcs for number in range(arcs)]
    for start, end in zip(cuts, [*cuts[1:], cuts[0] + 2 * math.pi], strict=True):
        arc = _arc((x, y), radius, wobble, (start, end), turn)
        _paint(canvas, "contour", _turned(arc) if label else arc, width, ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "x": x, "y": y, "radius": radius, "arcs": float(arcs), "width": width * 2,
        "turn": math.degrees(turn), "wobble": wobble, "strays": float(strays),
        "turned about": bool(label),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "contour", "Drawn contours, closed or open", "Dashed arcs that close into a contour, or each turned about.",
    CLASSES, ("contour",), draw, decides="turned about", difficulty=0.45, group="ladder",
)  # fmt: skip


def _arc(centre: Point, radius: float, wobble: float, angles: tuple[float, float], turn: float) -> list[list[Point]]:
    """Return the dashes of an arc of a wobbly circle between two angles, each as points, evenly spaced."""
    start, end = angles
    count = max(2, round((end - start) * radius / _PITCH))
    step = (end - start) / count
    dashes = []
    for number in range(count):
        middle, half = start + (number + 0.5) * step, step * _INKED / 2
        along = [middle - half + 2 * half * part / _STEPS for part in range(_STEPS + 1)]
        reach = [radius * (1 + wobble * math.cos(3 * angle)) for angle in along]
        dashes.append(
            [
                (centre[0] + r * math.cos(angle + turn), centre[1] + r * math.sin(angle + turn))
                for r, angle in zip(reach, along, strict=True)
            ]
        )
    return dashes


def _middle(arc: list[list[Point]]) -> Point:
    points = [point for dash in arc for point in dash]
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _turned(arc: list[list[Point]]) -> list[list[Point]]:
    """Return an arc turned by half a turn about its middle."""
    x, y = _middle(arc)
    return [[(2 * x - px, 2 * y - py) for px, py in dash] for dash in arc]


def _moved(arc: list[list[Point]], place: Point) -> list[list[Point]]:
    """Return an arc whose middle is at a place."""
    x, y = _middle(arc)
    return [[(px - x + place[0], py - y + place[1]) for px, py in dash] for dash in arc]


def _paint(canvas: Canvas, part: str, arc: list[list[Point]], width: float, ink: Colour) -> None:
    for dash in arc:
        points = tuple((x * canvas.size, y * canvas.size) for x, y in dash)
        canvas.paint(part, Stroke(points, width * canvas.size, width * canvas.size), ink)
