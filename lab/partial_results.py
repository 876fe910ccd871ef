"""Finished parts of long work on disk: arrays by key, each written at once, never half.

A part that cannot be read counts as absent, so whoever asks computes it again. Holds no pickles.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

import numpy as np

from lab.files import write_bytes

Arrays = Mapping[str, np.ndarray]
PartialResults = MutableMapping[str, Arrays]


class PartialResultsFolder(MutableMapping[str, Arrays]):
    """Finished parts of a run as `.npz` files, by key. A file that cannot be read counts as absent."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, key: str) -> Arrays:
        try:
            # Opened here, because numpy leaves a damaged file open.
            with self._path(key).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise KeyError(key) from error

    def __setitem__(self, key: str, value: Arrays) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **dict(value))
        write_bytes(self._path(key), buffer.getvalue())

    def __delitem__(self, key: str) -> None:
        self._path(key).unlink()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in self.folder.glob("*.npz"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _path(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
