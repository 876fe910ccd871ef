"""What the command line shows: progress bars on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any

import pandas as pd
from tqdm import tqdm

from lab import progress_bars
from lab.encode import plain


def say(text: str) -> None:
    """Print a line for people on stderr."""
    print(text, file=sys.stderr, flush=True)


def show_json(document: Any) -> None:
    """Print one strict JSON document on stdout."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False))


def show_table(table: pd.DataFrame) -> None:
    """Print a table for people on stdout: text to the left, numbers to the right."""
    columns = [_aligned(str(name), table[name]) for name in table]
    print("\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True)))


class Bars(progress_bars.Bars):
    """A `Progress` that draws one bar per stage on stderr; on anything but a terminal, one line per stage."""

    def __init__(self) -> None:
        super().__init__(partial(tqdm, file=sys.stderr))

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if sys.stderr.isatty():
            super().__call__(stage, done, total, unit)
        elif stage != self.stage:
            self.stage = stage
            say(f"{stage} ({total:,} {unit})" if total > 1 else stage)


def _aligned(name: str, column: pd.Series) -> list[str]:
    """Return a column's name and its cells as text of one width; what is missing is blank."""
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    texts = [name, *(_text(plain(cell)) for cell in column)]
    width = max(map(len, texts))
    return [text.rjust(width) if number else text.ljust(width) for text in texts]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    text = str(cell)
    if isinstance(cell, float):
        text = f"{cell:.0f}" if cell.is_integer() else f"{cell:.6g}"  # a count, where others of its column are missing
    return text if text.isprintable() else ascii(text)[1:-1]  # a name must not end the line or steer the terminal
