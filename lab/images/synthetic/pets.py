"""`drawn:pets`: a cat or a dog. They differ in ears, pupils and muzzle, and in nothing else.

Palette, body, four legs, tail, markings, nose, mouth, collar, backdrop, clutter and grain are the same for both. A cat
has pointed ears above its head, slit pupils and two small puffs beside its nose; a dog has the same ears hanging
upside down over its cheeks (a half turn keeps their orientations), round pupils of the same area and one long snout.
Every part has its own random colour. Figure coordinates: y down, the animal about 2 wide and 2 high.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Ellipse, Frame, Outline, Point, curve
from lab.images.synthetic.sampling import around, between, chance, pick
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop, scatter
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("cat", "dog")
PARTS = (
    "background", "clutter", "tail", "legs", "body", "collar", "ears", "head", "markings", "eyes", "pupils",
    "muzzle", "nose", "mouth",
)  # fmt: skip
MARKINGS = ("none", "stripes", "spots", "patch")

_GRAIN = 4.0
_MORE_GRAIN, _SMALLER = 60.0, 0.25  # at the greatest difficulty
_SMALL = 0.68  # the share of its size that leaves room for another head
_HEAD: Point = (-0.36, -0.30)
_HEAD_RADII: Point = (0.50, 0.43)
_EYE: Point = (0.21, -0.06)
_EYE_RADIUS = 0.115

# Where the classes differ: sizes were tuned until the power at every scale and orientation agreed between them.
_POINTED_EAR = {"x": 0.28, "y": -0.245, "lean": 0.51, "half width": 0.152, "length": 0.365, "lining": 0.44}
_HANGING_EAR = {"x": 0.443, "y": -0.28, "lean": 0.2, "root": 0.083, "end": 0.123, "length": 0.407, "patch": 0.056}
_PUPILS: tuple[Point, Point] = ((0.042, 0.088), (0.0595, 0.0595))
_PUFF = {"x": 0.107, "y": 0.208, "rx": 0.125, "ry": 0.146}
_SNOUT = {"y": 0.239, "rx": 0.181, "ry": 0.185}


@dataclass(frozen=True)
class _Colours:
    """One random colour per part, each far enough from those it lies on."""

    background: Colour
    fur: Colour
    ears: Colour
    lining: Colour
    markings: Colour
    eyes: Colour
    pupils: Colour
    muzzle: Colour
    nose: Colour
    collar: Colour


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float = 0.0, *, both: bool = False) -> Drawing:
    """Draw a cat (label 0) or a dog (label 1) on a square of `size` pixels, or `both`: see `ANIMALS`."""
    palette, negative, colours = random_palette(rng)
    paint = _random_colours(rng, colours)
    canvas = Canvas(size, paint.background, PARTS, slope=around(rng, 14))
    backdrop = random_backdrop(rng, colours, paint.background)
    paint_backdrop(canvas, backdrop)
    clutter = scatter(rng, canvas, colours, paint.background, unlike=(paint.fur, paint.ears))
    x, y, scale = between(rng, 0.46, 0.54), between(rng, 0.49, 0.55), between(rng, 0.35 - _SMALLER * difficulty, 0.42)
    turn, mirror, tilt = around(rng, 0.2), chance(rng), around(rng, 0.4)
    if both:
        scale, below = _SMALL * scale, chance(rng)
        y = 0.69 + around(rng, 0.04) if below else 0.29 + around(rng, 0.04)
        x, loose_x, loose_y = x + around(rng, 0.12), between(rng, 0.22, 0.78), 1.0 - y
    figure = Frame((x * size, y * size), scale * size, turn, mirror)
    markings = pick(rng, MARKINGS)
    if both:
        loose = Frame((loose_x * size, loose_y * size), figure.scale, turn + tilt + math.pi, mirror)
        _paint_head(rng, canvas, loose, paint, 1 - label, markings)
    pose = _paint_body(rng, canvas, figure, paint, markings)
    head = figure.inner(_HEAD[0] + around(rng, 0.05), _HEAD[1] + around(rng, 0.05), angle=tilt)
    _paint_head(rng, canvas, head, paint, label, markings)
    canvas.grain(rng, _GRAIN + _MORE_GRAIN * difficulty)
    factors: dict[str, Factor] = {
        "class": CLASSES[label],
        "x": x, "y": y, "scale": scale, "turn": math.degrees(turn), "mirror": mirror,
        "head tilt": math.degrees(tilt), "leg swing": pose[0], "tail curl": pose[1],
        "palette": palette, "negative": negative,
        "fur hue": hue(paint.fur), "fur brightness": brightness(paint.fur),
        "background hue": hue(paint.background), "background brightness": brightness(paint.background),
        "ear shape": ("pointed", "hanging")[label],
        "pupil shape": ("slit", "round")[label],
        "muzzle shape": ("two puffs", "one snout")[label],
        "markings": markings, "backdrop": backdrop.kind, "clutter": float(clutter),
    }  # fmt: skip
    return Drawing(canvas.finish(), factors, canvas.owner, PARTS)


PETS = DrawnFamily(
    name="pets",
    title="Drawn cats and dogs",
    description="Cats and dogs drawn alike but for ears, pupils and muzzle; every part in a random colour.",
    classes=CLASSES,
    diagnostic_parts=("ears", "pupils", "muzzle"),
    draw=draw,
    decides="ear shape",
)
ANIMALS = DrawnFamily(
    name="animals",
    title="Drawn cats and dogs beside a head of the other",
    description="A cat or a dog, and upside down beside it the head of the other one: both have the same parts.",
    classes=CLASSES,
    diagnostic_parts=("ears", "pupils", "muzzle"),
    draw=functools.partial(draw, both=True),
    decides="ear shape",
    difficulty=0.2,
    group="ladder",
)


def _random_colours(rng: np.random.Generator, colours: list[Colour]) -> _Colours:
    background = pick(rng, colours)
    fur = choose(rng, colours, [background], 0.3)
    ears = choose(rng, colours, [background, fur], 0.22)
    muzzle = choose(rng, colours, [fur], 0.25)
    eyes = choose(rng, colours, [fur, muzzle], 0.28)
    return _Colours(
        background=background,
        fur=fur,
        ears=ears,
        lining=choose(rng, colours, [ears], 0.2),
        markings=choose(rng, colours, [fur, background], 0.15),
        eyes=eyes,
        pupils=choose(rng, colours, [eyes], 0.45),
        muzzle=muzzle,
        nose=choose(rng, colours, [muzzle, fur], 0.3),
        collar=choose(rng, colours, [fur], 0.25),
    )


def _paint_body(
    rng: np.random.Generator, canvas: Canvas, figure: Frame, paint: _Colours, markings: str
) -> tuple[float, float]:
    """Paint tail, legs and body with its markings; return leg swing and tail curl, both -1 to 1."""
    swing, curl, plump, short = around(rng, 1), around(rng, 1), around(rng, 0.03), around(rng, 0.05)
    ground = 0.84 + short
    canvas.paint("background", figure.ellipse(0.12, ground + 0.03, 0.72, 0.09), _SHADE, opacity=0.16)
    tail = curve((0.62, 0.12), (1.02, 0.16 + 0.12 * curl), (0.88 + 0.12 * curl, -0.46 + 0.1 * curl))
    canvas.paint("tail", figure.stroke(tail, 0.085, 0.065), paint.fur, slope=8)
    far = paint.fur * np.float32(0.82) + np.float32(0.18) * 128
    for hip, foot, colour in (
        (-0.10, -0.16, far), (0.48, 0.56, far), (0.04, 0.04, paint.fur), (0.62, 0.64, paint.fur),
    ):  # fmt: skip
        sign = -1 if colour is far else 1
        lean = foot + 0.07 * swing * sign
        canvas.paint("legs", figure.stroke([(hip, 0.3), (lean, ground - 0.07)], 0.115, 0.09), colour)
        canvas.paint("legs", figure.ellipse(lean - 0.03, ground - 0.06, 0.125, 0.085), colour, slope=8)
    body = figure.ellipse(0.27, 0.27, 0.52, 0.31 + plump, 0.06)
    canvas.paint("body", body, paint.fur, slope=12)
    _paint_markings(rng, canvas, figure, body, paint.markings, markings)
    canvas.paint("collar", figure.inner(-0.2, 0.1, angle=0.5).ellipse(0, 0, 0.3, 0.12), paint.collar)
    return swing, curl


_SHADE: Colour = np.zeros(3, dtype=np.float32)
_GLINT: Colour = np.full(3, 255, dtype=np.float32)


def _paint_markings(
    rng: np.random.Generator, canvas: Canvas, figure: Frame, body: Ellipse, colour: Colour, kind: str
) -> None:
    shifts = [around(rng, 1) for _ in range(5)]
    if kind == "stripes":
        for index, shift in enumerate(shifts[:4]):
            x = 0.12 + 0.17 * index + 0.02 * shift
            stripe = curve((x - 0.03, -0.1), (x + 0.07, 0.1), (x, 0.26 + 0.05 * shift), pieces=4)
            canvas.paint("markings", figure.stroke(stripe, 0.045, 0.02), colour, within=body)
    elif kind == "spots":
        for index, shift in enumerate(shifts):
            x, y = 0.14 + 0.14 * index, 0.18 + 0.1 * (-1) ** index + 0.03 * shift
            canvas.paint("markings", figure.ellipse(x, y, 0.075, 0.062, shift), colour, within=body)
    elif kind == "patch":
        saddle = figure.ellipse(0.42 + 0.08 * shifts[0], 0.03, 0.27, 0.2, 0.1 * shifts[1])
        canvas.paint("markings", saddle, colour, within=body)


def _paint_head(
    rng: np.random.Generator, canvas: Canvas, head: Frame, paint: _Colours, label: int, markings: str
) -> None:
    length, width, spread = between(rng, 0.92, 1.08), between(rng, 0.92, 1.08), around(rng, 0.08)
    gaze, wide = around(rng, 0.02), between(rng, 0.95, 1.08)
    skull = head.ellipse(0, 0, _HEAD_RADII[0] * wide, _HEAD_RADII[1])
    shape = (_pointed_ear, _hanging_ear)[label]
    ears = [shape(head, side, length, width, spread) for side in (-1, 1)]
    if label == 0:
        _paint_ears(canvas, ears, paint)
    canvas.paint("head", skull, paint.fur, slope=10)
    if markings in ("stripes", "patch"):
        blaze = [(-0.09, -0.44), (0.09, -0.44), (0.0, -0.2)]
        canvas.paint("markings", head.polygon(blaze, 0.025), paint.markings, within=skull)
    if label == 1:
        _paint_ears(canvas, ears, paint)
    _paint_muzzle(canvas, head, paint, label)
    for side in (-1, 1):
        x, y = side * _EYE[0], _EYE[1]
        canvas.paint("eyes", head.ellipse(x, y, _EYE_RADIUS, _EYE_RADIUS * 1.08), paint.eyes)
        canvas.paint("pupils", head.ellipse(x + gaze, y + 0.004, *_PUPILS[label]), paint.pupils)
        canvas.paint("eyes", head.ellipse(x + gaze - 0.035, y - 0.045, 0.024, 0.024), _GLINT, opacity=0.49)


def _pointed_ear(head: Frame, side: int, length: float, width: float, spread: float) -> tuple[Outline, Outline]:
    """Return a cat's ear and its lining."""
    size = _POINTED_EAR
    ear = head.inner(side * size["x"], size["y"], angle=side * (size["lean"] + spread))
    half, tip = size["half width"] * width, -size["length"] * length
    corners = [(-half, 0.0), (half, 0.0), (0.0, tip)]
    return ear.polygon(corners, 0.05), ear.polygon([(x * size["lining"], y * 0.72 - 0.03) for x, y in corners], 0.025)


def _hanging_ear(head: Frame, side: int, length: float, width: float, spread: float) -> tuple[Outline, Outline]:
    """Return a dog's ear and the patch at its end."""
    size = _HANGING_EAR
    ear = head.inner(side * size["x"], size["y"], angle=side * (math.pi - size["lean"] - spread))
    reach = size["length"] * length
    flap = [(0.0, 0.03), (side * 0.05, -0.47 * reach), (side * 0.01, -reach)]
    patch = [(side * 0.04, -0.67 * reach), (side * 0.01, -1.03 * reach)]
    return ear.stroke(flap, size["root"], size["end"] * width), ear.stroke(patch, 0.7 * size["patch"], size["patch"])


def _paint_ears(canvas: Canvas, ears: list[tuple[Outline, Outline]], paint: _Colours) -> None:
    for ear, patch in ears:
        canvas.paint("ears", ear, paint.ears, slope=6)
        canvas.paint("ears", patch, paint.lining)


def _paint_muzzle(canvas: Canvas, head: Frame, paint: _Colours, label: int) -> None:
    if label == 0:
        for side in (-1, 1):
            puff = head.ellipse(side * _PUFF["x"], _PUFF["y"], _PUFF["rx"], _PUFF["ry"])
            canvas.paint("muzzle", puff, paint.muzzle)
    else:
        canvas.paint("muzzle", head.ellipse(0, _SNOUT["y"], _SNOUT["rx"], _SNOUT["ry"]), paint.muzzle)

    for side in (-1, 1):
        smile = curve((0.0, 0.19), (side * 0.02, 0.29), (side * 0.12, 0.26), pieces=5)
        canvas.paint("mouth", head.stroke(smile, 0.018), paint.nose)
    canvas.paint("nose", head.polygon([(-0.055, 0.1), (0.055, 0.1), (0.0, 0.155)], 0.04), paint.nose)
