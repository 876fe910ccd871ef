"""`drawn:shapes`: the outline of a rectangle or of a diamond, among stray strokes.

Every image holds the four sides of a rectangle and the four sides of a diamond. In one class the first four meet as an
outline and the others lie about, in the other class it is the other way round. So strokes, lengths and orientations
are the same in both, and only how they are joined differs. More strays lie about at every orientation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lab.images.synthetic.canvas import Canvas
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Point, Stroke
from lab.images.synthetic.sampling import around, at_most, between, chance, shuffled
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("rectangle", "diamond")
PARTS = ("background", "strays", "outline")

_GRAIN = 4.0
_MORE_GRAIN = 60.0  # at the greatest difficulty
_MARGIN = 0.04
_CELLS = tuple((x, y) for x in (0.18, 0.5, 0.82) for y in (0.18, 0.5, 0.82))


@dataclass(frozen=True)
class Side:
    """A straight stroke by its middle (image widths), length and angle from the horizontal (radians)."""

    x: float
    y: float
    length: float
    angle: float

    def ends(self, size: int) -> tuple[Point, Point]:
        """Return both ends in pixels of an image of `size`."""
        dx, dy = math.cos(self.angle) * self.length / 2, math.sin(self.angle) * self.length / 2
        return ((self.x - dx) * size, (self.y - dy) * size), ((self.x + dx) * size, (self.y + dy) * size)


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float = 0.0) -> Drawing:
    """Draw a rectangle (label 0) or a diamond (label 1) on a square of `size` pixels."""
    palette, negative, colours = random_palette(rng)
    behind = colours[at_most(rng, len(colours) - 1)]
    canvas = Canvas(size, behind, PARTS, slope=around(rng, 14))
    backdrop = random_backdrop(rng, colours, behind)
    paint_backdrop(canvas, backdrop)
    x, y, side = between(rng, 0.35, 0.65), between(rng, 0.35, 0.65), between(rng, 0.28, 0.39)
    aspect, turn, width = between(rng, 0.78, 1.28), around(rng, 0.1), between(rng, 0.013, 0.019)
    shapes = [rectangle(x, y, side, aspect, turn), diamond(x, y, side, aspect, turn)]
    outline, apart = shapes[label], scattered(rng, shapes[1 - label])
    one = choose(rng, colours, [behind, backdrop.colour], 0.25)
    two = choose(rng, colours, [behind, backdrop.colour, one], 0.22)
    main, other = (one, two) if chance(rng) else (two, one)  # neither stands out more than the other on average
    count = 6 + at_most(rng, 6)
    strokes = [("outline", stroke, main) for stroke in outline] + [("strays", stroke, other) for stroke in apart]
    for _ in range(count):
        place = (between(rng, 0.05, 0.95), between(rng, 0.05, 0.95))
        stroke = Side(*place, between(rng, 0.06, 0.2), between(rng, 0, math.pi))
        strokes.append(("strays", stroke, choose(rng, colours, [behind], 0.2)))
    for part, stroke, colour in shuffled(rng, strokes):
        canvas.paint(part, Stroke(stroke.ends(size), width * size, width * size), colour)
    canvas.grain(rng, _GRAIN + _MORE_GRAIN * difficulty)
    factors: dict[str, Factor] = {
        "class": CLASSES[label],
        "x": x, "y": y, "side": side, "aspect": aspect, "turn": math.degrees(turn), "stroke width": width * 2,
        "palette": palette, "negative": negative,
        "outline hue": hue(main), "outline brightness": brightness(main),
        "stray hue": hue(other), "stray brightness": brightness(other),
        "background hue": hue(behind), "background brightness": brightness(behind),
        "backdrop": backdrop.kind, "strays": float(count + len(apart)),
    }  # fmt: skip
    return Drawing(canvas.finish(), factors, canvas.owner, PARTS)


SHAPES = DrawnFamily(
    name="shapes",
    title="Drawn rectangles and diamonds",
    description="The same eight strokes in every image; four of them join into a rectangle, or into a diamond.",
    classes=CLASSES,
    diagnostic_parts=("outline", "strays"),
    draw=draw,
)


def rectangle(x: float, y: float, side: float, aspect: float, turn: float) -> list[Side]:
    half_width, half_height = side * math.sqrt(aspect) / 2, side / math.sqrt(aspect) / 2
    corners = [(-half_width, -half_height), (half_width, -half_height)]
    corners += [(half_width, half_height), (-half_width, half_height)]
    return closed(x, y, corners, turn)


def diamond(x: float, y: float, side: float, aspect: float, turn: float) -> list[Side]:
    reach = side / math.sqrt(2)
    across, down = reach * aspect**0.35, reach / aspect**0.35
    return closed(x, y, [(0.0, -down), (across, 0.0), (0.0, down), (-across, 0.0)], turn)


def closed(x: float, y: float, corners: list[Point], turn: float) -> list[Side]:
    """Return the sides of a polygon about (x, y), turned."""
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = [(x + a * cosine - b * sine, y + a * sine + b * cosine) for a, b in corners]
    sides = []
    for (ax, ay), (bx, by) in zip(turned, turned[1:] + turned[:1], strict=True):
        sides.append(Side((ax + bx) / 2, (ay + by) / 2, math.hypot(bx - ax, by - ay), math.atan2(by - ay, bx - ax)))
    return sides


def scattered(rng: np.random.Generator, sides: list[Side]) -> list[Side]:
    """Return the strokes moved to different places, whole and not turned."""
    apart = []
    for side, (x, y) in zip(sides, shuffled(rng, _CELLS), strict=False):
        across = abs(math.cos(side.angle)) * side.length / 2 + _MARGIN
        down = abs(math.sin(side.angle)) * side.length / 2 + _MARGIN
        x, y = x + around(rng, 0.1), y + around(rng, 0.1)
        apart.append(replace(side, x=min(max(x, across), 1 - across), y=min(max(y, down), 1 - down)))
    return apart
