"""Is a finished run what its request gives? Computed again from nothing, and compared table by table.

The second computation has a home folder of its own, without any cache: only downloads, uploads and trained networks
are those of the first. What is measured with a clock (seconds, images per second) differs every time and is left out.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.result import Result
from lab.progress import Progress
from lab.registry import EXPERIMENTS
from lab.runs.folder import RunFolder
from lab.runs.tables import table_hash
from lab.settings import Compute, home

CLOCKED = re.compile(r"seconds|per_second|(^|_)time(_|$)")


@dataclass(frozen=True)
class TableCheck:
    """One table of the run against the same one computed again; `difference` says where they differ, "" nowhere."""

    name: str
    rows: int
    difference: str


def verify(run: RunFolder, compute: Compute, progress: Progress) -> list[TableCheck]:
    """Compute a finished run again and return one check per table.

    Raises LabError when the run has no result, is damaged, or what it was computed from has changed.
    """
    kept = run.result()
    if not run.fresh:
        raise LabError(f"what run {run.id} was computed from has changed since; start it again instead")
    with _fresh_home(trained=kept.request.experiment != "train"):
        again = _computed(kept.request, compute, progress)
    names = [*kept.tables, *(name for name in again.tables if name not in kept.tables)]
    return [_check(name, kept.tables.get(name), again.tables.get(name)) for name in names]


def _computed(request: Request, compute: Compute, progress: Progress) -> Result:
    return EXPERIMENTS[request.experiment].run(request, progress=progress, compute=compute, partial_results={})


@contextmanager
def _fresh_home(*, trained: bool) -> Iterator[None]:
    """Let the lab have an empty home folder in this block, with the real one's downloads, uploads and networks."""
    real, before = home().absolute(), os.environ.get("FEATURE_LAB_HOME")
    shared = ["uploads", "cache/datasets", *(["trained"] if trained else [])]
    with tempfile.TemporaryDirectory(prefix="verify-", dir=real) as place:
        for name in shared:
            if (real / name).exists():
                (Path(place) / name).parent.mkdir(exist_ok=True)
                (Path(place) / name).symlink_to(real / name)
        os.environ["FEATURE_LAB_HOME"] = place
        try:
            yield
        finally:
            os.environ.pop("FEATURE_LAB_HOME")
            if before is not None:
                os.environ["FEATURE_LAB_HOME"] = before


def _check(name: str, kept: pd.DataFrame | None, again: pd.DataFrame | None) -> TableCheck:
    if kept is None or again is None:
        return TableCheck(name, 0, "it is there only now" if kept is None else "it is no longer there")
    columns = [column for column in kept if not CLOCKED.search(str(column))]
    if list(kept) != list(again):
        difference = "its columns are others"
    elif len(kept) != len(again):
        difference = f"{len(kept)} rows, {len(again)} when computed again"
    else:
        found = (_apart(str(column), kept[column], again[column]) for column in columns)
        difference = ", ".join(filter(None, found))
    return TableCheck(name, len(kept), difference)


def _apart(name: str, kept: pd.Series, again: pd.Series) -> str:
    if table_hash(kept.to_frame()) == table_hash(again.to_frame()):
        return ""
    numbers = all(
        pd.api.types.is_numeric_dtype(each) and not pd.api.types.is_bool_dtype(each) for each in (kept, again)
    )
    if numbers and (kept.isna() == again.isna()).all():
        apart = float((kept.astype(float) - again.astype(float)).abs().max())
        return f"{name} by up to {apart:.3g}" if apart else ""
    return f"{name} in {int((kept.map(repr) != again.map(repr)).sum())} rows"


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
