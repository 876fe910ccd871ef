"""Files of vectors, and of their labels, that are uploaded: read once before they are kept, under their content's name.

What is kept is `upload:DIGEST`, which `vector_files` reads like a path. Nothing is unpickled, and a file that says it
holds more than fits is refused before it is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from lab.embeddings.vector_files import COLUMN_KINDS, KINDS, VECTOR_KINDS, read_columns, read_vectors
from lab.errors import LabError
from lab.images.uploads import incoming_file, received_file, store

MOST_BYTES: Final = 4_000_000_000  # unpacked; a page reads them in the process that serves all pages
Named = tuple[str, BinaryIO]


def keep_vectors(files: Sequence[Named]) -> str:
    """Return the spec under which a file of vectors is kept; several `.npy`, one a layer, are packed into one.

    Raises LabError, in one sentence that names the file, for what cannot be read; nothing is kept then.
    """
    if len(files) == 1 and not files[0][0].lower().endswith(".npy"):
        return _kept(*files[0], VECTOR_KINDS, f"vectors; give {KINDS}", lambda path: bool(read_vectors(path).layers))
    if other := next((name for name, _ in files if not name.lower().endswith(".npy")), None):
        raise LabError(f"{other} is no .npy file; upload several of these, one a layer, or one file of another kind")
    return _packed(files)


def keep_labels(name: str, file: BinaryIO) -> str:
    """Return the spec under which a table of labels is kept; raises LabError as `keep_vectors` does."""
    told = "labels; give a .csv or .parquet file with a column label, or a .npy"
    return _kept(name, file, COLUMN_KINDS, told, lambda path: bool(read_columns(path)))


def _kept(name: str, file: BinaryIO, kinds: Sequence[str], told: str, holds: Callable[[Path], bool]) -> str:
    suffix = Path(name).suffix.lower()
    if suffix not in kinds:
        raise LabError(f"{name} is no file of {told}")
    with received_file(file) as path:
        named = path.rename(path.with_suffix(suffix))
        try:
            _check_size(name, named)
            if not holds(named):
                raise LabError(f"{name} holds no array (N, D); give one a layer")
            return store(name, named, suffix)
        except LabError as error:
            raise LabError(str(error).replace(str(named), name)) from error
        finally:
            named.unlink(missing_ok=True)


def _packed(files: Sequence[Named]) -> str:
    """Keep several `.npy` as one `.npz`, whose arrays have the names of the files."""
    arrays: dict[str, np.ndarray] = {}
    for name, file in files:
        with received_file(file) as path:
            named = path.rename(path.with_suffix(".npy"))
            try:
                found = read_vectors(named)
            except LabError as error:
                told = str(error).replace(str(named), name).replace(repr(named.stem), repr(Path(name).stem))
                raise LabError(told) from error
            finally:
                named.unlink(missing_ok=True)
            arrays[Path(name).stem] = next(iter({**found.layers, **found.columns}.values()))
    if not any(array.ndim > 1 for array in arrays.values()):
        raise LabError(f"{', '.join(name for name, _ in files)} hold no array (N, D); give one a layer")
    path = incoming_file()
    with path.open("xb") as out:
        np.savez(out, allow_pickle=False, **arrays)  # in the order of the files
    return store("vectors.npz", path, ".npz")


def _check_size(name: str, path: Path) -> None:
    size = path.stat().st_size
    if path.suffix == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    if size > MOST_BYTES:
        raise LabError(
            f"{name} unpacks to {size / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.0f} are read from an upload (give the "
            "path of a larger file to feature-lab probe --embeddings)"
        )
