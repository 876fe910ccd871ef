"""Tables, results and pixels as bytes and text that other programs read: CSV, Parquet, strict JSON, PNG.

Text in CSV that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV injection"); Parquet
and JSON keep it as it is. JSON is strict: what is not a number is null. Columns of bytes are in Parquet only.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

# What makes a spreadsheet read a cell as a formula, with the full-width forms some of them accept.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NOT_TEXT = ("thumbnail", "array")  # columns of bytes, left out of CSV and JSON


def as_csv(table: pd.DataFrame) -> bytes:
    """Return `table` as CSV that spreadsheets show as it is: UTF-8 with a mark, no cell is a formula, no bytes."""
    kept = table.drop(columns=[name for name in NOT_TEXT if name in table])
    safe = pd.DataFrame({neutral(str(name)): [neutral(cell) for cell in kept[name]] for name in kept.columns})
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8-sig")


def neutral(cell: Any) -> Any:
    """Return `cell`, text that would start a formula with an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def as_parquet(table: pd.DataFrame) -> bytes:
    """Return `table` as Parquet."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """Return uint8 pixels, `(H, W, 3)`, `(H, W, 4)` or `(H, W)`, as PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def strict(value: Any) -> Any:
    """Return `value` with dates and other objects as text, numpy numbers as numbers, NaN and infinities as None."""
    if isinstance(value, Mapping):
        return {str(key): strict(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [strict(inner) for inner in value]
    bare = plain(value)
    return bare if bare is None or isinstance(bare, (bool, int, float, str)) else str(bare)


def records(table: pd.DataFrame, digits: int | None = None) -> list[dict[str, Any]]:
    """Return `table` as JSON-able rows: floats rounded to `digits` decimals, NaN and infinities as None."""
    columns = {str(name): [plain(v, digits) for v in table[name].tolist()] for name in table.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def plain(value: Any, digits: int | None = None) -> Any:
    """Return `value` as strict JSON has it: numbers finite (or None), numpy scalars as Python's."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        if not np.isfinite(value):
            return None
        return value if digits is None else round(value, digits)
    return None if value is pd.NA or value is pd.NaT else value


def text_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return `table` as JSON-able rows at full precision, without its columns of bytes."""
    return records(table.drop(columns=[name for name in NOT_TEXT if name in table]))
