"""What stands behind a drawn figure, in every class alike: ground, sun or plain, and a scatter of small shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.colours import choose
from lab.images.synthetic.outlines import Ellipse, Frame
from lab.images.synthetic.sampling import around, at_most, between, chance, pick, shuffled

BACKDROPS = ("plain", "ground", "disc")

_GRID = 5


@dataclass(frozen=True)
class Backdrop:
    """Where the backdrop's one large shape is (image widths) and how it is coloured."""

    kind: str
    colour: Colour
    x: float
    y: float
    radius: float


def random_backdrop(rng: np.random.Generator, colours: Sequence[Colour], behind: Colour) -> Backdrop:
    """Return a backdrop whose shape is a near colour of the background `behind` it."""
    near = sorted(colours, key=lambda colour: float(np.abs(colour - behind).sum()))[1:4]
    kind = pick(rng, BACKDROPS)
    across, down, reach = between(rng, 0.2, 0.8), around(rng, 1), around(rng, 1)
    mixed = behind + (pick(rng, near) - behind) * np.float32(0.7)
    if kind == "ground":
        return Backdrop(kind, mixed, across, 2.1 + 0.08 * down, 1.4)
    return Backdrop(kind, mixed, across, 0.42 + 0.1 * down, 0.36 + 0.08 * reach)


def paint_backdrop(canvas: Canvas, backdrop: Backdrop) -> None:
    """Paint the ground or the disc as part "background"; a plain backdrop has neither."""
    if backdrop.kind == "plain":
        return
    size = canvas.size
    radius = backdrop.radius * size
    outline = Ellipse((backdrop.x * size, backdrop.y * size), (radius, radius))
    canvas.paint("background", outline, backdrop.colour, slope=8)


def scatter(
    rng: np.random.Generator,
    canvas: Canvas,
    colours: Sequence[Colour],
    behind: Colour,
    unlike: Sequence[Colour] = (),
) -> int:
    """Scatter rounded triangles and ellipses over the image as part "clutter" and return how many.

    They are as large as ears, eyes and muzzles and turned every way, and each stands in its own cell of a grid.
    They keep away from the colours in `unlike`, so that none passes for a part of the figure.
    """
    count = 6 + at_most(rng, 12)
    free = [colour for colour in colours if all(colour is not other for other in unlike)]
    cells = shuffled(rng, [(i % _GRID, i // _GRID) for i in range(_GRID * _GRID)])
    for column, row in cells[:count]:
        x = (column + 0.5 + around(rng, 0.35)) / _GRID
        y = (row + 0.5 + around(rng, 0.35)) / _GRID
        length, aspect = between(rng, 0.026, 0.066), between(rng, 0.5, 0.95)
        turn, triangle = between(rng, 0, math.pi * 2), chance(rng)
        colour = choose(rng, free, [behind], 0.2)
        frame = Frame((x * canvas.size, y * canvas.size), length * canvas.size, turn)
        if triangle:
            corners = [(-aspect * 0.8, 0.7), (aspect * 0.8, 0.7), (0.0, -0.9)]
            canvas.paint("clutter", frame.polygon(corners, 0.15), colour)
        else:
            canvas.paint("clutter", frame.ellipse(0, 0, 0.95, aspect * 0.9), colour)
    return count
