"""`drawn:orientation`: a patch of stripes that lean to the left or to the right.

Mirrored about the upright, so wavelength, contrast, colours and lightness are the same in both. Difficulty takes
contrast away from the stripes and leaves the grain.
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
from lab.images.synthetic.sampling import around, between
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("left", "right")
_GRAIN = 12.0


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw stripes that lean left (label 0) or right (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size)
    clutter(rng, canvas)
    patch = random_patch(rng, size)
    lean = (-1, 1)[label] * (math.pi / 4 + around(rng, 0.5))
    cycles, phase = between(rng, 7, 14), between(rng, 0, 2 * math.pi)
    paint_stripes(canvas, patch, cycles, lean, phase, pair_of_tones(rng, lerp(110, 4, difficulty)))
    factors = {
        "class": CLASSES[label], **patch.factors(), "lean": math.degrees(lean), "cycles": cycles,
        "phase": math.degrees(phase),
    }  # fmt: skip
    return finished(rng, canvas, factors, _GRAIN)


FAMILY = DrawnFamily(
    "orientation", "Drawn stripes, leaning left or right", "Stripes that lean left or right, alike in all else.",
    CLASSES, ("patch",), draw, decides="lean", difficulty=0.88, group="ladder",
)  # fmt: skip
