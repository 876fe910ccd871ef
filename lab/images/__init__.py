"""Image sets: where images come from, how they are decoded safely, which belong together in a split."""

from lab.images.catalogue import SetInfo, catalogue, class_names, open_image_set, settled, stamp
from lab.images.decode import thumbnail
from lab.images.types import ImageRecord, ImageSet, PixelSource, Quarantined

__all__ = [
    "ImageRecord",
    "ImageSet",
    "PixelSource",
    "Quarantined",
    "SetInfo",
    "catalogue",
    "class_names",
    "open_image_set",
    "settled",
    "stamp",
    "thumbnail",
]
