"""Tables planted by hand and the sentences that must follow from them, for tests of findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

Cell = Any
# A difference with its interval for each outcome at a margin of 0.05, and none at all
LESS, SAME, MORE, OPEN = (-0.11, -0.16, -0.06), (-0.01, -0.05, 0.05), (0.12, 0.07, 0.17), (0.02, -0.03, 0.06)
NOTHING = (0.0, 0.0, 0.0)


def table(columns: str, *rows: Sequence[Cell]) -> pd.DataFrame:
    """Return a table of rows with `columns` (names with spaces between them).

    A cell `(value, low, high)` of column NAME becomes NAME, NAME_low and NAME_high; of NAME/ENDS, the ends are
    ENDS_low and ENDS_high. `(low, high)` becomes the ends alone.
    """
    names = columns.split()
    if not rows:  # it might have any of them
        columns_of_any = ((name, f"{name}_low", f"{name}_high") for name in names)
        return pd.DataFrame(columns=[column for three in columns_of_any for column in three])
    return pd.DataFrame([dict(_cells(names, row)) for row in rows])


def _cells(names: list[str], row: Sequence[Cell]) -> list[tuple[str, Any]]:
    cells = []
    for column, cell in zip(names, row, strict=True):
        name, _, ends = column.partition("/")
        if isinstance(cell, tuple):
            *value, low, high = cell
            cells += [(name, *value)] if value else []
            cells += [(f"{ends or name}_low", low), (f"{ends or name}_high", high)]
        else:
            cells.append((name, cell))
    return cells


def assert_says(found: Sequence[str], *wanted: str) -> None:
    """Assert that sentences are the wanted ones, in their order; "…" is any words, without numbers but 95 %."""
    assert len(found) == len(wanted), "\n".join(found)
    for sentence, pattern in zip(found, wanted, strict=True):
        words = r"(?:95 %|[^0-9])*".join(map(re.escape, pattern.split("…")))
        assert re.fullmatch(words, sentence), f"\n{sentence}\n  is not\n{pattern}"
