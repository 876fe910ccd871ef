"""The tables of a run on disk, and whether they are still those that were computed.

`run.json` holds two things of each table: under "tables" a digest of its values, by which two computations of one
request are compared, and under "files" the size and the SHA-256 of its file. The size is looked at whenever runs are
listed, the SHA-256 whenever a table is read. (Runs of earlier versions have the digest only; it is compared then.)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.files import write_bytes

SHARED = "shared"  # beside the folders of example runs: tables that several of them have, by their SHA-256
WAY_OUT = "start the run again to compute it anew, or delete it"


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Write tables as Parquet files and return what the manifest says of them, under "tables" and "files"."""
    values, files = {}, {}
    for name, table in tables.items():
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, compression="zstd")
        content = buffer.getvalue()
        write_bytes(table_path(folder, name), content)
        values[name] = table_hash(table)
        files[name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {"tables": values, "files": files}


def read_table(folder: Path, name: str, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table of the run in `folder`.

    Raises LabError when it is not there, cannot be read, or is not the one that `manifest` is about.
    """
    path = table_file(folder, name, manifest)
    known = (manifest.get("files") or {}).get(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LabError(f"table {name} of run {folder.name} cannot be read ({error.strerror}); {WAY_OUT}") from error
    if known and hashlib.sha256(content).hexdigest() != known["sha256"]:
        raise _changed(folder, name)
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes pyarrow raise errors of nearly any type
        reason = " ".join(str(error).split())[:160]
        raise LabError(f"table {name} of run {folder.name} cannot be read ({reason}); {WAY_OUT}") from error
    if not known and table_hash(table) != manifest["tables"][name]:
        raise _changed(folder, name)
    return table


def missing_or_resized(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Return a sentence on the first table whose file is missing or has another size, "" when there is none."""
    files = manifest.get("files") or {}
    for name in manifest["tables"]:
        try:
            size = table_file(folder, name, manifest).stat().st_size
        except OSError:
            return f"its table {name} is missing; {WAY_OUT}"
        if name in files and size != files[name]["bytes"]:
            return f"its table {name} is not the one that was computed (its file has another size); {WAY_OUT}"
    return ""


def changed_table(folder: Path, manifest: Mapping[str, Any]) -> str:
    """Read all tables and return a sentence on the first that is not what was computed, "" when all are."""
    try:
        for name in manifest["tables"]:
            read_table(folder, name, manifest)
    except LabError as error:
        return str(error)
    return ""


def table_path(folder: Path, name: str) -> Path:
    """Return where a table of a run is kept."""
    return folder / "tables" / f"{name}.parquet"


def table_file(folder: Path, name: str, manifest: Mapping[str, Any]) -> Path:
    """Return where a table of a run is read from: its own file or, of an example, one that it shares with others."""
    own, known = table_path(folder, name), (manifest.get("files") or {}).get(name) or {}
    common = folder.parent / SHARED / f"{known.get('sha256')}.parquet"
    return common if not own.exists() and common.is_file() else own


def table_hash(table: pd.DataFrame) -> str:
    """Return a hex digest of a table's columns and values, independent of the file format."""
    values = pd.util.hash_pandas_object(table, index=False).to_numpy()
    return hashlib.sha256("\0".join(map(str, table.columns)).encode() + values.tobytes()).hexdigest()


def _changed(folder: Path, name: str) -> LabError:
    return LabError(f"table {name} of run {folder.name} is not the one that was computed; {WAY_OUT}")
