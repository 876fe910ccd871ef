"""`drawn:contour`: dashed arcs that close into one contour, or the same arcs as contours with a gap.

Every image holds the eight arcs of two rings, none of them turned. In one class the four arcs of a ring close and the
other four lie about; in the other class three arcs of either ring are joined and the two others lie about. So arcs,
their angles, joints (four), loose ends (eight) and pairs of arcs that do not belong to each other are as many in both,
each arc is at any place with the same chance, and everything is dashed. Closure differs, and nothing below. Difficulty
lays more arcs about, any number up to a greatest one.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.outlines import Point, Stroke
from lab.images.synthetic.rungs.ground import finished, ground, lerp, pair_of_tones
from lab.images.synthetic.sampling import around, between
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("closed", "open")
_PARTS = ("background", "strays", "contour")
_ARCS = 4  # of a ring
_MOST_STRAYS = 12
_PITCH, _INKED = 0.045, 0.65  # from dash to dash, image widths, and the share of it that is inked
_STEPS = 4  # straight pieces that a dash is made of
_MARGIN = 0.03

Dashes = list[list[Point]]
"""Dashes, each as points (image widths)."""


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a closed (label 0) or an open contour (label 1) on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, between(rng, 80, 110))
    canvas = ground(rng, size, _PARTS, colour=behind)
    radius, wobble, width = between(rng, 0.12, 0.18), between(rng, 0.04, 0.12), between(rng, 0.009, 0.014)
    edge = _MARGIN + radius * (1 + wobble)
    strays = round(lerp(0, _MOST_STRAYS, difficulty) * between(rng, 0, 1))
    for number in range(_MOST_STRAYS):
        arc, place = _ring(rng, radius, wobble)[0], _place(rng, edge)
        if number < strays:
            _paint(canvas, "strays", arc, place, width, ink)
    one, other = _ring(rng, radius, wobble), _ring(rng, radius, wobble)
    places = [_place(rng, edge) for _ in range(5)]
    pieces = [one[:3], other[:3], one[3:], other[3:]] if label else [one, *([arc] for arc in other)]
    for piece, place in zip(pieces, places, strict=False):
        for arc in piece:
            _paint(canvas, "contour" if len(piece) > 1 else "strays", arc, place, width, ink)
    x, y = places[0]
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "x": x, "y": y, "radius": radius, "width": width * 2, "wobble": wobble,
        "strays": float(strays), "closed": not label,
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "contour", "Drawn contours, closed or open", "The same arcs: four close into a ring, or two rings lack one each.",
    CLASSES, ("strays", "contour"), draw, decides="closed", difficulty=0.0, group="ladder", version=2,
)  # fmt: skip


def _ring(rng: np.random.Generator, radius: float, wobble: float) -> list[Dashes]:
    """Return the arcs of a wobbly ring about (0, 0), cut and turned at random."""
    turn = between(rng, 0, 2 * math.pi)
    cuts = [2 * math.pi * (number + around(rng, 0.1)) / _ARCS for number in range(_ARCS)]
    ends = [*cuts[1:], cuts[0] + 2 * math.pi]
    return [_arc(radius, wobble, start, end, turn) for start, end in zip(cuts, ends, strict=True)]


def _arc(radius: float, wobble: float, start: float, end: float, turn: float) -> Dashes:
    """Return the dashes of an arc of a wobbly circle between two angles, evenly spaced."""
    count = max(2, round((end - start) * radius / _PITCH))
    step = (end - start) / count
    dashes = []
    for number in range(count):
        middle, half = start + (number + 0.5) * step, step * _INKED / 2
        along = [middle - half + 2 * half * part / _STEPS for part in range(_STEPS + 1)]
        reach = [radius * (1 + wobble * math.cos(3 * angle)) for angle in along]
        dashes.append([(r * math.cos(a + turn), r * math.sin(a + turn)) for r, a in zip(reach, along, strict=True)])
    return dashes


def _place(rng: np.random.Generator, edge: float) -> Point:
    """Return where the middle of an arc's ring may be, so that the whole ring would be in the image."""
    return between(rng, edge, 1 - edge), between(rng, edge, 1 - edge)


def _paint(canvas: Canvas, part: str, arc: Dashes, place: Point, width: float, ink: Colour) -> None:
    for dash in arc:
        points = tuple(((x + place[0]) * canvas.size, (y + place[1]) * canvas.size) for x, y in dash)
        canvas.paint(part, Stroke(points, width * canvas.size, width * canvas.size), ink)
