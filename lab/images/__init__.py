"""Image sets: where images come from, how they are decoded safely, which belong together in a split."""

from lab.images.catalogue import catalogue, class_names, number_columns, open_image_set, stamp, table_columns
from lab.images.decode import thumbnail
from lab.images.named_sets import SetInfo
from lab.images.regroup import groups_stamp, regrouped, settled_groups
from lab.images.specs import columns_named, names_a_path, settled, short_name, with_columns
from lab.images.tensors import images_asked, images_in_request, images_of_arrays
from lab.images.types import MEMORY, ImageRecord, ImageSet, PixelSource, Quarantined, asked_of, from_python, picked

__all__ = [
    "MEMORY",
    "ImageRecord",
    "ImageSet",
    "PixelSource",
    "Quarantined",
    "SetInfo",
    "asked_of",
    "catalogue",
    "class_names",
    "columns_named",
    "from_python",
    "groups_stamp",
    "images_asked",
    "images_in_request",
    "images_of_arrays",
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
