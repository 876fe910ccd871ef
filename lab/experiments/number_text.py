"""Numbers in sentences, written alike wherever something is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

SURE = "95 % interval "
NO_TWIN = "This network is untrained itself, so there is no trained one to compare it with."


def ranged(row: pd.Series | Mapping[str, Any], name: str, ends: str = "", *, called: str = "") -> str:
    """Return "0.81 (0.77 to 0.85)": a column of a row with its interval, `NAME_low` and `NAME_high`.

    `ends` names the interval's columns where they are called otherwise ("ci"); `called` is said before the interval.
    """
    low, high = row[f"{ends or name}_low"], row[f"{ends or name}_high"]
    return f"{two(row[name])} ({called}{two(low)} to {two(high)})"


def two(value: float) -> str:
    """Return a number with two decimals, never "-0.00"."""
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text
