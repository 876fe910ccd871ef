"""Image sets: where images come from, how they are decoded safely, which belong together in a split."""

from lab.images.catalogue import (
    SetInfo,
    catalogue,
    class_names,
    names_a_path,
    number_columns,
    open_image_set,
    settled,
    short_name,
    stamp,
    table_columns,
    with_columns,
)
from lab.images.decode import thumbnail
from lab.images.regroup import groups_stamp, regrouped, settled_groups
from lab.images.types import ImageRecord, ImageSet, PixelSource, Quarantined, picked

__all__ = [
    "ImageRecord",
    "ImageSet",
    "PixelSource",
    "Quarantined",
    "SetInfo",
    "catalogue",
    "class_names",
    "groups_stamp",
    "names_a_path",
    "number_columns",
    "open_image_set",
    "picked",
    "regrouped",
    "settled",
    "settled_groups",
    "short_name",
    "stamp",
    "table_columns",
    "thumbnail",
    "with_columns",
]
