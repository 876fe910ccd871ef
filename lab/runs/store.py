"""All runs: the folder of a request, the list of what there is, one by its id, name or folder.

What is in a run's folder is the business of `lab.runs.folder`. A run that cannot be read is listed apart, with the
reason (`unreadable_runs`), and hides no other.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from lab.errors import LabError, nearest
from lab.experiments.base import RESULTS_VERSION, Request
from lab.files import write_json
from lab.runs.documents import document
from lab.runs.folder import RunFolder, Status
from lab.runs.tables import table_hash
from lab.settings import runs_dir

SIGNS = ("request.json", "run.json", "worker.json")  # what makes a folder one of a run, damaged or not

__all__ = ["RunFolder", "Status", "find_run", "list_runs", "open_run", "table_hash", "unreadable_runs"]


def open_run(request: Request, folder: Path | None = None) -> RunFolder:
    """Return the run folder of `request`, made if need be, in `folder` or at its place among all runs.

    A finished run whose sources have changed, whose numbers are an older version's, or whose tables are not those
    that were computed, is opened for computing it anew. What killed writers left is swept.
    """
    run = RunFolder(folder or runs_dir() / request.run_id)
    kept = _kept_request(run, at_home=folder is None)
    if kept is None:
        if folder is not None and run.path.exists() and not all(map(_left_behind, run.path.iterdir())):
            raise LabError(f"{run.path} holds other files; give an empty or new folder")
        write_json(run.path / "request.json", request.as_dict())
    elif kept != request.as_dict():
        raise LabError(f"{run.path} holds another run ({run.name}); give an empty or new folder")
    if not run.under_way:
        run.sweep()
        if (run.path / "run.json").exists() and _outdated(run):
            run.reopen()
    return run


def list_runs() -> list[RunFolder]:
    """Return all runs whose question can be read, the newest first; a damaged one says so by its status."""
    return [run for run in _all_runs() if _readable(run)]


def unreadable_runs() -> list[RunFolder]:
    """Return the runs whose question cannot be read or whose folder's name cannot be shown; `damage` says why."""
    return [run for run in _all_runs() if not _readable(run)]


def find_run(text: str) -> RunFolder:
    """Return the run with this id (or a beginning of it that only one has), name or folder; a damaged one too."""
    path = Path(text).expanduser()
    with contextlib.suppress(OSError, ValueError):
        if (path / "request.json").exists():
            return RunFolder(path)
    runs = _all_runs()
    matches = [run for run in runs if run.id == text] or [run for run in runs if _answers_to(run, text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LabError(
            f"{text!r} fits {len(matches)} runs: {', '.join(run.id for run in matches[:5])}; give more of the id"
        )
    raise LabError(f"there is no run {text!r}{nearest(text, [run.id for run in runs])}; `feature-lab runs` lists them")


def _all_runs() -> list[RunFolder]:
    if not runs_dir().is_dir():
        return []
    folders = [path for path in runs_dir().iterdir() if any((path / name).exists() for name in SIGNS)]
    return [RunFolder(path) for path in sorted(folders, key=_changed, reverse=True)]


def _readable(run: RunFolder) -> bool:
    """Return whether a run says what it asks, under a name that can be shown."""
    try:
        return bool(run.request) and run.id.isprintable()
    except LabError:
        return False


def _kept_request(run: RunFolder, *, at_home: bool) -> dict[str, object] | None:
    """Return the request that a folder holds, None for none. In the home folder a run's place is named by what it
    asks, so one that cannot be read is written again."""
    if not at_home:
        return document(run.path, "request.json")
    try:
        return run.request.as_dict()
    except LabError:
        return None


def _outdated(run: RunFolder) -> bool:
    if run.check_tables():
        return True
    return run.manifest.get("results_version") != RESULTS_VERSION or not run.fresh


def _left_behind(path: Path) -> bool:
    """Return whether a file is what a run without a request leaves: killed at its first file, or only named."""
    return path.name == "name.txt" or path.name.startswith(".request.json.")


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # deleted by somebody else since it was listed
        return 0.0


def _answers_to(run: RunFolder, text: str) -> bool:
    return run.id.startswith(text) or run.id.split("-", 1)[-1].startswith(text) or run.name == text
