"""Names with commas between them, as a command line, a request and a table's cell write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from lab.errors import LabError, briefly

FEW = 4  # classes that a sentence lists


def list_of(names: Iterable[str]) -> str:
    """Return names with commas between them; one that holds a comma or a quote is quoted, as in CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().removesuffix("\n")


def listed(names: Sequence[object]) -> str:
    """Return one name or more as a sentence writes them.

    >>> listed(["cat", "dog", "owl"])
    'cat, dog and owl'
    """
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last


def apart(classes: Sequence[str]) -> str:
    """Return what stands after "tell": "cat from dog", "cat, dog and owl apart", "the 7 classes apart"."""
    if len(classes) == 2:
        return " from ".join(classes)
    return f"{listed(classes) if len(classes) <= FEW else f'the {len(classes)} classes'} apart"


def names_in(text: str) -> tuple[str, ...]:
    """Return the names that `list_of` put into a line, or that somebody typed with commas between them.

    >>> names_in('cat, "dog, wet"')
    ('cat', 'dog, wet')
    """
    parts = next(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True), [])
    return tuple(name for part in parts if (name := part.strip()))


def names_given(what: str, value: Any) -> tuple[str, ...]:
    """Return names that a caller gives from Python: a list, tuple or array of texts, or one text with commas.

    Raises LabError, which calls them `what`, for anything else.
    """
    if isinstance(value, str):
        return names_in(value)
    listed = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(listed, (list, tuple)) and all(isinstance(name, str) for name in listed):
        return tuple(listed)
    raise LabError(f"{what} are {briefly(value)}; give a list of texts, or one text with commas between them")
