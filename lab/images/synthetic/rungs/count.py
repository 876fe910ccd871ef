"""`drawn:count`: three or four orange worms, among blue ones that make them seven.

Three orange ones and four blue ones, or four orange ones and three blue ones. Both kinds are equally light and of equal
chroma, and a kind's length and width do not depend on how many share them: so in black and white both classes are the
same, and in colour both hold as much of each hue. How a length is shared out, where the worms lie, which lies above and
how they bend is random. Difficulty shares the lengths out less evenly.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.outlines import Stroke
from lab.images.synthetic.rungs.ground import MIDDLE, clutter, finished, ground, tone
from lab.images.synthetic.sampling import around, between, chance, shuffled
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("three", "four")
_PARTS = ("background", "clutter", "worms")
_ALL = 7
_CELL, _ASTRAY = 0.27, 0.09  # between the middles of cells, and from there to a worm's, image widths
_JOINTS = 6
_CONTRAST = (40.0, 65.0)  # levels of luma from the ground to the worms, at least and at most
_CHROMA = (30.0, 45.0)
_UNEVEN = 0.6  # at the greatest difficulty lengths are within so much of their mean


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw three (label 0) or four orange worms (label 1) on a square of `size` pixels."""
    middle = MIDDLE + around(rng, 24)
    behind = tone(middle, between(rng, 0, 15), between(rng, 0, 2 * math.pi))
    canvas = ground(rng, size, _PARTS, colour=behind)
    clutter(rng, canvas, 5, chroma=15)
    luma = middle + between(rng, *_CONTRAST) * (1 if chance(rng) else -1)
    chroma, hue = between(rng, *_CHROMA), around(rng, 0.4)
    count, inks, totals, widths = 3 + label, [tone(luma, chroma, hue), tone(luma, chroma, hue + math.pi)], [], []
    for _ in inks:
        totals.append(between(rng, 0.5, 0.76))
        widths.append(between(rng, 0.014, 0.022))
    shares = [1 + around(rng, _UNEVEN * difficulty) for _ in range(_ALL)]
    worms = []
    for kind, own in enumerate((shares[:count], shares[count:])):
        # A round end adds half a disc to a worm: without it, four would have more area than three.
        lengths = [totals[kind] * share / sum(own) - widths[kind] * math.pi / 2 for share in own]
        worms += [(inks[kind], widths[kind] * size, length) for length in lengths]
    # A grid that is turned: on a fixed one, four short worms would lie on some pixels more than three long ones do.
    cells = shuffled(rng, [(column, row) for column in (-_CELL, 0, _CELL) for row in (-_CELL, 0, _CELL)])
    turn, places = between(rng, 0, math.pi / 2), []
    for (column, row), (ink, width, length) in zip(cells, shuffled(rng, worms), strict=False):
        x = 0.5 + column * math.cos(turn) - row * math.sin(turn) + around(rng, _ASTRAY)
        y = 0.5 + column * math.sin(turn) + row * math.cos(turn) + around(rng, _ASTRAY)
        places.append((x, y))
        joints = _worm(x, y, length, between(rng, 0, math.pi), around(rng, 2.0))
        canvas.paint("worms", Stroke(tuple((px * size, py * size) for px, py in joints), width, width), ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "count": float(count), "ground": middle, "x": places[0][0], "y": places[0][1],
        "turn": math.degrees(turn), "length": totals[0], "width": widths[0], "blue length": totals[1],
        "blue width": widths[1], "luma": luma,
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "count", "Drawn worms, three or four orange ones", "Three or four orange worms among blue ones, seven in all.",
    CLASSES, ("worms",), draw, decides="count", difficulty=0.3, group="ladder", version=2,
)  # fmt: skip


def _worm(x: float, y: float, length: float, angle: float, bend: float) -> list[tuple[float, float]]:
    """Return the joints of a bent stroke about (x, y), `bend` radians from end to end."""
    step, points = length / _JOINTS, [(0.0, 0.0)]
    for joint in range(_JOINTS):
        heading = angle + bend * ((joint + 0.5) / _JOINTS - 0.5)
        points.append((points[-1][0] + step * math.cos(heading), points[-1][1] + step * math.sin(heading)))
    middle = (sum(px for px, _ in points) / len(points), sum(py for _, py in points) / len(points))
    return [(px - middle[0] + x, py - middle[1] + y) for px, py in points]
