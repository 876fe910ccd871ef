"""`drawn:brightness`: a dark or a light patch of the same hue.

Hue and chroma are the same in both classes, whatever the lightness; the ground is of a middle lightness, clutter of
any. Difficulty
brings the two towards the middle.
"""

from __future__ import annotations

import math

import numpy as np

from lab.images.synthetic.rungs.ground import MIDDLE, clutter, finished, ground, lerp, random_patch, random_tone, tone
from lab.images.synthetic.sampling import between
from lab.images.synthetic.types import Drawing, DrawnFamily

CLASSES = ("dark", "light")


def draw(rng: np.random.Generator, label: int, size: int, difficulty: float) -> Drawing:
    """Draw a dark (label 0) or a light patch (label 1) on a square of `size` pixels."""
    canvas = ground(rng, size, colour=random_tone(rng, spread=8))
    clutter(rng, canvas)
    patch = random_patch(rng, size)
    luma = MIDDLE + (-1, 1)[label] * lerp(56, 3, difficulty) * between(rng, 0.7, 1.3)
    chroma, angle = between(rng, 0, 30), between(rng, 0, 2 * math.pi)
    canvas.paint("patch", patch.outline, tone(luma, chroma, angle))
    factors = {
        "class": CLASSES[label], **patch.factors(), "patch luma": luma, "patch chroma": chroma,
        "patch hue": math.degrees(angle),
    }  # fmt: skip
    return finished(rng, canvas, factors)


FAMILY = DrawnFamily(
    "brightness", "Drawn patches, dark or light", "A dark or a light patch of the same hue.", CLASSES, ("patch",), draw,
    decides="patch luma", difficulty=0.6, group="ladder",
)  # fmt: skip
