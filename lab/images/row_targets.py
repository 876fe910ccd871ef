"""What is to be read of every row of vectors: its class or grade, a number, or several labels.

As in tables of labels (`lab.images.labelled_layout`); several labels may be an array of ones and zeros `(N, L)` too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from lab.errors import LabError, check_type
from lab.images.labelled_layout import several_labels
from lab.images.layout import select_classes
from lab.images.row_values import class_labels, listed, on_cpu
from lab.images.table_file import text_of
from lab.images.targets import CLASS, GRADES, NUMBER, SEVERAL, as_number


@dataclass(frozen=True, eq=False)
class RowTargets:
    """Positions in `classes` `(N,)`; of numbers `values` `(N,)` and one class, the number's name; of several labels
    the positions of those that each row has, in `several`."""

    labels: np.ndarray
    classes: tuple[str, ...]
    values: np.ndarray | None = None
    several: tuple[tuple[int, ...], ...] | None = None


def row_targets(given: Any, target: str = CLASS, classes: Sequence[str] = (), name: str = "") -> RowTargets:
    """Return what was given of each row, as the target has it: a class (a grade too), a number or several labels.

    `classes` are the order of classes that is known, or the labels that are wanted; `name` is what a number is called.
    Raises LabError, in one sentence, for values that the target cannot have.
    """
    check_type("label", name, str, "what numbers are called")
    return _OF_TARGET[target](given, tuple(classes), name)


def _of_classes(given: Any, classes: tuple[str, ...], name: str) -> RowTargets:
    return RowTargets(*class_labels(given, classes))


def _of_grades(given: Any, classes: tuple[str, ...], name: str) -> RowTargets:
    found = RowTargets(*class_labels(given, classes))
    if classes and set(found.classes) != set(classes):
        odd = next(iter({*found.classes} ^ {*classes}))
        what = "is a grade that the order leaves out" if odd in found.classes else "is named in the order and no row's"
        raise LabError(f"{odd!r} {what}; name all grades from low to high, those of the rows: {_some(found.classes)}")
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")


def _of_numbers(given: Any, classes: tuple[str, ...], name: str) -> RowTargets:
    texts = [text_of(value) for value in listed(given)]
    values = [as_number(text) for text in texts]
    wrong = [row for row, value in enumerate(values) if value is None]
    if wrong:
        told = f"{texts[wrong[0]]!r}" if texts[wrong[0]] else "nothing"
        raise LabError(
            f"{len(wrong):,} of {len(values):,} rows have no number to be predicted; row {wrong[0]} has {told}: leave "
            "these rows out, or name another column"
        )
    return RowTargets(np.zeros(len(values), dtype=np.int64), (name or "the number",), np.array(values, dtype=float))


def _of_several(given: Any, classes: tuple[str, ...], name: str) -> RowTargets:
    array = on_cpu(given)
    named = _of_matrix(array) if getattr(array, "ndim", 1) == 2 else _of_texts(array)
    there = sorted({label for own in named for label in own}, key=lambda label: (as_number(label) or 0.0, label))
    if len(there) < 2:
        raise LabError(
            f"the rows have {len(there)} different labels; several labels an image are two or more (one that is there "
            "or not is a class)"
        )
    known = select_classes(there, classes, "the labels")
    place = {label: k for k, label in enumerate(known)}
    several = tuple(tuple(sorted(place[label] for label in own if label in place)) for own in named)
    return RowTargets(np.zeros(len(named), dtype=np.int64), known, several=several)


def _of_matrix(array: np.ndarray) -> list[tuple[str, ...]]:
    if not np.isin(array, (0, 1)).all():
        raise LabError("labels (N, L) hold other values than 0 and 1; give 1 where a row has a label, 0 where not")
    return [tuple(map(str, np.flatnonzero(row))) for row in array]


def _of_texts(values: Any) -> list[tuple[str, ...]]:
    rows = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return several_labels([text_of(list(row) if isinstance(row, (tuple, set)) else row) for row in rows], "the labels")


_OF_TARGET: Final[Mapping[str, Callable[[Any, tuple[str, ...], str], RowTargets]]] = {
    CLASS: _of_classes, GRADES: _of_grades, NUMBER: _of_numbers, SEVERAL: _of_several,
}  # fmt: skip
