"""`drawn:count`: three or four light worms, among dark ones that make them seven.

Three light ones and four dark ones, or four light ones and three dark ones: but for which are light, both classes are
the same, so that ends, lengths, area and outlines of all there is tell nothing. Either kind has a contrast, a width and
a total length of its own, and the kind of three one dot more than it would have: a dot is two round ends without a
worm between them, so that either kind has as many ends and as much area whatever the class. How a length is shared out,
where the worms lie, which lies above and how they bend is random. Difficulty shares the lengths out less evenly.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Colour
from lab.images.synthetic.outlines import Ellipse, Point, Stroke
from lab.images.synthetic.rungs.ground import MIDDLE, clutter, finished, ground, tone
from lab.images.synthetic.sampling import around, at_most, between, shuffled
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("three", "four")
_PARTS = ("background", "clutter", "dots", "worms")
_ALL = 7
_CELL, _ASTRAY = 0.27, 0.09  # between the middles of cells, and from there to a worm's, image widths
_BETWEEN = (-1.5 * _CELL, -0.5 * _CELL, 0.5 * _CELL, 1.5 * _CELL)  # middles of dots, between the cells
_JOINTS = 6
_MOST_DOTS = 4  # of either kind, beside the one that makes up for a fourth worm
_CONTRAST = (30.0, 60.0)  # levels from the ground to either kind of worm, at least and at most
_UNEVEN = 0.6  # at the greatest difficulty lengths are within so much of their mean


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw three (label 0) or four light worms (label 1) on a square of `size` pixels."""
    middle = MIDDLE + around(rng, 24)
    canvas = ground(rng, size, _PARTS, colour=_tone(rng, middle))
    clutter(rng, canvas, 5)
    count, inks, totals, widths, dots = 3 + label, [], [], [], []
    for sign in (1, -1):
        inks.append(_tone(rng, middle + sign * between(rng, *_CONTRAST)))
        totals.append(between(rng, 0.5, 0.76))
        widths.append(between(rng, 0.014, 0.022))
        dots.append(at_most(rng, _MOST_DOTS))
    shares = [1 + around(rng, _UNEVEN * difficulty) for _ in range(_ALL)]
    worms = []
    for kind, own in enumerate((shares[:count], shares[count:])):
        worms += [(inks[kind], widths[kind] * size, totals[kind] * share / sum(own)) for share in own]
    # A grid that is turned: on a fixed one, four short worms would lie on some pixels more than three long ones do.
    cells = shuffled(rng, [(column, row) for column in (-_CELL, 0, _CELL) for row in (-_CELL, 0, _CELL)])
    turn, places = between(rng, 0, math.pi / 2), []
    corners = [(column, row) for column in _BETWEEN for row in _BETWEEN]
    spots = [_placed(rng, cell, turn, _ASTRAY / 3) for cell in shuffled(rng, corners)]
    kinds = [0] * (dots[0] + 1 - label) + [1] * (dots[1] + label)
    for kind, spot in zip(kinds, spots, strict=False):
        radius = widths[kind] * size
        canvas.paint("dots", Ellipse((spot[0] * size, spot[1] * size), (radius, radius)), inks[kind])
    for cell, (ink, width, length) in zip(cells, shuffled(rng, worms), strict=False):
        x, y = _placed(rng, cell, turn, _ASTRAY)
        places.append((x, y))
        joints = _worm(x, y, length, between(rng, 0, math.pi), around(rng, 2.0))
        canvas.paint("worms", Stroke(tuple((px * size, py * size) for px, py in joints), width, width), ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "count": float(count), "ground": middle, "x": places[0][0], "y": places[0][1],
        "turn": math.degrees(turn), "light length": totals[0], "light width": widths[0], "dark length": totals[1],
        "dark width": widths[1], "dots": float(sum(dots) + 1),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "count", "Drawn worms, three or four light ones", "Three or four light worms among dark ones, seven in all.",
    CLASSES, ("dots", "worms"), draw, decides="count", difficulty=0.3, group="ladder", version=2,
)  # fmt: skip


def _placed(rng: np.random.Generator, cell: Point, turn: float, astray: float) -> Point:
    """Return a place about a cell of a grid that is turned about the middle of the image."""
    x = 0.5 + cell[0] * math.cos(turn) - cell[1] * math.sin(turn) + around(rng, astray)
    return x, 0.5 + cell[0] * math.sin(turn) + cell[1] * math.cos(turn) + around(rng, astray)


def _tone(rng: np.random.Generator, luma: float) -> Colour:
    return tone(luma, between(rng, 0, 30), between(rng, 0, 2 * math.pi))


def _worm(x: float, y: float, length: float, angle: float, bend: float) -> list[tuple[float, float]]:
    """Return the joints of a bent stroke about (x, y), `bend` radians from end to end."""
    step, points = length / _JOINTS, [(0.0, 0.0)]
    for joint in range(_JOINTS):
        heading = angle + bend * ((joint + 0.5) / _JOINTS - 0.5)
        points.append((points[-1][0] + step * math.cos(heading), points[-1][1] + step * math.sin(heading)))
    middle = (sum(px for px, _ in points) / len(points), sum(py for _, py in points) / len(points))
    return [(px - middle[0] + x, py - middle[1] + y) for px, py in points]
