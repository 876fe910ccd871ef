"""`drawn:part`: an ear alone, pointed as a cat's or floppy as a dog's, turned at random.

The ears are those of `drawn:pets`, without an animal: the same two colours, the same area, any place, size and turn.
Ground and clutter are those of the pets. Difficulty adds grain.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Frame
from lab.images.synthetic.pets import hanging_ear, pointed_ear
from lab.images.synthetic.rungs.ground import GRAIN, finished, lerp
from lab.images.synthetic.sampling import around, at_most, between, chance
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop, scatter
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("pointed", "floppy")
_PARTS = ("background", "clutter", "ear")
# Where the middle of each ear is in its head, and how much larger it is drawn: both then have the same area.
_MIDDLES = ((0.343, -0.356), (0.467, -0.053))
_SIZES = (1.017, 0.983)


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
    x, y, scale = between(rng, 0.28, 0.72), between(rng, 0.28, 0.72), between(rng, 0.6, 0.95)
    turn, mirror = between(rng, 0, 2 * math.pi), chance(rng)
    length, width, spread = between(rng, 0.9, 1.1), between(rng, 0.9, 1.1), around(rng, 0.08)
    place = Frame((x * size, y * size), scale * _SIZES[label] * size, turn, mirror)
    head = place.inner(-_MIDDLES[label][0], -_MIDDLES[label][1])
    ear, patch = (pointed_ear, hanging_ear)[label](head, 1, length, width, spread)
    canvas.paint("ear", ear, fur, slope=6)
    canvas.paint("ear", patch, lining)
    factors = {
        "class": CLASSES[label], "x": x, "y": y, "scale": scale, "turn": math.degrees(turn), "mirror": mirror,
        "length": length, "width": width, "palette": palette, "negative": negative,
        "fur hue": hue(fur), "fur brightness": brightness(fur), "backdrop": backdrop.kind, "clutter": float(strays),
        "ear shape": CLASSES[label],
    }  # fmt: skip
    return finished(rng, canvas, factors, lerp(GRAIN, 60, difficulty))


FAMILY = DrawnFamily(
    "part", "Drawn ears, pointed or floppy", "An ear alone, a cat's or a dog's, at any place, size and turn.", CLASSES,
    ("ear",), draw, decides="ear shape", difficulty=0.1, group="ladder",
)  # fmt: skip
