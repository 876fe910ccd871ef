"""Split groups as the user wants them: as found, none, or those of a table.

A table is a CSV file with the columns `file_name` (an image's path in its set, or the end of it where that names one
image) and `group` (any text); images with one group never straddle a split. Images that are
not in the table stay alone.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final

from lab.errors import LabError
from lab.images.row_values import group_numbers, listed
from lab.images.types import ImageSet

FOUND: Final = "auto"
NONE: Final = "none"
COLUMNS: Final = ("file_name", "group")


def regrouped(images: ImageSet, groups: str) -> ImageSet:
    """Return the images in the groups that were found ("auto"), each alone ("none"), or as the CSV file at `groups`
    says.

    Raises LabError for a file that cannot be read, lacks a column, or names an image that is not there or several.
    """
    if groups == FOUND:
        return images
    names = _own_names(images) if groups == NONE else _from_table(images, groups)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    records = [replace(record, group=numbers[name]) for record, name in zip(images.records, names, strict=True)]
    return replace(images, records=tuple(records))


def in_groups(images: Any, groups: Any) -> tuple[Any, str]:
    """Return images, and the text that says which of them belong together; where `groups` are listed, one an image
    `(N,)`, the images have them from now on. Raises LabError for a list of another length or of images by name.
    """
    if isinstance(groups, (str, os.PathLike)):
        return images, os.fspath(groups)
    if not isinstance(images, ImageSet):
        raise LabError(
            f"groups of {images} are listed, and which image comes where is not known yet; give what "
            "lab.open_image_set returns, or groups as a CSV file (file_name, group)"
        )
    numbers = group_numbers(listed(groups), "image")
    if len(numbers) != len(images):
        raise LabError(f"there are {len(numbers)} groups for {len(images)} images; give one for each")
    records = [replace(record, group=int(number)) for record, number in zip(images.records, numbers, strict=True)]
    return replace(images, records=tuple(records), opened=None), FOUND


def settled_groups(groups: str) -> str:
    """Return a text that means the same from every folder: a path in full."""
    return groups if groups in (FOUND, NONE) else os.path.abspath(os.path.expanduser(groups))


def groups_stamp(groups: str) -> str:
    """Return a text that changes when the table does; raise LabError when there is none."""
    if groups in (FOUND, NONE):
        return groups
    try:
        status = os.stat(groups)
    except OSError as error:
        raise _unreadable(groups, error.strerror or "cannot be read") from error
    return f"{status.st_size}:{status.st_mtime_ns}"


def _own_names(images: ImageSet) -> list[tuple[str, str]]:
    return [("image", record.id) for record in images.records]


def _from_table(images: ImageSet, path: str) -> list[tuple[str, str]]:
    names = _own_names(images)
    place = _by_ending(images)
    for file_name, group in _rows(path):
        found = place.get(file_name.replace("\\", "/").removeprefix("./"), [])
        if len(found) > 1:
            several = " and ".join(repr(images.records[k].id) for k in found[:2])
            raise LabError(f"{path} names {file_name!r}, which may be {several}; write more of the path")
        for k in found:
            names[k] = ("group", group)
    if all(kind == "image" for kind, _ in names):
        example = images.records[0].id
        raise LabError(f"{path} names no image of {images.spec}; write file names as in {example!r}")
    return names


def _by_ending(images: ImageSet) -> dict[str, list[int]]:
    """Return positions by every ending of an id that begins with a folder or the file's name; a whole id is itself."""
    place: dict[str, list[int]] = {}
    for k, record in enumerate(images.records):
        parts = record.id.split("/")
        for first in range(1, len(parts)):
            place.setdefault("/".join(parts[first:]), []).append(k)
    return place | {record.id: [k] for k, record in enumerate(images.records)}


def _rows(path: str) -> list[tuple[str, str]]:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or "cannot be read") from error
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _unreadable(path, "is no table in UTF-8") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise LabError(f"{path} has no column {missing[0]!r}; it needs {' and '.join(COLUMNS)} in its first line")
    return list(table[list(COLUMNS)].itertuples(index=False, name=None))


def _unreadable(path: str, why: str) -> LabError:
    return LabError(f"groups: {path!r}: {why}; give auto, none, or a CSV file with the columns {', '.join(COLUMNS)}")
