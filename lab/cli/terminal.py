"""What the command line shows: progress bars on stderr, tables and JSON on stdout."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import pandas as pd
from tqdm import tqdm


def say(text: str) -> None:
    """Print a line for people on stderr."""
    print(text, file=sys.stderr, flush=True)


def show_json(document: Any) -> None:
    """Print one strict JSON document on stdout."""
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False))


def show_table(table: pd.DataFrame) -> None:
    """Print a table for people on stdout."""
    print(table.to_string(index=False, na_rep="", justify="left"))


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
                say(f"{stage} ({total} {unit})")
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
