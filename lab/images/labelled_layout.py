"""From the rows of a table of labels to a layout: classes, a number or several labels an image, each file once.

`lab.images.labelled` reads the rows. Files that are not there are counted and listed among the images set aside.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from lab.errors import LabError
from lab.images.endings import printable
from lab.images.labelled import LABELS, MISSING, LabelledRows, Row, column_of, content_of
from lab.images.layout import Layout, Member, select_classes
from lab.images.table_file import columns_of
from lab.images.targets import NUMBER, SEVERAL, as_number
from lab.images.types import Quarantined

SEPARATORS: Final = (";", "|", ",")
SPARE: Final = 4  # times as many rows as images are wanted: above, the choice is made before files are read
_SHOWN: Final = 3


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
    if rows and all(row.entry.problem == MISSING for row in rows):
        raise LabError(
            f"none of the {len(rows):,} files that {found.where} names is there, such as {rows[0].name!r} (looked "
            f"for in {looked_in}); name the images' folder with ?images=FOLDER"
        )
    rows, repeated = _once(rows)
    missing = [row for row in rows if row.entry.problem == MISSING]
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


def classes_of_rows(found: LabelledRows) -> tuple[str, ...]:
    """Return the classes there are, numbers in their order; raises LabError for labels that are no classes."""
    return class_order([row.label for row in found.rows if row.label], found.where)


def classes_there(path: Path, options: Mapping[str, str]) -> tuple[str, ...]:
    """Return the classes of the table at `path` without looking for its files."""
    columns = columns_of(content_of(path), str(path))
    labels = columns[column_of(columns, str(path), options, "label", LABELS)]
    return class_order([label for label in labels if label], str(path))


def class_order(labels: Sequence[str], where: str) -> tuple[str, ...]:
    """Return the different labels, whole numbers ascending, text in order.

    Raises LabError for labels that mix text and numbers, and for numbers that are not whole.
    """
    names = sorted(set(labels))
    numbers = {name: as_number(name) for name in names}
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


def _with_labels(rows: Sequence[Row], found: LabelledRows, wanted: Sequence[str]) -> tuple[list[Row], tuple[str, ...]]:
    """Return rows with their several labels, and all labels there are: a JSON list, or texts with ; | or , between."""
    several = several_labels([row.label for row in rows], found.where)
    names = sorted({name for own in several for name in own})
    classes = select_classes(names, wanted, found.where)
    kept = [tuple(name for name in classes if name in own) for own in several]
    return [replace(row, told=replace(row.told, labels=own)) for row, own in zip(rows, kept, strict=True)], classes


def several_labels(texts: Sequence[str], where: str) -> list[tuple[str, ...]]:
    """Return the labels in each text, each once; raises LabError for what begins as a JSON list and is none."""
    between = next((mark for mark in SEPARATORS if any(mark in text for text in texts)), SEPARATORS[0])
    return [_labels_in(text, between, where) for text in texts]


def _labels_in(text: str, between: str, where: str) -> tuple[str, ...]:
    if text[:1] != "[":
        return tuple(dict.fromkeys(name.strip() for name in text.split(between) if name.strip()))
    try:
        return tuple(dict.fromkeys(str(name) for name in json.loads(text)))
    except ValueError as error:
        raise LabError(f'{where}: the labels {text[:40]!r} are no JSON list; write ["a", "b"] or a;b') from error


def _unlabelled_aside(found: LabelledRows, target: str) -> tuple[list[Row], list[Quarantined]]:
    """Return the rows that can be used; a row without a label, or without a part where others have one, cannot."""
    split = any(row.told.part for row in found.rows)
    fine, aside = [], list(found.aside)
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


def _with_values(rows: Sequence[Row], found: LabelledRows) -> list[Row]:
    values = [as_number(row.label) for row in rows]
    wrong = [row for row, value in zip(rows, values, strict=True) if value is None]
    if wrong:
        raise LabError(
            f"{found.where}: {len(wrong):,} of {len(rows):,} values of {found.label!r} are no numbers, such as "
            f"{wrong[0].label!r}; leave them empty, or choose another column"
        )
    return [replace(row, told=replace(row.told, value=value)) for row, value in zip(rows, values, strict=True)]


def _once(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return every file once; one with two labels is left out. And sentences about them."""
    first = {row.name: row for row in reversed(rows)}
    if len(first) == len(rows):
        return list(rows), []
    by_name: dict[str, list[Row]] = defaultdict(list)
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


def _check_every_class(rows: Sequence[Row], numbers: Mapping[str, int], classes: Sequence[str], where: str) -> None:
    usable = {numbers[row.label] for row in rows if not row.entry.problem}
    for label, name in enumerate(classes):
        if label not in usable:
            named = [row for row in rows if numbers[row.label] == label]
            why = f", the first as {named[0].entry.problem!r}" if named else ""
            raise LabError(
                f"class {name!r} in {where} has no file that can be used; {len(named)} were set aside{why}: add files, "
                "or choose other classes"
            )


def _thinned(rows: Sequence[Row], per_class: int | None) -> list[Row]:
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


def _missing_note(missing: Sequence[Row], count: int, where: str) -> list[str]:
    if not missing:
        return []
    shown = ", ".join(repr(row.name) for row in missing[:_SHOWN])
    more = f", {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
    verb = "is" if len(missing) == 1 else "are"
    return [f"{len(missing):,} of the {count:,} files that {where} names {verb} not there: {shown}{more}"]
