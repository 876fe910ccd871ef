"""Images drawn here, with known factors and part masks: no download, seeded, low-level statistics matched."""

from lab.images.synthetic.sets import DRAWING_VERSION, FAMILIES, DrawnSet, DrawnSource, draw_set
from lab.images.synthetic.types import Drawing, DrawnFamily

__all__ = ["DRAWING_VERSION", "FAMILIES", "Drawing", "DrawnFamily", "DrawnSet", "DrawnSource", "draw_set"]
