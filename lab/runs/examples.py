"""Finished runs that come with the package, so that nothing opens empty: the default network's answers.

They are found by the id that the same question has here, and only read: a run of this computer goes before them.
`docs/make_examples.py` makes them; a question that has changed since finds none, and is offered to be run.
"""

from __future__ import annotations

import os
from pathlib import Path

from lab.experiments.base import Request
from lab.runs.folder import RunFolder

VARIABLE = "FEATURE_LAB_EXAMPLES"  # another folder of examples; "" for none


def examples_dir() -> Path | None:
    """Return the folder that holds one folder per example, None where none are wanted."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return Path(__file__).parents[1] / "examples"
    return Path(given).expanduser() if given else None


def example_named(run_id: str) -> RunFolder | None:
    """Return the example with this id, None when there is none."""
    folder = examples_dir()
    return RunFolder(folder / run_id) if folder and (folder / run_id / "run.json").is_file() else None


def list_examples() -> list[RunFolder]:
    """Return all examples that can be read, by name of their question."""
    folder = examples_dir()
    found = [RunFolder(path.parent) for path in sorted(folder.glob("*/request.json"))] if folder else []
    return [run for run in found if not run.damage]


def example_of(request: Request) -> RunFolder | None:
    """Return the example that answers a canonical request, None when there is none."""
    return example_named(request.run_id)
