"""Images drawn here, with known factors and part masks: no download, seeded, hue and brightness matched."""

from lab.images.synthetic.rungs import RUNGS
from lab.images.synthetic.sets import DRAWING_VERSION, FAMILIES, DrawnSet, DrawnSource, draw_set
from lab.images.synthetic.types import Drawing, DrawnFamily

# spec -> title of the drawn sets, for lists and help texts; the rungs of the ladder have a page of their own
DRAWN_SETS = {f"drawn:{name}": family.title for name, family in FAMILIES.items() if not family.group}

__all__ = [
    "DRAWING_VERSION",
    "DRAWN_SETS",
    "FAMILIES",
    "RUNGS",
    "Drawing",
    "DrawnFamily",
    "DrawnSet",
    "DrawnSource",
    "draw_set",
]
