"""What runs are called: their names, when they were made, and what tells two of the same name apart."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from lab.errors import LabError
from lab.experiments.base import Request
from lab.runs.store import RunFolder
from lab.ui.text import escaped

TOLD_VERSIONS = ("torch", "timm")


def run_labels(runs: list[RunFolder]) -> dict[str, str]:
    """Return a name for each run, by id, that no other has: with what it asks beyond the usual, or its id's end."""
    names = {run.id: run.name for run in runs}
    for tail in (lambda run: distinction(run.request), lambda run: run.id[-6:]):
        taken = list(names.values())
        for run in runs:
            if taken.count(names[run.id]) > 1 and tail(run):
                names[run.id] = f"{names[run.id]} ({tail(run)})"
    return names


def distinction(request: Request) -> str:
    """Return what a request asks beyond networks and images, "" for the default."""
    default = type(request)().as_dict()
    told = []
    for name, value in request.as_dict().items():
        if value != default.get(name, "") and name not in ("models", "data"):
            told.append(f"{name.replace('_', ' ')} {', '.join(value) or 'none' if isinstance(value, list) else value}")
    return ", ".join(told)


def when(run: RunFolder) -> str:
    """Return when a run was computed (or begun), in the computer's own time."""
    try:
        moment = datetime.datetime.fromisoformat(run.manifest["created"])
    except (LabError, KeyError, TypeError, ValueError):  # not finished, or damaged
        moment = datetime.datetime.fromtimestamp(run.path.stat().st_mtime)
    return shown_time(moment)


def shown_time(moment: datetime.datetime) -> str:
    """Return a moment as pages show it, in the computer's own time."""
    return f"{moment.astimezone():%d %b %Y, %H:%M}"


def example_note(computed: str, versions: Mapping[str, str]) -> str:
    """Return the badge of what came with the lab (markdown): when it was computed, with which versions."""
    told = ", ".join([computed, *(f"{name} {versions[name]}" for name in TOLD_VERSIONS if name in versions)])
    return f":blue-badge[:material/inventory_2: Example] :small[It came with the lab: {escaped(told)}.]"
