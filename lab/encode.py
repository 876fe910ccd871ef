"""Tables, results and pixels as bytes and text that other programs read: CSV, Parquet, strict JSON, PNG.

Text in CSV that a reader would take for something else gets an apostrophe in front: a spreadsheet for a formula (OWASP,
"CSV injection"), pandas or R for a missing value (a class called NA), any of them for a number (a class called 007).
`from_csv` takes it away again. Parquet and JSON keep text as it is. JSON is strict: what is not a number is null.
Columns of bytes are in Parquet only.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

# What makes a spreadsheet read a cell as a formula, with the full-width forms some of them accept.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# What `pandas.read_csv` takes for a missing value (its table in pandas/_libs/parsers.pyx); R takes NA.
MISSING_NAMES = frozenset(
    {"NA", "<NA>", "N/A", "n/a", "#NA", "#N/A", "#N/A N/A", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan"}
    | {"1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN"}
)
NOT_TEXT = ("thumbnail", "array")  # columns of bytes, left out of CSV and JSON


def as_csv(table: pd.DataFrame) -> bytes:
    """Return `table` as CSV that readers take as it is: UTF-8 with a mark, no cell is a formula, no bytes."""
    kept = table.drop(columns=[name for name in NOT_TEXT if name in table])
    safe = pd.DataFrame({neutral(str(name)): [neutral(cell) for cell in kept[name]] for name in kept.columns})
    return safe.to_csv(index=False, lineterminator="\n").encode("utf-8-sig")


def from_csv(data: bytes) -> pd.DataFrame:
    """Return the table that `as_csv` wrote: numbers where a whole column holds numbers, else text as it was.

    Empty cells are NaN among numbers and "" among text.
    """
    read = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return pd.DataFrame({_as_written(str(name)): _typed(read[name]) for name in read.columns})


def neutral(cell: Any) -> Any:
    """Return `cell`; text that would be read as a formula, a missing value or a number with an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and _misread(cell) else cell


def _misread(text: str) -> bool:
    """Tell whether a reader would take text for something else (also what an apostrophe made of such text)."""
    if text.startswith("'"):
        return _misread(text[1:])
    # A line of white space alone is skipped by many readers, and the row with it.
    return text.startswith(FORMULA_STARTS) or text.isspace() or text in MISSING_NAMES or _other_as_value(text)


def _other_as_value(text: str) -> bool:
    """Tell whether text would come back changed from being read as a number or as true or false: 007, 1.0, TRUE."""
    if text.lower() in ("true", "false"):
        return text not in ("True", "False")
    try:
        value = float(text)
    except ValueError:
        return False
    return not np.isfinite(value) or text != (str(int(value)) if value.is_integer() else repr(value))


def _as_written(text: str) -> str:
    return text[1:] if text.startswith("'") and _misread(text) else text


def _typed(column: pd.Series) -> pd.Series:
    filled = column[column != ""]
    values = pd.to_numeric(filled, errors="coerce")
    if len(filled) and values.notna().all():
        return pd.to_numeric(column.where(column != "", None))
    if len(filled) == len(column) > 0 and column.isin(["True", "False"]).all():
        return column == "True"
    return column.map(_as_written)


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


def jpeg(pixels: np.ndarray, quality: int = 88) -> bytes:
    """Return uint8 pixels, `(H, W, 3)`, as JPEG: of photographs and of noise a fifth of PNG's bytes."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
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
