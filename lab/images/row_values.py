"""What is given of every row beside its vectors, checked and as numbers: classes, groups, the part of a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from lab.errors import LabError

PARTS: Final = ("train", "test")


def class_labels(labels: Any, classes: Sequence[str] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels from 0 `(N,)` and the classes' names: numbers ascending, text in order, or as in `classes`.

    Raises LabError for labels that are missing, mix text and numbers, or are no whole numbers.
    """
    values = [_label(value, row) for row, value in enumerate(listed(labels))]
    if not values:
        raise LabError("there are no labels; give one for every row")
    kinds = {type(value) for value in values}
    if len(kinds) > 1 or (str in kinds and _partly_numbers(labels, values)):
        texts = [v for v in values if isinstance(v, str) and not _is_number(v)]
        numbers = [v for v in values if not isinstance(v, str) or _is_number(v)]
        raise LabError(
            f"the labels mix text ({texts[0]!r}) and numbers ({numbers[0]}); make all of them the one or the other"
        )
    ordered = sorted(set(values), key=(lambda v: (float(v), v)) if all(map(_is_number, values)) else None)
    names = [str(value) for value in ordered]
    if classes and set(names) == set(classes) and len(set(classes)) == len(classes):
        names = list(classes)
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[str(value)] for value in values], dtype=np.int64), tuple(names)


def _label(value: Any, row: int) -> str | int:
    if value is None or value == "" or value != value:  # nan
        raise LabError(f"row {row} has no label; give one for every row, or leave the row out")
    if isinstance(value, (str, bytes, np.bytes_)):
        return value if isinstance(value, str) else bytes(value).decode("utf-8", "replace")
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        if np.isfinite(value) and float(value).is_integer():
            return int(value)
        raise LabError(f"label {value} in row {row} is no class; labels are whole numbers or text")
    raise LabError(f"the label in row {row} is of type {type(value).__name__}; labels are whole numbers or text")


def _partly_numbers(labels: Any, values: Iterable[Any]) -> bool:
    """Tell whether text of a table, where all is text (dtype object), is meant as numbers in some rows."""
    if not (isinstance(labels, np.ndarray) and labels.dtype == object):
        return False
    return len({_is_number(value) for value in values}) > 1


def _is_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False


def group_numbers(values: Sequence[Any], what: str = "row") -> np.ndarray:
    """Return groups, numbers or text, as numbers from 0 in their order `(N,)`; raises LabError if one is missing.

    `what` is what errors call that which has a group.
    """
    for row, value in enumerate(values):
        if value is None or value == "" or value != value:  # nan
            raise LabError(
                f"{what} {row} has no group; give one for every {what}, a name of its own where it stands alone"
            )
    mixed = len({isinstance(value, str) for value in values}) > 1
    array = np.array([str(value) for value in values] if mixed else list(values))
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def tested_rows(values: Sequence[Any]) -> np.ndarray:
    """Return which rows are for testing, bool `(N,)`; raises LabError for values other than train and test."""
    texts = [str(value).strip().lower() for value in values]
    for row, text in enumerate(texts):
        if text not in PARTS:
            raise LabError(f"the split of row {row} is {values[row]!r}; it must be train or test")
    return np.array([text == "test" for text in texts])


def listed(values: Any) -> list[Any]:
    """Return a list, array, series or tensor `(N,)` or `(N, 1)` as a list; raises LabError for other shapes."""
    array = on_cpu(values)
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if isinstance(array, str) or np.ndim(array) == 0 or (isinstance(array, np.ndarray) and array.ndim != 1):
        raise LabError(f"labels, groups and split are lists of one value a row, not {np.shape(array) or repr(array)}")
    return array.tolist() if isinstance(array, np.ndarray) else list(array)


def on_cpu(values: Any) -> Any:
    """Return a torch tensor as numpy has it (bfloat16, which numpy has not, as float32), anything else as it is."""
    if not hasattr(values, "detach"):
        return values
    tensor = values.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
