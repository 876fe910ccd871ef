"""`drawn:faces`: two eyes and a mouth where a face has them, or the same parts in other places of the same head.

Only the places of the eyes (with their brows) and of the mouth differ; none is turned, and each kind keeps its size
and colour. Head, hair, shoulders, backdrop, clutter and grain are the same for both. Figure coordinates: y down, the
head about 1.2 wide and 1.4 high.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.colours import brightness, choose, hue, random_palette
from lab.images.synthetic.outlines import Frame, Point, curve
from lab.images.synthetic.sampling import around, between, chance, pick
from lab.images.synthetic.scenery import paint_backdrop, random_backdrop, scatter
from lab.images.synthetic.types import Drawing, DrawnFamily, Factor

CLASSES = ("face", "scrambled")
PARTS = ("background", "clutter", "shoulders", "hair", "ears", "head", "brows", "eyes", "pupils", "mouth")

Places = tuple[Point, Point, Point]
"""Where the first eye, the second eye and the mouth are."""

IN_PLACE: Places = ((-0.25, -0.04), (0.25, -0.04), (0.0, 0.40))
REARRANGED: dict[str, Places] = {
    "mouth above": ((-0.25, 0.41), (0.25, 0.41), (0.0, -0.08)),
    "eye above": ((0.0, -0.05), (-0.27, 0.30), (0.22, 0.39)),
    "mouth for an eye": ((0.0, 0.44), (0.25, -0.05), (-0.25, -0.05)),
    "eyes on one side": ((-0.24, -0.05), (-0.22, 0.42), (0.24, 0.18)),
}

_GRAIN = 4.0
_MORE_GRAIN, _SMALLER = 60.0, 0.3  # at the greatest difficulty
_SMALL = 0.56  # the share of its size that leaves room for another head
_HAIR = ("cap", "long", "bun")
_MOUTHS = ("smile", "open")
_GLINT: Colour = np.full(3, 255, dtype=np.float32)


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float = 0.0, *, both: bool = False) -> Drawing:
    """Draw a face (label 0) or a scrambled one (label 1) on a square of `size` pixels, or `both`: see `PORTRAITS`."""
    palette, negative, colours = random_palette(rng)
    behind = pick(rng, colours)
    skin = choose(rng, colours, [behind], 0.3)
    hair = choose(rng, colours, [behind, skin], 0.22)
    canvas = Canvas(size, behind, PARTS, slope=around(rng, 14))
    backdrop = random_backdrop(rng, colours, behind)
    paint_backdrop(canvas, backdrop)
    clutter = scatter(rng, canvas, colours, behind, unlike=(skin, hair))
    x, y, scale = between(rng, 0.44, 0.56), between(rng, 0.46, 0.54), between(rng, 0.42 - _SMALLER * difficulty, 0.52)
    turn, mirror = around(rng, 0.22), chance(rng)
    if both:
        scale, x, y = _SMALL * scale, pick(rng, (0.28, 0.72)) + around(rng, 0.04), 0.38 + around(rng, 0.08)
    heads = [Frame((x * size, y * size), scale * size, turn, mirror)]
    if both:
        loose = (1 - x) * size, between(rng, 0.3, 0.7) * size
        heads.append(Frame(loose, scale * size, turn + math.pi, mirror))
    style, mouth = pick(rng, _HAIR), pick(rng, _MOUTHS)
    for number, head in enumerate(heads):
        _paint_head(rng, canvas, head, colours, skin, hair, style, shoulders=number == 0)
    arrangement = pick(rng, tuple(REARRANGED))
    for number, head in enumerate(heads):
        chosen = (IN_PLACE, REARRANGED[arrangement])[(label, 1 - label)[number]]
        places = [(px + around(rng, 0.03), py + around(rng, 0.03)) for px, py in chosen]
        _paint_features(rng, canvas, head, colours, skin, hair, places, mouth)
    canvas.grain(rng, _GRAIN + _MORE_GRAIN * difficulty)
    factors: dict[str, Factor] = {
        "class": CLASSES[label],
        "x": x, "y": y, "scale": scale, "turn": math.degrees(turn), "mirror": mirror,
        "arrangement": ("in place", arrangement)[label],
        "palette": palette, "negative": negative,
        "skin hue": hue(skin), "skin brightness": brightness(skin),
        "hair hue": hue(hair), "hair brightness": brightness(hair),
        "background hue": hue(behind), "background brightness": brightness(behind),
        "hair style": style, "mouth shape": mouth, "backdrop": backdrop.kind, "clutter": float(clutter),
    }  # fmt: skip
    return Drawing(canvas.finish(), factors, canvas.owner, PARTS)


FACES = DrawnFamily(
    name="faces",
    title="Drawn faces, in place or scrambled",
    description="The same head, eyes and mouth; only where the eyes and the mouth are tells the classes apart.",
    classes=CLASSES,
    diagnostic_parts=("brows", "eyes", "pupils", "mouth"),
    draw=draw,
    decides="arrangement",
)
PORTRAITS = DrawnFamily(
    name="portraits",
    title="Drawn faces beside a loose head of the other kind",
    description="A face or a scrambled one, and upside down beside it a loose head of the other kind.",
    classes=CLASSES,
    diagnostic_parts=FACES.diagnostic_parts,
    draw=functools.partial(draw, both=True),
    decides="arrangement",
    difficulty=0.1,
    group="ladder",
)


def _paint_head(
    rng: np.random.Generator,
    canvas: Canvas,
    head: Frame,
    colours: list[Colour],
    skin: Colour,
    hair: Colour,
    style: str,
    *,
    shoulders: bool = True,
) -> None:
    clothes, wide = choose(rng, colours, [skin], 0.2), between(rng, 0.94, 1.04)
    if shoulders:
        canvas.paint("shoulders", head.ellipse(0, 1.25, 0.95, 0.62), clothes, slope=8)
    if style == "long":
        canvas.paint("hair", head.polygon([(-0.5, -0.2), (0.5, -0.2), (0.56, 0.62), (-0.56, 0.62)], 0.16), hair)
    if style == "bun":
        canvas.paint("hair", head.ellipse(0.08, -0.86, 0.24, 0.21), hair, slope=8)
    if shoulders:
        canvas.paint("shoulders", head.stroke([(0, 0.5), (0, 0.84)], 0.2), skin * np.float32(0.9) + 12)
    canvas.paint("hair", head.ellipse(0, -0.12, 0.66 * wide, 0.66), hair, slope=10)
    for side in (-1, 1):
        canvas.paint("ears", head.ellipse(side * 0.58 * wide, 0.1, 0.11, 0.15), skin)
    oval = head.ellipse(0, 0.1, 0.57 * wide, 0.68)
    canvas.paint("head", oval, skin, slope=10)
    fringe = head.ellipse(0.22, -0.71, 0.8, 0.32, 0.2)
    canvas.paint("hair", fringe, hair, within=head.ellipse(0, -0.08, 0.66 * wide, 0.66))


def _paint_features(
    rng: np.random.Generator,
    canvas: Canvas,
    head: Frame,
    colours: list[Colour],
    skin: Colour,
    hair: Colour,
    places: list[Point],
    mouth: str,
) -> None:
    white = choose(rng, colours, [skin], 0.3)
    iris = choose(rng, colours, [white], 0.25)
    pupil = choose(rng, colours, [iris], 0.3)
    lips = choose(rng, colours, [skin], 0.3)
    gaze, raised = around(rng, 0.03), around(rng, 0.02)
    for x, y in places[:2]:
        brow = curve((x - 0.13, y - 0.17 - raised), (x, y - 0.24 - raised), (x + 0.13, y - 0.17 - raised), 5)
        canvas.paint("brows", head.stroke(brow, 0.026), hair)
        canvas.paint("eyes", head.ellipse(x, y, 0.15, 0.115), white)
        canvas.paint("pupils", head.ellipse(x + gaze, y, 0.088, 0.088), iris)
        canvas.paint("pupils", head.ellipse(x + gaze, y, 0.048, 0.048), pupil)
        canvas.paint("pupils", head.ellipse(x + gaze - 0.03, y - 0.035, 0.02, 0.02), _GLINT)
    x, y = places[2]
    if mouth == "smile":
        smile = curve((x - 0.21, y - 0.05), (x, y + 0.16), (x + 0.21, y - 0.05), 7)
        canvas.paint("mouth", head.stroke(smile, 0.034), lips)
    else:
        bowl = head.ellipse(x, y - 0.06, 0.21, 0.2)
        below = head.polygon([(x - 0.3, y - 0.06), (x + 0.3, y - 0.06), (x + 0.3, y + 0.3), (x - 0.3, y + 0.3)])
        canvas.paint("mouth", bowl, lips, within=below)
        tongue = choose(rng, colours, [lips], 0.25)
        canvas.paint("mouth", head.ellipse(x, y + 0.11, 0.12, 0.08), tongue, within=bowl)
