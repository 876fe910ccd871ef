"""A dataset of a Python process as an image set: a `datasets.Dataset`, a torch `Dataset`, or several by part.

Of Hugging Face's the encoded bytes are taken as they are. A torch dataset gives a picture and a label by position, or a
dictionary of them; its pictures (PIL, uint8 arrays `(H, W, 3)`, tensors `(3, H, W)`) are kept as PNG while they are
looked at, so that they are checked, grouped and drawn as files are. They must be the same each time: without random
transforms.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from PIL import Image

from lab.errors import LabError, briefly, check_type
from lab.images.assemble import assemble
from lab.images.huggingface import RowReader
from lab.images.labelled import LABELS, rows_of
from lab.images.labelled_layout import layout_of_rows
from lab.images.layout import Entry, Unreadable
from lab.images.structure import part_of
from lab.images.table_file import Columns, text_of
from lab.images.types import ImageSet
from lab.progress import Progress, silent

FILE: Final = "file_name"
PICTURES: Final = ("image", "img", "picture", "pixel_values", "x")
NAME: Final = "a dataset from Python"


def image_set_of(
    dataset: Any,
    *,
    image: str = "",
    label: str = "",
    group: str = "",
    split: str = "",
    factors: Sequence[str] = (),
    classes: Sequence[str] = (),
    names: Sequence[str] = (),
    per_class: int | None = None,
    target: str = "class",
    name: str = NAME,
    progress: Progress = silent,
) -> ImageSet:
    """Return a dataset as an image set for `lab.probe` and all else that takes one.

    `dataset` is a `datasets.Dataset`, a torch `Dataset` (with a length), or a dictionary of such by part ("train",
    "test"): then the split is theirs. `image`, `label`, `group`, `split` and `factors` are columns, or keys of what the
    dataset gives; of tuples the first is the picture and the second the label. `names` are those of labels that are
    numbers from 0. With `target` "number" labels are numbers to be predicted.

    Raises LabError for datasets without pictures or labels, or that give another picture each time.
    """
    for what, column in {"image": image, "label": label, "group": group, "split": split, "name": name}.items():
        check_type(what, column, str, "the name of a column" if what != "name" else "text")
    several = dict(dataset.items()) if isinstance(dataset, Mapping) else {"": dataset}
    columns: Columns = {}
    entries: dict[str, Entry] = {}
    for number, (key, one) in enumerate(several.items()):
        read = _of_table if hasattr(one, "features") and hasattr(one, "select_columns") else _of_items
        told, pictures = read(one, image, label, names, progress)
        ids = [f"{key}/{k:06d}" if key else f"{k:06d}" for k in range(len(pictures))]
        entries |= {own: Entry((own,), reader) for own, reader in zip(ids, pictures, strict=True)}
        told = {FILE: ids, **told}
        if key and not split:
            told["split"] = [part_of(str(key)) or str(key)] * len(ids)
        if number and told.keys() != columns.keys():
            raise LabError(f"the parts of {name} differ in their columns: {', '.join(columns)} and {', '.join(told)}")
        columns = {field_name: [*columns.get(field_name, []), *values] for field_name, values in told.items()}
    options = {"label": label, "group": group, "split": split, "factors": ",".join(factors)}
    given = {role: column for role, column in options.items() if column}
    rows = rows_of(columns, name, given, entries.__getitem__)
    return assemble(name, layout_of_rows(rows, classes, per_class, target, name), per_class, progress)


@dataclass(frozen=True)
class _ItemImage:
    """Reads the picture at a position of a torch dataset, as PNG."""

    dataset: Any
    key: Any
    index: int
    lock: threading.Lock = field(repr=False)

    def __call__(self) -> bytes:
        with self.lock:
            try:
                item = self.dataset[self.index]
            except Exception as error:  # whatever the user's own code raises
                raise Unreadable(f"the dataset raises {type(error).__name__} ({str(error)[:80]})") from error
        return _png(_parts_of(item)[self.key], self.index)


Read = tuple[Columns, list[Any]]


def _of_table(table: Any, image: str, label: str, names: Sequence[str], progress: Progress) -> Read:
    """Return the columns of a `datasets.Dataset` as text, classes by their names, and a reader per image."""
    features = table.features
    pictures = [name for name, kind in features.items() if type(kind).__name__ == "Image"]
    chosen = image or (pictures[0] if len(pictures) == 1 else "")
    if chosen not in pictures:
        there = ", ".join(map(repr, features))
        raise LabError(f"the dataset has no single column of images{f' {image!r}' if image else ''}; it has {there}")
    told: Columns = {}
    for column, kind in features.items():
        if column == chosen or type(kind).__name__ not in ("Value", "ClassLabel"):
            continue
        values = list(table.select_columns([column])[column])
        own = list(getattr(kind, "names", None) or (names if column == label else ()) or ())
        told[column] = [_named(value, own) for value in values]
    encoded = table.select_columns([chosen]).cast_column(chosen, type(features[chosen])(decode=False))
    lock = threading.Lock()
    return told, [RowReader(encoded, chosen, k, lock) for k in range(len(table))]


def _of_items(dataset: Any, image: str, label: str, names: Sequence[str], progress: Progress) -> Read:
    """Return what a torch dataset tells of each picture as text, and a reader per picture."""
    try:
        count = len(dataset)
    except TypeError as error:
        raise LabError("the dataset has no length; give one that is indexed by position (map-style)") from error
    if not count:
        raise LabError("the dataset is empty")
    try:
        first = _parts_of(dataset[0])
    except (KeyError, TypeError) as error:
        raise LabError(f"{briefly(dataset)} gives nothing at position 0; give a dataset indexed by position") from error
    key = image or next((name for name in PICTURES if name in first), "")
    if key not in first:
        raise LabError(f"the dataset's items have no picture but {', '.join(map(repr, first))}; name it as image")
    if _png(first[key], 0) != _png(_parts_of(dataset[0])[key], 0):
        raise LabError("the dataset gives another picture each time; take its random transforms out")
    own = names or getattr(dataset, "classes", ()) or ()
    told: Columns = {name: [] for name in first if name != key and not _is_picture(first[name])}
    for k in range(count):
        parts = _parts_of(dataset[k])
        progress("Reading the dataset", k + 1, count, "images")
        for name, values in told.items():
            is_label = name == label or (not label and name in LABELS)
            values.append(_named(_plain(parts.get(name)), own if is_label else ()))
    lock = threading.Lock()
    return told, [_ItemImage(dataset, key, k, lock) for k in range(count)]


def _parts_of(item: Any) -> dict[str, Any]:
    """Return what a dataset gives at a position by name: of a tuple, image and label."""
    if isinstance(item, Mapping):
        return {str(name): value for name, value in item.items()}
    if isinstance(item, (tuple, list)) and len(item) >= 2:
        return {"image": item[0], "label": item[1], **{f"field {k}": item[k] for k in range(2, len(item))}}
    raise LabError(
        f"the dataset gives {type(item).__name__} at a position; give a picture and a label, (image, label) or a "
        "dictionary of them"
    )


def _is_picture(value: Any) -> bool:
    return isinstance(value, Image.Image) or np.ndim(_plain(value)) > 0


def _plain(value: Any) -> Any:
    """Return a tensor or numpy scalar as a Python value, anything else as it is."""
    array = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return array.item() if isinstance(array, (np.ndarray, np.generic)) and np.ndim(array) == 0 else array


def _named(value: Any, names: Sequence[str]) -> str:
    if names and isinstance(value, int) and not isinstance(value, bool):
        return str(names[value]) if 0 <= value < len(names) else ""
    return text_of(value)


def _png(value: Any, index: int) -> bytes:
    stream = io.BytesIO()
    _picture(value, index).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _picture(value: Any, index: int) -> Image.Image:
    """Return a picture as PIL has it; raises LabError for arrays that are none."""
    if isinstance(value, Image.Image):
        return value
    is_tensor = hasattr(value, "detach")
    array = np.asarray(_plain(value))
    if is_tensor and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):
            raise LabError(
                f"picture {index} holds numbers from {array.min():g} to {array.max():g}, not 0 to 1; leave "
                "normalisation out of the dataset: every network has its own"
            )
        array = np.round(array * 255).astype(np.uint8)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise LabError(
            f"picture {index} is {array.dtype} {array.shape}; give PIL images, uint8 (H, W, 3), or tensors (3, H, W)"
        )
    return Image.fromarray(array)
