"""From a table of labels to a layout: which file has which label, part of a split, group and factors.

The table is a file beside its images (`labels.csv?label=species&group=site`), or the `metadata.csv` (`.jsonl`,
`.parquet`) in a folder or zip of images, as in Hugging Face's imagefolder. Options name its columns; without them they
are found by their usual names. Files that are not there are counted and listed among the images set aside.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.errors import LabError, nearest
from lab.images.folder import FileReader, file_problem, file_version
from lab.images.layout import Entry, Layout, Member, Parts, Told, Tree, printable, select_classes
from lab.images.structure import TEST, TRAIN, VALIDATION, part_of
from lab.images.table_file import Columns, columns_of
from lab.images.types import Quarantined
from lab.roots import permitted, roots

OPTIONS: Final = ("label", "file_name", "split", "group", "factors", "images")
LABELS: Final = ("label", "labels", "class", "category", "target", "y")
FILES: Final = ("file_name", "image_file_name", "filename", "file", "image", "path", "file_path", "image_path")
SPLITS: Final = ("split", "part", "subset")
GROUPS: Final = ("group", "groups")
NUMBER, SEVERAL = "number", "labels"  # targets beside classes
SEPARATORS: Final = (";", "|", ",")
MOST_VALUES: Final = 30  # of a factor: time grows with them, and a patient with two images is hardly a class
SPARE: Final = 4  # times as many rows as images are wanted: above, the choice is made before files are read
_MISSING: Final = "no such file"
_SHOWN: Final = 3

Files = Callable[[str], Entry]


@dataclass(frozen=True)
class _Row:
    """A row of a table: the file as it is named, where it is, what is told of it; `label` is its text."""

    name: str
    entry: Entry
    label: str
    told: Told


def read_labelled(path: Path, options: Mapping[str, str]) -> tuple[LabelledRows, str]:
    """Return the rows of the table at `path`, and where its files are looked for: its folder, or `images`."""
    columns = columns_of(_content(path), str(path))
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
    """The rows of a table `where`, the names of its factors, and the column of its labels."""

    where: str
    rows: tuple[_Row, ...]
    factors: tuple[str, ...]
    label: str
    notes: tuple[str, ...] = ()

    def keeping(self, names: Sequence[str]) -> LabelledRows:
        """Return the rows with these factors only."""
        places = [self.factors.index(name) for name in names]
        rows = [
            replace(row, told=replace(row.told, factors=tuple(row.told.factors[k] for k in places)))
            for row in self.rows
        ]
        return replace(self, rows=tuple(rows), factors=tuple(names))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes there are, numbers in their order; raises LabError for labels that are no classes."""
        return class_order([row.label for row in self.rows if row.label], self.where)


def layout_of_rows(
    found: LabelledRows, wanted: Sequence[str], per_class: int | None, target: str, looked_in: str
) -> Layout:
    """Return the classes of a table (those `wanted`, or all in order) and their files; with `target` "number" one
    class, named after the column, whose members have values.

    Raises LabError when labels mix text and numbers, when no file is there, or when fewer than two classes are.
    """
    rows, aside = _unlabelled_aside(found, target)
    if target == SEVERAL:
        rows, classes = _with_labels(rows, found, wanted)
        numbers = dict.fromkeys((row.label for row in rows), 0)
    elif target == NUMBER:
        if wanted:
            raise LabError(f"{found.where}: classes cannot be chosen where the labels are numbers; leave them out")
        rows = _with_values(rows, found)
        classes = (found.label,)
        numbers = dict.fromkeys((row.label for row in rows), 0)
    else:
        if wanted:  # others may be of another kind: they take no part
            rows = [row for row in rows if row.label in set(wanted)] or rows
        names = class_order([row.label for row in rows], found.where)
        classes = select_classes(names, wanted, found.where)
        numbers = {name: label for label, name in enumerate(classes)}
    rows = [row for row in rows if row.label in numbers]
    if rows and all(row.entry.problem == _MISSING for row in rows):
        raise LabError(
            f"none of the {len(rows):,} files that {found.where} names is there, such as {rows[0].name!r} (looked "
            f"for in {looked_in}); name the images' folder with ?images=FOLDER"
        )
    rows, repeated = _once(rows)
    missing = [row for row in rows if row.entry.problem == _MISSING]
    if target != SEVERAL:
        _check_every_class(rows, numbers, classes, found.where)
    chosen = _thinned(rows, per_class)
    aside += [Quarantined(printable(row.name), row.entry.problem) for row in rows if row.entry.problem]
    members = [
        Member(printable(row.name), numbers[row.label], row.entry.version, row.entry.read, row.told)
        for row in chosen
        if not row.entry.problem
    ]
    notes = [*found.notes, *_missing_note(missing, len(rows), found.where), *repeated]
    return Layout(tuple(map(printable, classes)), tuple(members), tuple(aside), tuple(notes), found.factors)


def columns_there(path: Path) -> tuple[str, ...]:
    """Return the names of a table's columns."""
    return tuple(columns_of(_content(path), str(path)))


def numbers_there(path: Path) -> tuple[str, ...]:
    """Return the columns of a table that hold numbers, three different ones or more."""
    return _number_columns(columns_of(_content(path), str(path)))


def tree_numbers(tree: Tree) -> tuple[str, ...]:
    """Return the same of the tables in a folder or zip."""
    tables = [columns_of(entry.read(), "/".join((tree.where, *entry.parts))) for entry in tree.tables]
    return tuple(dict.fromkeys(name for table in tables for name in _number_columns(table)))


def _number_columns(columns: Columns) -> tuple[str, ...]:
    different = {name: {value for value in values if value} for name, values in columns.items()}
    return tuple(
        name for name, values in different.items() if len(values) > 2 and all(_number(v) is not None for v in values)
    )


def tree_columns(tree: Tree) -> tuple[str, ...]:
    """Return the names of the columns of the tables in a folder or zip, each once."""
    tables = [columns_of(entry.read(), "/".join((tree.where, *entry.parts))) for entry in tree.tables]
    return tuple(dict.fromkeys(name for table in tables for name in table))


def classes_there(path: Path, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return the classes of the table at `path` without looking for its files."""
    columns = columns_of(_content(path), str(path))
    labels = columns[_column(columns, str(path), options, "label", LABELS)]
    return class_order([label for label in labels if label], str(path))


def files_stamp(path: Path, options: Mapping[str, str]) -> str:
    """Return a text that changes when one of a table's files does, without reading them."""
    columns = columns_of(_content(path), str(path))
    names = columns[_column(columns, str(path), options, "file_name", FILES)]
    root = str(_root(path, options))
    found = hashlib.sha256()
    for name in names:
        try:
            status = os.stat(_place(root, name))
            found.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "replace"))
        except (OSError, ValueError):
            found.update(b"missing")
    return found.hexdigest()


def class_order(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the different labels, whole numbers ascending, text in order.

    Raises LabError for labels that mix text and numbers, and for numbers that are not whole.
    """
    names = sorted(set(labels))
    numbers = {name: _number(name) for name in names}
    text = [name for name, number in numbers.items() if number is None]
    if text and len(text) < len(names):
        other = next(name for name, number in numbers.items() if number is not None)
        raise LabError(
            f"{where}: the labels mix text ({text[0]!r}) and numbers ({other}); make all of them the one or the other, "
            "or choose classes"
        )
    if text:
        return tuple(names)
    broken = next((name for name, number in numbers.items() if number is not None and not number.is_integer()), None)
    if broken is not None:
        raise LabError(
            f"{where}: the label {broken} is no class; classes are whole numbers or text (for numbers to be predicted, "
            "ask with --target number)"
        )
    return tuple(sorted(names, key=lambda name: (numbers[name], name)))


def rows_of(columns: Columns, where: str, options: Mapping[str, str], files: Files, part: str = "") -> LabelledRows:
    """Return the rows of the table `where`: `files` finds an image by its name, `part` is that of a table without a
    column of them."""
    file_name = _column(columns, where, options, "file_name", FILES)
    label = _column(columns, where, options, "label", LABELS)
    split = _column(columns, where, options, "split", SPLITS, needed=False)
    group = _column(columns, where, options, "group", GROUPS, needed=False)
    factors = _factors(columns, where, options, {file_name, label, split}, group)
    parts = [_part(text, where) for text in columns[split]] if split else [part] * len(columns[label])
    groups = columns[group] if group else [""] * len(parts)
    values = list(zip(*(columns[name] for name in factors), strict=True)) or [()] * len(parts)
    rows = tuple(
        _Row(name, files(name) if name else _nameless(), text, Told(own, of, factor))
        for name, text, own, of, factor in zip(columns[file_name], columns[label], parts, groups, values, strict=True)
    )
    return LabelledRows(where, rows, factors, label)


def _column(
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
            return Entry((name,), FileReader(path), "", _MISSING)
        return Entry((name,), FileReader(path), file_version(path, status), file_problem(status))

    return find


def _tree_files(named: Mapping[Parts, Entry], folder: Parts) -> Files:
    def find(name: str) -> Entry:
        own = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        found = named.get((*folder, *own))
        return found or Entry((*folder, *own), FileReader(name), "", _MISSING)

    return find


def _nameless() -> Entry:
    return Entry((), FileReader(""), "", "a row without a file name")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LabError(f"{path} cannot be read ({(error.strerror or 'no file').lower()})") from error


def _with_labels(
    rows: Sequence[_Row], found: LabelledRows, wanted: Sequence[str]
) -> tuple[list[_Row], tuple[str, ...]]:
    """Return rows with their several labels, and all labels there are: a JSON list, or texts with ; | or , between."""
    texts = [row.label for row in rows]
    between = next((mark for mark in SEPARATORS if any(mark in text for text in texts)), SEPARATORS[0])
    several = [_labels_in(text, between, found.where) for text in texts]
    names = sorted({name for own in several for name in own})
    classes = select_classes(names, wanted, found.where)
    kept = [tuple(name for name in classes if name in own) for own in several]
    return [replace(row, told=replace(row.told, labels=own)) for row, own in zip(rows, kept, strict=True)], classes


def _labels_in(text: str, between: str, where: str) -> tuple[str, ...]:
    if text[:1] != "[":
        return tuple(dict.fromkeys(name.strip() for name in text.split(between) if name.strip()))
    try:
        return tuple(dict.fromkeys(str(name) for name in json.loads(text)))
    except ValueError as error:
        raise LabError(f'{where}: the labels {text[:40]!r} are no JSON list; write ["a", "b"] or a;b') from error


def _unlabelled_aside(found: LabelledRows, target: str) -> tuple[list[_Row], list[Quarantined]]:
    """Return the rows that can be used; a row without a label, or without a part where others have one, cannot."""
    split = any(row.told.part for row in found.rows)
    fine, aside = [], []
    for row in found.rows:
        why = "" if row.label or target == SEVERAL else "without a label"  # an image may have none of several
        why = why or ("without a part of the split" if split and not row.told.part else "")
        if why:
            aside.append(Quarantined(printable(row.name), why))
        else:
            fine.append(row)
    if not fine:
        raise LabError(f"{found.where}: no row has a label in the column {found.label!r}; fill it, or name another")
    return fine, aside


def _with_values(rows: Sequence[_Row], found: LabelledRows) -> list[_Row]:
    values = [_number(row.label) for row in rows]
    wrong = [row for row, value in zip(rows, values, strict=True) if value is None]
    if wrong:
        raise LabError(
            f"{found.where}: {len(wrong):,} of {len(rows):,} values of {found.label!r} are no numbers, such as "
            f"{wrong[0].label!r}; leave them empty, or choose another column"
        )
    return [replace(row, told=replace(row.told, value=value)) for row, value in zip(rows, values, strict=True)]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _once(rows: Sequence[_Row]) -> tuple[list[_Row], list[str]]:
    """Return every file once; one with two labels is left out. And sentences about them."""
    first = {row.name: row for row in reversed(rows)}
    if len(first) == len(rows):
        return list(rows), []
    by_name: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    torn = [name for name, own in by_name.items() if len({(row.label, row.told.part) for row in own}) > 1]
    left = set(torn)
    kept = [own[0] for name, own in by_name.items() if name not in left]
    again = len(rows) - len(kept) - sum(len(by_name[name]) for name in torn)
    notes = []
    if again:
        notes.append(f"{again:,} rows name a file once more, and count once")
    if torn:
        notes.append(
            f"{len(torn):,} files have rows with different labels or parts, such as {torn[0]!r}, and were left out"
        )
    return kept, notes


def _check_every_class(rows: Sequence[_Row], numbers: Mapping[str, int], classes: Sequence[str], where: str) -> None:
    usable = {numbers[row.label] for row in rows if not row.entry.problem}
    for label, name in enumerate(classes):
        if label not in usable:
            named = [row for row in rows if numbers[row.label] == label]
            why = f", the first as {named[0].entry.problem!r}" if named else ""
            raise LabError(
                f"class {name!r} in {where} has no file that can be used; {len(named)} were set aside{why}: add files, "
                "or choose other classes"
            )


def _thinned(rows: Sequence[_Row], per_class: int | None) -> list[_Row]:
    """Return `SPARE` times as many rows of each class as images are wanted, chosen by name so that the choice never
    changes: a large table need not be read whole for a few images."""
    if per_class is None:
        return list(rows)
    usable = [row for row in rows if not row.entry.problem]
    one_queue = any(row.told.value is not None or row.told.labels for row in usable)
    counts = Counter("" if one_queue else row.label for row in usable)
    if max(counts.values(), default=0) <= SPARE * per_class:
        return list(rows)
    taken: Counter[str] = Counter()
    chosen = set()
    for row in sorted(usable, key=lambda row: hashlib.sha256(row.name.encode("utf-8", "replace")).digest()):
        label = "" if one_queue else row.label
        if taken[label] < SPARE * per_class:
            taken[label] += 1
            chosen.add(row.name)
    return [row for row in usable if row.name in chosen]


def _missing_note(missing: Sequence[_Row], count: int, where: str) -> list[str]:
    if not missing:
        return []
    shown = ", ".join(repr(row.name) for row in missing[:_SHOWN])
    more = f", {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    verb = "is" if len(missing) == 1 else "are"
    return [f"{len(missing):,} of the {count:,} files that {where} names {verb} not there: {shown}{more}"]
