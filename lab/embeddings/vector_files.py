"""Files of vectors that other tools wrote: one array `(N, D)` a layer, with labels, groups and more beside them.

A `.npz`, a folder of `.npy` (or one), a Parquet file with a column of lists a layer, or `.safetensors`. Two-dimensional
arrays are layers; one-dimensional ones, and JSON lists in the metadata of safetensors, are columns, a value a row.
Nothing is unpickled. What the values mean is the business of `vector_sets`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from lab.errors import LabError
from lab.images.uploads import is_upload, uploaded_file
from lab.roots import permitted

ABOUT: Final = (
    "about"  # JSON that the lab writes beside vectors: classes, and of every array its model, layer and depth
)
KINDS: Final = "a .npz, .safetensors or .parquet file, or a folder of .npy files"
Raw = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class VectorFile:
    """What a file holds: layers by name, arrays of two dimensions or more, in the file's order; columns `(N,)` by name;
    `about` as the lab wrote it, or empty."""

    layers: Raw
    columns: Raw
    about: Mapping[str, Any] = field(default_factory=dict)


def read_vectors(path: Path | str) -> VectorFile:
    """Return what is in a file or folder of vectors; raises LabError, in one sentence, when it cannot be read."""
    place = _existing(path)
    if place.is_dir():
        return _sorted_out(_read_folder(place))
    read = _READERS.get(place.suffix.lower())
    if read is None:
        raise LabError(f"{path} has no known kind of vectors ({place.suffix or 'no suffix'}); give {KINDS}")
    return _sorted_out(_guarded(place, read))


def read_columns(path: Path | str) -> Raw:
    """Return the columns `(N,)` of a table beside vectors (CSV, Parquet, or one `.npy`, which is its `label`)."""
    place = _existing(path)
    reader = _COLUMN_READERS.get(place.suffix.lower())
    if reader is None or place.is_dir():
        raise LabError(f"{path} is no table of labels; give a .csv or .parquet file with a column label, or a .npy")
    return _sorted_out(_guarded(place, reader)).columns


def vectors_stamp(path: Path | str) -> str:
    """Return a text that changes when the file or one of the folder's arrays does, without reading them."""
    place = _existing(path)
    files = sorted(place.glob("*.npy")) if place.is_dir() else [place]
    return ";".join(f"{file.name}:{file.stat().st_size}:{file.stat().st_mtime_ns}" for file in files)


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts names as people do.

    >>> sorted(["layer10", "layer2"], key=natural)
    ['layer2', 'layer10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _existing(path: Path | str) -> Path:
    if is_upload(str(path)):
        return uploaded_file(str(path))
    place = permitted(path)
    if not place.exists():
        raise LabError(f"there is no file {str(path)!r}; give {KINDS}")
    return place


def _guarded(path: Path, read: Callable[[Path], Raw]) -> Raw:
    try:
        return read(path)
    except LabError:
        raise
    except Exception as error:  # each format has its own errors for a damaged file
        told = " ".join(str(error).split())[:160] or type(error).__name__
        if "pickle" in told:  # numpy's advice is to load it unsafely
            told = "it is no file of arrays, or one of Python objects, which are never unpickled"
        raise LabError(f"{path} cannot be read ({told}); write it again, or give another file") from error


def _load(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:  # numpy leaves a damaged file open
            return np.load(file, allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError as error:
        raise _objects(path, path.stem) if "Object arrays" in str(error) else error from error


def _objects(path: Path, name: str) -> LabError:
    return LabError(
        f"{path}: {name!r} holds Python objects, which are never unpickled, since that can run code; save numbers or "
        "plain text (astype(float), astype(str))"
    )


def _read_npz(path: Path) -> Raw:
    found: Raw = {}
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        for name in archive.files:
            try:
                found[name] = archive[name]
            except ValueError as error:
                raise _objects(path, name) if "Object arrays" in str(error) else error from error
    return found


def _read_folder(folder: Path) -> Raw:
    files = sorted(folder.glob("*.npy"), key=lambda file: natural(file.stem))
    if not files:
        raise LabError(f"{folder} holds no .npy file; give {KINDS}")
    return {file.stem: _guarded(file, lambda one: {"": _load(one)})[""] for file in files}


def _read_safetensors(path: Path) -> Raw:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        told = file.metadata() or {}
        # The format sorts tensors by itself: the order of the layers is not in it.
        found = {name: file.get_tensor(name) for name in sorted(file.keys(), key=natural)}
    for name, text in told.items():
        if name == ABOUT:
            found[name] = np.array(text)
        elif text[:1] == "[" and name not in found:
            found[name] = np.array(json.loads(text))
    return found


def _read_parquet(path: Path) -> Raw:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found: Raw = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        nested = getattr(column.type, "value_type", None)
        if nested is not None and (pa.types.is_string(nested) or pa.types.is_large_string(nested)):
            found[name] = np.array([json.dumps(value or []) for value in column.to_pylist()])  # several labels
        elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            lengths = set(column.value_lengths().to_pylist())
            if len(lengths) != 1 or None in lengths:
                raise LabError(
                    f"{path}: the lists of column {name!r} differ in length; a layer has as many numbers a row"
                )
            found[name] = column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
        elif pa.types.is_fixed_size_list(column.type):
            found[name] = np.stack(column.to_numpy(zero_copy_only=False)) if len(column) else np.zeros((0, 1))
        else:
            found[name] = column.to_numpy(zero_copy_only=False)
    return found


def _read_csv(path: Path) -> Raw:
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return {str(name): table[name].to_numpy(dtype=object) for name in table}


def _sorted_out(raw: Raw) -> VectorFile:
    about = str(raw.pop(ABOUT)) if ABOUT in raw and raw[ABOUT].ndim == 0 else "{}"
    try:
        known = json.loads(about)
    except ValueError:
        known = {}
    columns = {name: array for name, array in raw.items() if array.ndim == 1}
    layers = {name: array for name, array in raw.items() if array.ndim > 1}
    return VectorFile(layers, columns, known if isinstance(known, dict) else {})


_READERS: Final[Mapping[str, Callable[[Path], Raw]]] = {
    ".npz": _read_npz,
    ".npy": lambda path: {path.stem: _load(path)},
    ".parquet": _read_parquet,
    ".safetensors": _read_safetensors,
}
_COLUMN_READERS: Final[Mapping[str, Callable[[Path], Raw]]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": lambda path: {"label": _load(path)},
}
VECTOR_KINDS: Final = tuple(_READERS)
COLUMN_KINDS: Final = tuple(_COLUMN_READERS)
