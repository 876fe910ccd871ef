"""What can be read of images beside their class: a number, an ordered grade, several labels.

A table names its column of them (`lab.images.labelled_layout`); here is how drawn sets have them, and how classes
become grades.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from lab.errors import LabError, check_type, nearest
from lab.images.layout import select_classes
from lab.images.synthetic import DrawnSet
from lab.images.types import ImageSet

CLASS, NUMBER, SEVERAL, GRADES = "class", "number", "labels", "grades"
TARGETS: Final = (CLASS, NUMBER, SEVERAL, GRADES)
MOST_KINDS: Final = 4  # of a factor of drawings that are labels of their own
MOST_VALUES: Final = 20  # of a factor of drawings that are grades, as of grades anywhere


def check_target(target: object) -> None:
    """Raise LabError for what is no target."""
    check_type("target", target, str, ", ".join(TARGETS))
    if target not in TARGETS:
        raise LabError(f"there is no target {target!r}{nearest(str(target), TARGETS)}; known: {', '.join(TARGETS)}")


def as_number(text: str) -> float | None:
    """Return a text as a finite number, None for any other."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def graded(images: ImageSet, order: Sequence[str]) -> ImageSet:
    """Return images whose classes are grades from low to high: in `order`, else that of their numbers.

    Raises LabError for classes that are no numbers, and so have no order of their own.
    """
    names = tuple(order)
    if not names:
        numbers = {name: as_number(name) for name in images.classes}
        text = next((name for name, number in numbers.items() if number is None), None)
        if text is not None:
            raise LabError(
                f"{images.spec}: the grade {text!r} is no number, so its place is not known; name all grades from low "
                "to high (--classes LOW,MIDDLE,HIGH; order=[…] in Python)"
            )
        names = tuple(sorted(images.classes, key=lambda name: (numbers[name], name)))
    place = {name: k for k, name in enumerate(names)}
    records = []
    for record in images.records:
        grade = place[images.classes[record.label]]
        records.append(replace(record, label=grade, value=float(grade)))
    return replace(images, classes=names, records=tuple(records))


def numbers_of(factors: Any) -> tuple[str, ...]:
    """Return which factors of a drawn set, a table, are numbers."""
    return tuple(str(name) for name in factors if factors[name].dtype.kind == "f" and factors[name].nunique() > 2)


def drawn_target(drawn: DrawnSet, spec: str, target: str, label: str, classes: tuple[str, ...]) -> ImageSet:
    """Return drawings with one of their factors, `label`, as number or grade, or with what they show as labels."""
    return _DRAWN[target](drawn, spec, label, classes)


def _drawn_numbers(drawn: DrawnSet, spec: str, label: str, classes: tuple[str, ...]) -> ImageSet:
    if classes:
        raise LabError(f"{spec}: classes cannot be chosen where numbers are predicted; leave them out")
    values = _values(drawn, label)
    records = tuple(replace(record, label=0, value=value) for record, value in zip(drawn.records, values, strict=True))
    return ImageSet(spec, (label,), records, drawn.source)


def _drawn_grades(drawn: DrawnSet, spec: str, label: str, classes: tuple[str, ...]) -> ImageSet:
    values = _values(drawn, label)
    names = [f"{value:g}" for value in values]
    if len(set(names)) > MOST_VALUES:
        raise LabError(
            f"{drawn.spec}: {label} has {len(set(names))} different values, which are no grades; read it as a number "
            "(--target number)"
        )
    there = sorted(set(names), key=float)
    known = select_classes(there, classes, spec)
    if len(known) < len(there):
        raise LabError(f"{spec} is drawn with all its grades, {', '.join(there)}; name them all, or none")
    place = {name: k for k, name in enumerate(known)}
    records = tuple(replace(record, label=place[name]) for record, name in zip(drawn.records, names, strict=True))
    return graded(ImageSet(spec, known, records, drawn.source), known)


def _values(drawn: DrawnSet, label: str) -> list[float]:
    table = drawn.factors()
    numbers = numbers_of(table)
    if label not in numbers:
        told = f"has no number {label!r}{nearest(label, numbers)}" if label else "has several numbers"
        raise LabError(f"{drawn.spec} {told}; name one with ?label=, of {', '.join(numbers)}")
    values = table.set_index("image")[label]
    return [float(values[record.id]) for record in drawn.records]


def _drawn_labels(drawn: DrawnSet, spec: str, label: str, classes: tuple[str, ...]) -> ImageSet:
    """Return drawings with factors that are so or not so, or of a few kinds, as labels."""
    table = drawn.factors().set_index("image")
    told: dict[str, list[bool]] = {}
    for name in table:
        kinds = sorted(set(table[name]))
        if table[name].dtype.kind == "b":
            told[str(name)] = table[name].tolist()
        elif table[name].dtype.kind != "f" and len(kinds) <= MOST_KINDS:
            told |= {f"{name}: {kind}": (table[name] == kind).tolist() for kind in kinds[len(kinds) == 2 :]}
    names = select_classes(list(told), classes, spec)
    place = {image: row for row, image in enumerate(table.index)}
    records = tuple(
        replace(r, label=0, labels=tuple(k for k, name in enumerate(names) if told[name][place[r.id]]))
        for r in drawn.records
    )
    return ImageSet(spec, names, records, drawn.source)


_DRAWN: Final[dict[str, Callable[[DrawnSet, str, str, tuple[str, ...]], ImageSet]]] = {
    NUMBER: _drawn_numbers, SEVERAL: _drawn_labels, GRADES: _drawn_grades,
}  # fmt: skip
