"""`drawn:frequency`: a patch of coarse or of fine stripes, at any angle.

Contrast, colours, lightness and angles are the same in both classes. Difficulty brings the two spatial frequencies
together.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.rungs.ground import (
    clutter,
    finished,
    ground,
    lerp,
    paint_stripes,
    pair_of_tones,
    random_patch,
)
from lab.images.synthetic.sampling import between
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("coarse", "fine")
_MIDDLE = 11.0  # cycles an image width
_GRAIN = 12.0


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw coarse (label 0) or fine stripes (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size)
    clutter(rng, canvas)
    patch = random_patch(rng, size)
    angle, phase = between(rng, 0, math.pi), between(rng, 0, 2 * math.pi)
    cycles = _MIDDLE * math.exp((-1, 1)[label] * lerp(0.5, 0.02, difficulty) * between(rng, 0.7, 1.3))
    paint_stripes(canvas, patch, cycles, angle, phase, pair_of_tones(rng, between(rng, 40, 80)))
    factors = {
        "class": CLASSES[label], **patch.factors(), "angle": math.degrees(angle), "cycles": cycles,
        "phase": math.degrees(phase),
    }  # fmt: skip
    return finished(rng, canvas, factors, _GRAIN)


FAMILY = DrawnFamily(
    "frequency", "Drawn stripes, coarse or fine", "Coarse or fine stripes at any angle, of the same contrast.",
    CLASSES, ("patch",), draw, decides="cycles", difficulty=0.7, group="ladder",
)  # fmt: skip
