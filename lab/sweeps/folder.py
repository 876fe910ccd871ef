"""Which sweeps there are: `sweeps/ID/plan.json` in the home folder. All else about one follows from its runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab.errors import LabError
from lab.files import read_json, write_json
from lab.settings import home
from lab.sweeps.plan import Plan, read_plan


def sweeps_dir() -> Path:
    """Return the folder that holds one folder per sweep."""
    return home() / "sweeps"


def remember(plan: Plan) -> None:
    """Note a plan, so that its sweep is listed."""
    path = sweeps_dir() / plan.id / "plan.json"
    if read_json(path) != plan.as_dict():
        write_json(path, plan.as_dict())


def list_sweeps() -> list[Plan]:
    """Return the plans of all sweeps, the latest first; one that this version cannot read is left out."""
    found = []
    for path in sorted(sweeps_dir().glob("*/plan.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(LabError, OSError, TypeError, AttributeError):
            found.append(read_plan(read_json(path)))
    return found


def plan_named(text: str) -> Plan:
    """Return the plan in a file, or of the sweep with this id."""
    kept = sweeps_dir() / text / "plan.json"
    return read_plan(read_json(kept)) if text.startswith("sweep-") and kept.exists() else read_plan(text)
