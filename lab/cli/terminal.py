"""What the command line shows: progress bars on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import pandas as pd
from tqdm import tqdm

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


class Bars:
    """A `Progress` that draws one bar per stage on stderr; on anything but a terminal, one line per stage."""

    def __init__(self) -> None:
        self.stage = ""
        self.bar: tqdm[NoReturn] | None = None

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if stage != self.stage:
            self.close()
            self.stage = stage
            if not sys.stderr.isatty():
                say(f"{stage} ({total:,} {unit})" if total > 1 else stage)
                return
            self.bar = tqdm(desc=stage, total=total, unit=f" {unit}", file=sys.stderr, leave=True, initial=done)
        if self.bar is not None:
            self.bar.total = total
            self.bar.update(done - self.bar.n)

    def close(self) -> None:
        """End the bar that is being drawn."""
        if self.bar is not None:
            self.bar.close()
        self.stage, self.bar = "", None


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
