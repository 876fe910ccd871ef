"""Images drawn here, with known factors and part masks: no download, seeded, low-level statistics matched."""

from lab.images.synthetic.sets import DRAWING_VERSION, FAMILIES, DrawnSet, DrawnSource, draw_set
from lab.images.synthetic.types import Drawing, DrawnFamily

# spec -> title of every drawn set, for lists and help texts
DRAWN_SETS = {f"drawn:{name}": family.title for name, family in FAMILIES.items()}

__all__ = ["DRAWING_VERSION", "DRAWN_SETS", "FAMILIES", "Drawing", "DrawnFamily", "DrawnSet", "DrawnSource", "draw_set"]
