"""Read runs for the pages: a table comes from disk once and is kept by what the run's manifest says.

Nothing here is shared between browser sessions but files that are finished and never change.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from lab.experiments.base import Request
from lab.experiments.result import Result
from lab.runs.store import RunFolder
from lab.runs.tables import read_table
from lab.settings import runs_dir

Made = TypeVar("Made")


@dataclass(frozen=True)
class CachedTables(Mapping[str, pd.DataFrame]):
    """The tables of a finished run, each read when it is first asked for."""

    folder: str
    stamp: str
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self.names:
            raise KeyError(name)
        return _table(self.folder, name, self.stamp)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def run_of(request: Request) -> RunFolder | None:
    """Return the run of a request if there is one; makes nothing."""
    run = RunFolder(runs_dir() / request.run_id)
    return run if (run.path / "request.json").exists() else None


def finished_result(run: RunFolder) -> Result:
    """Return the result of a finished run; its tables are read when they are looked at."""
    seen = (run.path / "run.json").stat()
    manifest, stamp = _manifest(str(run.path), (seen.st_ino, seen.st_size, seen.st_mtime_ns))
    return Result(run.request, CachedTables(str(run.path), stamp, tuple(manifest["tables"])), copy.deepcopy(manifest))


def made_of(result: Result, make: Callable[..., Made], **choices: Any) -> Made:
    """Return what `make` makes of the tables of `result` and `choices`, of a finished run once; the caller's own."""
    tables = result.tables
    if not isinstance(tables, CachedTables):
        return make(tables, **choices)
    chosen = tuple(sorted(choices.items()))
    name = f"{make.__module__}.{make.__qualname__}"
    made: Made = _made(tables.folder, tables.stamp, tables.names, name, chosen, make)
    return made


@st.cache_data(show_spinner=False, max_entries=1024)
def _made(
    folder: str, stamp: str, names: tuple[str, ...], name: str, choices: tuple[tuple[str, Any], ...],
    _make: Callable[..., Any],
) -> Any:  # fmt: skip
    return _make(CachedTables(folder, stamp, names), **dict(choices))  # the name of `_make` is in the key


@st.cache_resource(show_spinner=False, max_entries=256)
def _manifest(folder: str, version: tuple[int, ...]) -> tuple[dict[str, Any], str]:
    """Read a manifest once for each version of its file; the text beside it names its content."""
    text = (Path(folder) / "run.json").read_bytes()
    return json.loads(text), hashlib.sha256(text).hexdigest()


def changed_table(run: RunFolder) -> str:
    """Return a sentence when a table of a finished run is not the one that was computed, "" when all are.

    The files are read again only when one of them has another size or time.
    """
    files = [run.path / "run.json", *sorted((run.path / "tables").glob("*.parquet"))]
    status = [(file.name, entry.st_size, entry.st_mtime_ns) for file in files if (entry := file.stat())]
    return _changed_table(str(run.path), tuple(status))


@st.cache_data(show_spinner=False, max_entries=512)
def _changed_table(folder: str, files: tuple[tuple[str, int, int], ...]) -> str:
    return RunFolder(Path(folder)).check_tables()


def _table(folder: str, name: str, stamp: str) -> pd.DataFrame:
    """Return one table; a column that is set in it is set for this caller alone."""
    return _read_table(folder, name, stamp).copy(deep=False)


@st.cache_resource(show_spinner=False, max_entries=512)
def _read_table(folder: str, name: str, stamp: str) -> pd.DataFrame:
    """Read one table for all sessions and check that it is the one that was computed; `stamp` is part of the key."""
    return read_table(Path(folder), name, RunFolder(Path(folder)).manifest)
