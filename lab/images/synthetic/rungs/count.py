"""`drawn:count`: three or four worms of the same length altogether.

Width, colour, total length and so total area and outline are the same in both classes; how the length is shared out,
where the worms lie and how they bend is random. Beside them lie dots of the same ink and worms of another, any number
of either, so that neither ends nor lengths of all there is tell how many worms of the one ink there are. Difficulty
shares the length out less evenly.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.outlines import Ellipse, Stroke
from lab.images.synthetic.rungs.ground import LUMA, clutter, finished, ground, hue_of, pair_of_tones, tone
from lab.images.synthetic.sampling import around, at_most, between, shuffled
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("three", "four")
_PARTS = ("background", "clutter", "worms")
_MOST = 4
_JOINTS = 6
_MOST_DOTS, _MOST_OTHERS = 16, 5
_UNEVEN = 0.6  # at the greatest difficulty lengths are within so much of their mean


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw three (label 0) or four worms (label 1) on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, 100)
    canvas = ground(rng, size, _PARTS, colour=behind)
    clutter(rng, canvas, 5)
    count, total, width = 3 + label, between(rng, 0.7, 0.95), between(rng, 0.018, 0.026)
    shares = [1 + around(rng, _UNEVEN * difficulty) for _ in range(_MOST)][:count]
    cells = shuffled(rng, [(column, row) for column in (0.2, 0.5, 0.8) for row in (0.2, 0.5, 0.8)])
    for number in range(_MOST):
        x, y = (value + around(rng, 0.06) for value in cells[number])
        angle, bend = between(rng, 0, math.pi), around(rng, 2.0)
        if number < count:
            # A round end adds half a disc to a worm: without it, four would have more area than three.
            length = total * shares[number] / sum(shares) - width * math.pi / 2
            points = tuple((px * size, py * size) for px, py in _worm(x, y, length, angle, bend))
            canvas.paint("worms", Stroke(points, width * size, width * size), ink)
    dots, others = at_most(rng, _MOST_DOTS), at_most(rng, _MOST_OTHERS)
    other = tone(float(ink @ LUMA), 45, hue_of(ink) + math.pi)
    for number in range(_MOST_OTHERS):
        bent = _worm(between(rng, 0.1, 0.9), between(rng, 0.1, 0.9), between(rng, 0.08, 0.36),
                     between(rng, 0, math.pi), around(rng, 2.0))  # fmt: skip
        if number < others:
            points = tuple((px * size, py * size) for px, py in bent)
            canvas.paint("clutter", Stroke(points, width * size, width * size), other)
    for _ in range(dots):
        place = (between(rng, 0.03, 0.97) * size, between(rng, 0.03, 0.97) * size)
        canvas.paint("clutter", Ellipse(place, (width * size, width * size)), ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "count": float(count), "length": total, "width": width, "x": cells[0][0],
        "y": cells[0][1], "second x": cells[1][0], "second y": cells[1][1], "dots": float(dots),
        "others": float(others),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "count", "Drawn worms, three or four", "Three or four worms of the same length altogether.", CLASSES, ("worms",),
    draw, decides="count", difficulty=0.3, group="ladder",
)  # fmt: skip


def _worm(x: float, y: float, length: float, angle: float, bend: float) -> list[tuple[float, float]]:
    """Return the joints of a bent stroke about (x, y), `bend` radians from end to end."""
    step, points = length / _JOINTS, [(0.0, 0.0)]
    for joint in range(_JOINTS):
        heading = angle + bend * ((joint + 0.5) / _JOINTS - 0.5)
        points.append((points[-1][0] + step * math.cos(heading), points[-1][1] + step * math.sin(heading)))
    middle = (sum(px for px, _ in points) / len(points), sum(py for _, py in points) / len(points))
    return [(px - middle[0] + x, py - middle[1] + y) for px, py in points]
