"""`drawn:part`: an ear alone, pointed as a cat's or floppy as a dog's, turned at random.

As those of `drawn:pets`, without an animal: the same two colours, the same area, any place, size and turn, and between
them only the outline differs. Ground and clutter are those of the pets. Difficulty adds grain.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Frame, Polygon, Stroke
from lab.images.synthetic.rungs.ground import GRAIN, finished, lerp
from lab.images.synthetic.sampling import around, at_most, between, chance, shuffled
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop, scatter
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("pointed", "floppy")
_PARTS = ("background", "clutter", "lining", "flap", "ear")
_PLACES, _ASTRAY = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)), 0.05
# Measured until area, outline and corners were those of the other ear (benchmarks/ladder_leaks.py).
_POINTED = {"half width": 0.15, "base": 0.12, "tip": -0.2, "rounding": 0.07}
_FLOPPY = {"root": 0.09, "end": 0.143, "reach": 0.18}


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a pointed (label 0) or a floppy ear (label 1) on a square of `size` pixels."""
    palette, negative, colours = random_palette(rng)
    behind = colours[at_most(rng, len(colours) - 1)]
    canvas = Canvas(size, behind, _PARTS, slope=around(rng, 14))
    fur = choose(rng, colours, [behind], 0.3)
    lining = choose(rng, colours, [fur], 0.2)
    backdrop = random_backdrop(rng, colours, behind)
    paint_backdrop(canvas, backdrop)
    strays = scatter(rng, canvas, colours, behind, unlike=(fur, lining))
    turn, mirror = between(rng, 0, 2 * math.pi), chance(rng)
    length, width = between(rng, 0.8, 1.2), between(rng, 0.8, 1.2)
    places = [(x + around(rng, _ASTRAY), y + around(rng, _ASTRAY)) for x, y in shuffled(rng, _PLACES)]
    frames = [
        Frame((x * size, y * size), between(rng, 0.6, 0.95) * size, turn + around(rng, math.pi), mirror)
        for x, y in places[:3]
    ]
    flaps = [_pointed(frames[0], length, width), _floppy(frames[1], length, width)]
    for number in (1 - label, label):
        canvas.paint("ear" if number == label else "flap", flaps[number], fur, slope=6)
    for part, frame in (("ear", frames[label]), ("lining", frames[2])):
        canvas.paint(part, frame.ellipse(0, 0.02, 0.06, 0.09), lining)
    (x, y), scale = places[label], frames[label].scale / size
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "x": x, "y": y, "scale": scale, "turn": math.degrees(turn), "mirror": mirror,
        "length": length, "width": width, "palette": palette, "negative": negative,
        "fur hue": hue(fur), "fur brightness": brightness(fur), "backdrop": backdrop.kind, "clutter": float(strays),
        "ear shape": CLASSES[label],
    }  # fmt: skip
    return finished(rng, canvas, factors, lerp(GRAIN, 60, difficulty))


FAMILY = DrawnFamily(
    "part", "Drawn ears, pointed or floppy", "An ear alone, a cat's or a dog's, at any place, size and turn.", CLASSES,
    ("ear", "flap"), draw, decides="ear shape", difficulty=0.25, group="ladder",
)  # fmt: skip


def _pointed(ear: Frame, length: float, width: float) -> Polygon:
    """Return a triangle with round corners about (0, 0)."""
    half, size = _POINTED["half width"] * width, _POINTED
    corners = [(-half, size["base"] * length), (half, size["base"] * length), (0.0, size["tip"] * length)]
    return ear.polygon(corners, size["rounding"])


def _floppy(ear: Frame, length: float, width: float) -> Stroke:
    """Return a flap about (0, 0) that grows wider towards its end and bends."""
    reach = _FLOPPY["reach"] * length
    points = [(0.016, -0.045 - reach), (-0.034, -0.045), (0.016, reach - 0.045)]
    return ear.stroke(points, _FLOPPY["root"] * width, _FLOPPY["end"] * width)
