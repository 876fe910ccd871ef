"""The rows of a table of labels: which file has which label, part of a split, group and factors.

The table is a file beside its images (`labels.csv?label=species&group=site`), or the `metadata.csv` (`.jsonl`,
`.parquet`) in a folder or zip of images, as in Hugging Face's imagefolder. Options name its columns; without them they
are found by their usual names. What becomes of the rows is in `lab.images.labelled_layout`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.errors import LabError, nearest
from lab.images.folder import FileReader, file_problem, file_version
from lab.images.layout import Entry, Parts, Told, Tree
from lab.images.structure import TEST, TRAIN, VALIDATION, part_of
from lab.images.table_file import Columns, columns_of
from lab.images.targets import as_number
from lab.images.types import Quarantined
from lab.roots import permitted, roots

OPTIONS: Final = ("label", "file_name", "split", "group", "factors", "images")
LABELS: Final = ("label", "labels", "class", "category", "target", "y")
FILES: Final = ("file_name", "image_file_name", "filename", "file", "image", "path", "file_path", "image_path")
SPLITS: Final = ("split", "part", "subset")
GROUPS: Final = ("group", "groups")
MOST_VALUES: Final = 30  # of a factor: time grows with them, and a patient with two images is hardly a class
MISSING: Final = "no such file"

Files = Callable[[str], Entry]


@dataclass(frozen=True)
class Row:
    """A row of a table: the file as it is named, where it is, what is told of it; `label` is its text."""

    name: str
    entry: Entry
    label: str
    told: Told


def read_labelled(path: Path, options: Mapping[str, str]) -> tuple[LabelledRows, str]:
    """Return the rows of the table at `path`, and where its files are looked for: its folder, or `images`."""
    columns = columns_of(content_of(path), str(path))
    root = _root(path, options)
    return rows_of(columns, str(path), options, _disk_files(str(root)), ""), str(root)


def read_tree_labelled(tree: Tree, options: Mapping[str, str]) -> LabelledRows | None:
    """Return the rows of the tables in a folder or zip of images, None where they hold no labels.

    A table in a folder with the name of a split (`train/metadata.csv`) tells of that part.
    """
    tables = [(entry, columns_of(entry.read(), "/".join((tree.where, *entry.parts)))) for entry in tree.tables]
    named = {entry.parts: entry for entry in tree.entries}
    found: list[LabelledRows] = []
    for entry, columns in tables:
        if not options and _first(columns, LABELS) is None:
            continue
        folder = entry.parts[:-1]
        where = "/".join((tree.where, *entry.parts))
        part = part_of(folder[-1]) if folder else ""
        found.append(rows_of(columns, where, options, _tree_files(named, folder), part))
    if not found:
        return None
    common = [name for name in found[0].factors if all(name in one.factors for one in found)]
    used = {row.entry.parts for one in found for row in one.rows}
    extra = len(named.keys() - used)
    notes = [f"{extra:,} images that no table names were left out"] if extra else []
    rows = tuple(row for one in found for row in one.keeping(common).rows)
    return replace(found[0], where=tree.where, rows=rows, factors=tuple(common), notes=tuple(notes))


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a table `where`, the names of its factors, the column of its labels, and what cannot be
    read."""

    where: str
    rows: tuple[Row, ...]
    factors: tuple[str, ...]
    label: str
    notes: tuple[str, ...] = ()
    aside: tuple[Quarantined, ...] = ()

    def keeping(self, names: Sequence[str]) -> LabelledRows:
        """Return the rows with these factors only."""
        places = [self.factors.index(name) for name in names]
        rows = [
            replace(row, told=replace(row.told, factors=tuple(row.told.factors[k] for k in places)))
            for row in self.rows
        ]
        return replace(self, rows=tuple(rows), factors=tuple(names))


def columns_there(path: Path) -> tuple[str, ...]:
    """Return the names of a table's columns."""
    return tuple(columns_of(content_of(path), str(path)))


def numbers_there(path: Path) -> tuple[str, ...]:
    """Return the columns of a table that hold numbers, three different ones or more."""
    return _number_columns(columns_of(content_of(path), str(path)))


def tree_numbers(tree: Tree) -> tuple[str, ...]:
    """Return the same of the tables in a folder or zip."""
    tables = [columns_of(entry.read(), "/".join((tree.where, *entry.parts))) for entry in tree.tables]
    return tuple(dict.fromkeys(name for table in tables for name in _number_columns(table)))


def _number_columns(columns: Columns) -> tuple[str, ...]:
    different = {name: {value for value in values if value} for name, values in columns.items()}
    return tuple(
        name for name, values in different.items() if len(values) > 2 and all(as_number(v) is not None for v in values)
    )


def tree_columns(tree: Tree) -> tuple[str, ...]:
    """Return the names of the columns of the tables in a folder or zip, each once."""
    tables = [columns_of(entry.read(), "/".join((tree.where, *entry.parts))) for entry in tree.tables]
    return tuple(dict.fromkeys(name for table in tables for name in table))


def files_stamp(path: Path, options: Mapping[str, str]) -> str:
    """Return a text that changes when one of a table's files does, without reading them."""
    columns = columns_of(content_of(path), str(path))
    names = columns[column_of(columns, str(path), options, "file_name", FILES)]
    root = str(_root(path, options))
    found = hashlib.sha256()
    for name in names:
        try:
            status = os.stat(_place(root, name))
            found.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "replace"))
        except (OSError, ValueError):
            found.update(b"missing")
    return found.hexdigest()


def rows_of(columns: Columns, where: str, options: Mapping[str, str], files: Files, part: str = "") -> LabelledRows:
    """Return the rows of the table `where`: `files` finds an image by its name, `part` is that of a table without a
    column of them."""
    file_name = column_of(columns, where, options, "file_name", FILES)
    label = column_of(columns, where, options, "label", LABELS)
    split = column_of(columns, where, options, "split", SPLITS, needed=False)
    group = column_of(columns, where, options, "group", GROUPS, needed=False)
    factors = _factors(columns, where, options, {file_name, label, split}, group)
    parts = [_part(text, where) for text in columns[split]] if split else [part] * len(columns[label])
    groups = columns[group] if group else [""] * len(parts)
    values = list(zip(*(columns[name] for name in factors), strict=True)) or [()] * len(parts)
    rows = tuple(
        Row(name, files(name) if name else _nameless(), text, Told(own, of, factor))
        for name, text, own, of, factor in zip(columns[file_name], columns[label], parts, groups, values, strict=True)
    )
    return LabelledRows(where, rows, factors, label)


def column_of(
    columns: Columns, where: str, options: Mapping[str, str], role: str, likely: Sequence[str], needed: bool = True
) -> str:
    """Return the column asked for, or the one with a usual name, "" where there is none and none is needed."""
    wanted = options.get(role)
    there = ", ".join(map(repr, columns))
    if wanted == "none" and not needed and wanted not in columns:
        return ""
    if wanted is not None:
        if wanted not in columns:
            raise LabError(f"{where} has no column {wanted!r}{nearest(wanted, columns)}; it has {there}")
        return wanted
    found = _first(columns, likely)
    if found is None and needed:
        told = "the files" if role == "file_name" else "the labels"
        raise LabError(f"{where} has no column {likely[0]!r} of {told}; it has {there}: add ?{role}=COLUMN")
    return found or ""


def _first(columns: Columns, likely: Sequence[str]) -> str | None:
    by_name = {name.lower(): name for name in reversed(columns)}
    return next((by_name[name] for name in likely if name in by_name), None)


def _factors(columns: Columns, where: str, options: Mapping[str, str], taken: set[str], group: str) -> tuple[str, ...]:
    """Return the columns to tell images by: those named, or all with few values; the group's own is always one."""
    if "factors" in options:
        named = [name.strip() for name in options["factors"].split(",") if name.strip() not in ("", "none")]
        for name in named:
            if name not in columns:
                raise LabError(f"{where} has no column {name!r}{nearest(name, columns)}; it has {', '.join(columns)}")
    else:
        named = [
            name
            for name, values in columns.items()
            if name not in taken and 2 <= len(set(values)) <= min(MOST_VALUES, len(values) - 1)
        ]
    return tuple(dict.fromkeys([*([group] if group else []), *named]))


def _part(text: str, where: str) -> str:
    found = part_of(text)
    if text and not found:
        raise LabError(
            f"{where} has the split {text!r}; it must be {TRAIN}, {VALIDATION} or {TEST} (or choose another column "
            "with ?split=COLUMN, ?split=none for none)"
        )
    return found


def _root(path: Path, options: Mapping[str, str]) -> Path:
    """Return the folder that a table's files are named from: its own, or the one of the option `images`."""
    if not (folder := options.get("images")):
        return path.parent
    root = permitted(path.parent / Path(folder).expanduser())
    if not root.is_dir():
        raise LabError(f"{path}: there is no folder {str(root)!r}; name the images' folder with ?images=FOLDER")
    return root


def _place(root: str, name: str) -> str:
    return os.path.join(root, name.replace("\\", "/"))


def _disk_files(root: str) -> Files:
    """Return what finds a file on disk; what a link leads to counts, and must be permitted."""

    bound = roots() is not None  # asked once: a table may have 100,000 rows

    def find(name: str) -> Entry:
        path = _place(root, name)
        try:
            status = os.stat(permitted(path) if bound else path)
        except (OSError, ValueError):
            return Entry((name,), FileReader(path), "", MISSING)
        return Entry((name,), FileReader(path), file_version(path, status), file_problem(status))

    return find


def _tree_files(named: Mapping[Parts, Entry], folder: Parts) -> Files:
    def find(name: str) -> Entry:
        own = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        found = named.get((*folder, *own))
        return found or Entry((*folder, *own), FileReader(name), "", MISSING)

    return find


def _nameless() -> Entry:
    return Entry((), FileReader(""), "", "a row without a file name")


def content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabError(f"{path} cannot be read ({(error.strerror or 'no file').lower()})") from error
