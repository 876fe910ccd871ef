"""Tables of labels as files: CSV, TSV, JSON lines and Parquet give columns of text, one text a row, "" for nothing.

What the columns mean is the business of `labelled`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final

from lab.errors import LabError
from lab.images.limits import MAX_BYTES

MAX_ROWS: Final = 5_000_000
KINDS: Final = ".csv, .tsv, .jsonl or .parquet"
_FIELD_BYTES: Final = 1_000_000  # of one field of a CSV file

Columns = dict[str, list[str]]


def is_table_name(name: str) -> bool:
    """Tell whether a file of this name is a table by its ending."""
    return PurePath(name).suffix.lower() in _READERS


def is_metadata_name(name: str) -> bool:
    """Tell whether this is the name of the table in a folder of images (Hugging Face's imagefolder)."""
    return PurePath(name).stem.lower() == "metadata" and is_table_name(name)


def columns_of(data: bytes, where: str) -> Columns:
    """Return the columns of a table; `where` names it in errors and decides by its ending how it is read.

    Raises LabError, in one sentence, for what cannot be read or has no rows.
    """
    if len(data) > MAX_BYTES:
        raise LabError(f"{where} has {len(data) / 1e6:.0f} MB; a table of labels may have {MAX_BYTES / 1e6:.0f} MB")
    read = _READERS.get(PurePath(where).suffix.lower())
    if read is None:
        raise LabError(f"{where} has no known kind of table; give a {KINDS} file")
    try:
        found = read(data, where)
    except LabError:
        raise
    except UnicodeDecodeError as error:
        raise LabError(f"{where} is no text in UTF-8; save it as UTF-8") from error
    except Exception as error:  # each format has its own errors for a damaged file
        told = " ".join(str(error).split())[:160] or type(error).__name__
        raise LabError(f"{where} cannot be read as a table ({told}); write it again, or give another file") from error
    if not found or not next(iter(found.values())):
        raise LabError(f"{where} holds no rows; its first line names the columns, every other is an image")
    return found


def _read_csv(data: bytes, where: str, separator: str = "") -> Columns:
    text = data.decode("utf-8-sig")
    first = text.partition("\n")[0]
    separator = separator or (";" if first.count(";") > first.count(",") else ",")
    csv.field_size_limit(_FIELD_BYTES)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    names = [name.strip() for name in next(lines, [])]
    twice = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if twice is not None:
        raise LabError(f"{where} has two columns called {twice!r}; rename one")
    rows = []
    for row in lines:
        if not row:
            continue
        if len(row) != len(names):
            raise LabError(
                f"{where}: line {lines.line_num} has {len(row)} fields instead of {len(names)}; a value with a comma "
                "needs quotes"
            )
        rows.append(row)
        _check_rows(len(rows), where)
    return {name: [row[k].strip() for row in rows] for k, name in enumerate(names)} if rows else {}


def _read_tsv(data: bytes, where: str) -> Columns:
    return _read_csv(data, where, "\t")


def _read_json_lines(data: bytes, where: str) -> Columns:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(data.decode("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise LabError(f"{where}: line {number} is no JSON; every line is one object, {{...}}") from error
        if not isinstance(row, dict):
            raise LabError(f"{where}: line {number} is no object, {{...}}; every line describes one image")
        rows.append(row)
        _check_rows(len(rows), where)
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: _texts(row.get(name) for row in rows) for name in names}


def _read_parquet(data: bytes, where: str) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(io.BytesIO(data))
    _check_rows(file.metadata.num_rows, where)
    flat = [field.name for field in file.schema_arrow if not pa.types.is_nested(field.type)]
    table = file.read(columns=flat)
    return {name: _texts(table.column(name).to_pylist()) for name in flat}


def _texts(values: Iterable[Any]) -> list[str]:
    return [text_of(value) for value in values]


def text_of(value: Any) -> str:
    """Return a value as a CSV file would hold it: nothing and nan as "", 3.0 as "3"."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    return str(value).strip()


def _check_rows(count: int, where: str) -> None:
    if count > MAX_ROWS:
        raise LabError(f"{where} has more than {MAX_ROWS:,} rows; choose fewer images")


_READERS: Final[Mapping[str, Callable[[bytes, str], Columns]]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
