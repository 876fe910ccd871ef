"""`drawn:object`: a cat or a dog of `drawn:pets`, with the parts of the other one lying about.

The pets differ in ears, pupils and muzzle. Here the other animal's lie at the edges of the image, so that both classes
hold all parts of both, and only which of them make up the animal differs. Difficulty adds grain and makes it smaller.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lab.images.synthetic.pets import PETS, draw

FAMILY = replace(
    PETS,
    name="object",
    title="Drawn cats and dogs among parts",
    description="A cat or a dog, with ears, muzzle and eyes of the other one lying about.",
    diagnostic_parts=(*PETS.diagnostic_parts, "clutter"),
    draw=partial(draw, loose=True),
    difficulty=0.1,
    group="ladder",
)
