"""Runs from Python: load one, list all, and put the tables of several under each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from lab.errors import LabError, check_type, nearest
from lab.experiments.result import Result
from lab.experiments.training.request import WatchRequest
from lab.runs.jobs import sole_worker
from lab.runs.store import find_run, list_runs, open_run


def load_run(run: str | os.PathLike[str]) -> Result:
    """Return the result of a run by its id (or a beginning of it), its name or its folder.

    Raises LabError when there is no such run, or it is not finished.
    """
    check_type("run", run, (str, os.PathLike), "the id, name or folder of a run")
    found = find_run(os.fspath(run))
    if found.status != "finished":
        why = f": {found.problem}" if found.problem else ""
        raise LabError(f"run {found.id} is {found.status}, not finished{why}; compute it first")
    return found.result()


def keep(result: Result, name: str = "") -> Path:
    """Keep the result of a training that a Python process watched among the runs, and return its folder.

    Raises LabError for any other result, and while another process writes the same.
    """
    request = result.request
    if not (isinstance(request, WatchRequest) and request.from_python()):
        raise LabError(
            f"a {request.experiment} result is kept by whoever computes it as a run: `{request.command()}`, or "
            "export it with lab.export_run"
        )
    run = open_run(request)
    with sole_worker(run):
        run.begin(request.sources())
        run.finish(result)
        if name:
            run.rename(name)
    return run.path


def runs() -> pd.DataFrame:
    """Return the runs on this computer, the newest first: run, name, question, status, networks, images, created."""
    rows = []
    for run in list_runs():
        request = run.request
        created = "" if run.status == "damaged" else str(run.manifest.get("created", ""))
        rows.append((run.id, run.name, request.experiment, run.status, ", ".join(request.networks()),
                     str(getattr(request, "data", "")), created))  # fmt: skip
    return pd.DataFrame(rows, columns=["run", "name", "question", "status", "networks", "images", "created"])


def concat(results: Iterable[Result] | Mapping[str, Result], table: str = "") -> pd.DataFrame:
    """Return one table of several results under each other, with what each is called in the first column, `result`.

    Results are called by the keys of a mapping, else by the ids of their runs. `table` is the name of a table that all
    of them have; without it, the one that answers the question. Raises LabError where one has no such table.
    """
    if isinstance(results, Result):
        raise LabError("concat takes several results; give a list, or a dictionary of names and results")
    named = dict(results) if isinstance(results, Mapping) else {}
    check_type("results", results, Iterable, "a list of results, or a dictionary of names and results")
    members = list(results.values() if isinstance(results, Mapping) else results)
    for result in members:
        check_type("a member of results", result, Result, "what lab.probe, lab.load_run and the like return")
    named = named or {result.request.run_id: result for result in members}
    if not named:
        raise LabError("there is nothing to put together; give one result or more")
    parts = []
    for name, result in named.items():
        if table and table not in result.tables:
            raise LabError(
                f"{name} has no table {table!r}{nearest(table, result.tables)}; it has {', '.join(result.tables)}"
            )
        found = result.to_pandas(table)
        found.insert(0, "result", name)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)
