"""`drawn:shape`: a rectangle or a diamond of any size, outlined or filled.

Every image holds the four sides of a rectangle and the four of a diamond; in one class the first four meet, in the
other class the others. A filled side carries its share of the fill, a shade that is strongest at the side and gone
before the middle and the corners, so that sides that lie about look as those that meet: angles, lengths, contrast and
ends are the same in both. Difficulty lays more strokes about.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.outlines import Ellipse, Stroke
from lab.images.synthetic.rungs.ground import finished, ground, lerp, pair_of_tones
from lab.images.synthetic.sampling import around, between, chance, shuffled
from lab.images.synthetic.shapes import Side, diamond, rectangle, scattered
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("rectangle", "diamond")
_PARTS = ("background", "strays", "shape")
_MOST_STRAYS = 24
_FILL = 0.55


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a rectangle (label 0) or a diamond (label 1) on a square of `size` pixels."""
    behind, ink = pair_of_tones(rng, between(rng, 80, 110))
    canvas = ground(rng, size, _PARTS, colour=behind)
    x, y, side = between(rng, 0.36, 0.64), between(rng, 0.36, 0.64), between(rng, 0.24, 0.44)
    aspect, turn, width = between(rng, 0.78, 1.28), around(rng, 0.1), between(rng, 0.011, 0.017)
    filled = chance(rng)
    shapes = [rectangle(x, y, side, aspect, turn), diamond(x, y, side, aspect, turn)]
    apart = [scattered(rng, shape) for shape in shapes][1 - label]
    strokes = [("shape", stroke, filled) for stroke in shapes[label]]
    strokes += [("strays", stroke, filled) for stroke in apart]
    strays = [
        Side(between(rng, 0.05, 0.95), between(rng, 0.05, 0.95), between(rng, 0.06, 0.2), between(rng, 0, math.pi))
        for _ in range(_MOST_STRAYS)
    ]
    strokes += [("strays", stray, False) for stray in strays[: round(lerp(2, _MOST_STRAYS, difficulty))]]
    for part, stroke, shaded in shuffled(rng, strokes):
        if shaded:
            _shade(canvas, part, stroke, ink)
        canvas.paint(part, Stroke(stroke.ends(size), width * size, width * size), ink)
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "x": x, "y": y, "side": side, "aspect": aspect, "turn": math.degrees(turn),
        "stroke width": width * 2, "filled": filled, "joined": CLASSES[label],
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "shape", "Drawn shapes, rectangle or diamond", "The same eight sides; four of them join into one or the other.",
    CLASSES, ("strays", "shape"), draw, decides="joined", difficulty=0.3, group="ladder",
)  # fmt: skip


def _shade(canvas: Canvas, part: str, side: Side, ink: Colour) -> None:
    """Shade the inner side of a stroke (to its left as it runs), gone at half its length and towards its ends."""
    reach = 0.75 * side.length * canvas.size
    window = canvas.window(Ellipse((side.x * canvas.size, side.y * canvas.size), (reach, reach)))
    across, down = canvas.places(window)
    dx, dy = across - side.x, down - side.y
    cosine, sine = math.cos(side.angle), math.sin(side.angle)
    along, inward = dx * cosine + dy * sine, dy * cosine - dx * sine
    depth = np.clip(1 - inward / (0.5 * side.length), 0, 1) * (inward >= 0)
    ends = np.clip((0.5 - np.abs(along) / side.length) * 4, 0, 1)
    canvas.blend(part, window, (_FILL * depth * ends).astype(np.float32), ink, owned=0.02)
