"""What stands behind and beside the figure of a rung: ground, clutter and colours of a chosen lightness and hue.

A colour is its luma plus a vector of chroma at right angles to luma, so that hue can change without lightness and
lightness without hue, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lab.images.synthetic.canvas import Canvas, Colour
from lab.images.synthetic.outlines import Frame, Outline
from lab.images.synthetic.sampling import around, between, chance
from lab.images.synthetic.types import Drawing, Factor

GRAIN = 4.0
CLUTTER = 9
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
MIDDLE = 128.0
PARTS = ("background", "clutter", "patch")

# Two directions of RGB, of length 1, at right angles to each other and to luma; the first is from blue to orange.
_WARM = np.array([1.0, 0.0, -1.0], dtype=np.float32) - np.float32((LUMA[0] - LUMA[2]) / (LUMA @ LUMA)) * LUMA
_WARM /= np.linalg.norm(_WARM)
_GREEN = np.cross(LUMA, _WARM)
_GREEN /= np.linalg.norm(_GREEN)


def tone(luma: float, chroma: float, angle: float) -> Colour:
    """Return the colour of a luma (0 to 255) and a chroma (levels) at an angle of hue, 0 being orange (radians)."""
    return (luma + chroma * (math.cos(angle) * _WARM + math.sin(angle) * _GREEN)).astype(np.float32)


def hue_of(colour: Colour) -> float:
    """Return the angle of hue of a colour, as `tone` takes it (radians)."""
    return math.atan2(float(colour @ _GREEN), float(colour @ _WARM) - float(colour @ LUMA) * float(_WARM.sum()))


def random_tone(rng: np.random.Generator, *, spread: float = 50.0, chroma: float = 36.0) -> Colour:
    """Return a colour of any hue, its luma within `spread` of the middle, its chroma up to `chroma`."""
    return tone(MIDDLE + around(rng, spread), between(rng, 0, chroma), between(rng, 0, 2 * math.pi))


def pair_of_tones(rng: np.random.Generator, contrast: float) -> tuple[Colour, Colour]:
    """Return two colours of any hue whose lumas are `contrast` apart, on either side of a random middle."""
    middle, half = MIDDLE + around(rng, 24), contrast / 2 * (1 if chance(rng) else -1)
    one = tone(middle - half, between(rng, 0, 30), between(rng, 0, 2 * math.pi))
    return one, tone(middle + half, between(rng, 0, 30), between(rng, 0, 2 * math.pi))


def lerp(start: float, end: float, difficulty: float) -> float:
    """Return what lies at `difficulty` between a value at 0 and one at 1."""
    return start + (end - start) * difficulty


def ground(
    rng: np.random.Generator, size: int, parts: tuple[str, ...] = PARTS, *, colour: Colour | None = None
) -> Canvas:
    """Return a canvas of a random colour, or of `colour`, with a random slope of light."""
    behind = random_tone(rng, spread=40.0) if colour is None else colour
    return Canvas(size, behind, parts, slope=around(rng, 14))


def clutter(rng: np.random.Generator, canvas: Canvas, count: int = CLUTTER, *, chroma: float = 36.0) -> None:
    """Paint `count` small ellipses anywhere, each of a colour of its own, as part "clutter"."""
    for _ in range(count):
        place = (between(rng, 0, 1) * canvas.size, between(rng, 0, 1) * canvas.size)
        frame = Frame(place, between(rng, 0.03, 0.08) * canvas.size, between(rng, 0, math.pi))
        canvas.paint("clutter", frame.ellipse(0, 0, 1, between(rng, 0.5, 1)), random_tone(rng, chroma=chroma))


@dataclass(frozen=True)
class Patch:
    """A blob somewhere in the image: where it is and how large (image widths), and its outline."""

    x: float
    y: float
    radius: float
    aspect: float
    outline: Outline

    def factors(self) -> dict[str, Factor]:
        """Return its place and size as factors."""
        return {"x": self.x, "y": self.y, "radius": self.radius, "aspect": self.aspect}


def random_patch(rng: np.random.Generator, size: int, *, least: float = 0.17, most: float = 0.28) -> Patch:
    """Return an ellipse or a rounded polygon of any place, size and turn, wholly in the image."""
    radius, aspect = between(rng, least, most), between(rng, 0.75, 1)
    x, y = between(rng, radius, 1 - radius), between(rng, radius, 1 - radius)
    frame = Frame((x * size, y * size), radius * size, between(rng, 0, 2 * math.pi))
    angles = [2 * math.pi * (corner + around(rng, 0.25)) / 5 for corner in range(5)]
    corners = [(0.8 * math.cos(angle), 0.8 * aspect * math.sin(angle)) for angle in angles]
    round_one = chance(rng)
    outline = frame.ellipse(0, 0, 1, aspect) if round_one else frame.polygon(corners, 0.18)
    return Patch(x, y, radius, aspect, outline)


def paint_stripes(
    canvas: Canvas, patch: Patch, cycles: float, angle: float, phase: float, colours: tuple[Colour, Colour]
) -> None:
    """Fill a patch with a sine grating: `cycles` an image width, waves running at `angle` from the horizontal."""
    window = canvas.window(patch.outline)
    x, y = canvas.places(window)
    waves = np.sin(2 * math.pi * cycles * (x * math.cos(angle) + y * math.sin(angle)) + phase)
    dark, light = colours
    canvas.blend(
        "patch", window, canvas.cover(patch.outline, window), dark + (waves[:, :, None] + 1) / 2 * (light - dark)
    )


def finished(rng: np.random.Generator, canvas: Canvas, factors: dict[str, Factor], grain: float = GRAIN) -> Drawing:
    """Return the drawing of a canvas, with paper grain."""
    canvas.grain(rng, grain)
    return Drawing(canvas.finish(), factors, canvas.owner, canvas.parts)
