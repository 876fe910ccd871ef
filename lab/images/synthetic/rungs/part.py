"""`drawn:part`: an ear alone, pointed as a cat's or floppy as a dog's, turned at random.

Every image holds a pointed flap, a floppy one and two linings. One lining is in a flap, which makes it the ear; the
other lies on the ground. So both classes have the same outlines, colours and areas, at any place, size and turn, and
only which flap is lined differs. Ground and clutter are those of `drawn:pets`. Difficulty adds grain.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.canvas import Canvas
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Frame, Outline, Point
from lab.images.synthetic.rungs.ground import GRAIN, finished, lerp
from lab.images.synthetic.sampling import around, at_most, between, chance, shuffled
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop, scatter
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("pointed", "floppy")
_PARTS = ("background", "clutter", "lining", "flap", "ear")
_PLACES, _ASTRAY = ((0.27, 0.27), (0.73, 0.27), (0.27, 0.73), (0.73, 0.73)), 0.05
_POINTED = {"half width": 0.15, "base": 0.12, "tip": -0.2, "rounding": 0.07}
_FLOPPY = {"root": 0.08, "end": 0.165, "reach": 0.18}
_LINING = (0.05, 0.07)  # as far from the edge of one flap as from that of the other


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
    for number, (flap, _) in enumerate(flaps):
        canvas.paint("ear" if number == label else "flap", flap, fur, slope=6)
    for part, frame, middle in (("ear", frames[label], flaps[label][1]), ("lining", frames[2], (0.0, 0.0))):
        canvas.paint(part, frame.ellipse(*middle, *_LINING), lining)
    (x, y), scale = places[label], frames[label].scale / size
    factors: dict[str, Factor] = {
        "class": CLASSES[label], "x": x, "y": y, "scale": scale, "turn": math.degrees(turn), "mirror": mirror,
        "length": length, "width": width, "palette": palette, "negative": negative,
        "fur hue": hue(fur), "fur brightness": brightness(fur), "backdrop": backdrop.kind, "clutter": float(strays),
        "ear shape": CLASSES[label],
    }  # fmt: skip
    return finished(rng, canvas, factors, lerp(GRAIN, 60, difficulty))


FAMILY = DrawnFamily(
    "part", "Drawn ears, pointed or floppy", "The ear is the flap with a lining: the pointed one, a cat's, or a dog's.",
    CLASSES, ("ear", "flap"), draw, decides="ear shape", difficulty=0.25, group="ladder", version=2,
)  # fmt: skip


def _pointed(ear: Frame, length: float, width: float) -> tuple[Outline, Point]:
    """Return a triangle with round corners about (0, 0), and the middle of the circle in it."""
    half, base, tip = (_POINTED[name] * by for name, by in (("half width", width), ("base", length), ("tip", length)))
    inside = half * (base - tip) / (half + math.hypot(half, base - tip))
    return ear.polygon([(-half, base), (half, base), (0.0, tip)], _POINTED["rounding"]), (0.0, base - inside)


def _floppy(ear: Frame, length: float, width: float) -> tuple[Outline, Point]:
    """Return a flap about (0, 0) that grows wider towards its end and bends, and the middle of its end."""
    reach = _FLOPPY["reach"] * length
    points = [(0.016, -0.045 - reach), (-0.034, -0.045), (0.016, reach - 0.045)]
    return ear.stroke(points, _FLOPPY["root"] * width, _FLOPPY["end"] * width), (0.01, reach - 0.065)
