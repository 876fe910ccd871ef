"""`drawn:hue`: a patch of a warm or of a cold colour, of the same lightness.

The two hues lie opposite each other. The ground is nearly grey, clutter takes any hue, and lightness has nothing to do
with the class. Difficulty takes chroma away.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.rungs.ground import MIDDLE, clutter, finished, ground, lerp, random_patch, random_tone, tone
from lab.images.synthetic.sampling import around
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("warm", "cold")
_SPREAD = 0.6  # radians on either side of the middle of a class


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a warm (label 0) or a cold patch (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size, colour=random_tone(rng, chroma=8))
    chroma = lerp(50, 2, difficulty)
    clutter(rng, canvas)
    patch = random_patch(rng, size)
    luma, angle = MIDDLE + around(rng, 45), math.pi * label + around(rng, _SPREAD)
    canvas.paint("patch", patch.outline, tone(luma, chroma, angle))
    factors = {"class": CLASSES[label], **patch.factors(), "patch luma": luma, "patch hue": math.degrees(angle)}
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "hue", "Drawn patches, warm or cold", "A patch of a warm or a cold colour of the same lightness.", CLASSES,
    ("patch",), draw, decides="patch hue", difficulty=0.6, group="ladder",
)  # fmt: skip
