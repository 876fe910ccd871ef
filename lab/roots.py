"""Which of this computer's files may be named: all of them, or only those below roots that were given.

A dashboard that others reach is started with roots (`feature-lab app --address … --root DIR`). They stand in the
environment, so that the server and every worker it starts are bound by them; whatever opens a path that a person has
written (pictures, folders, zips, checkpoints, `local-dir:`) asks `permitted` first. What the lab keeps itself (runs,
uploads, trained networks, downloads) is named by ids, not paths, and is not asked about here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError

ROOTS_VARIABLE = "FEATURE_LAB_ROOTS"  # a JSON list of folders; unset: no path is off limits
SHARED_VARIABLE = "FEATURE_LAB_ON_NETWORK"


def as_text(roots: Iterable[Path]) -> str:
    """Return roots as the environment holds them, links and `~` resolved."""
    return json.dumps([str(root.expanduser().resolve()) for root in roots])


def roots() -> tuple[Path, ...] | None:
    """Return the folders that may be read, None where every path may."""
    given = os.environ.get(ROOTS_VARIABLE)
    return None if given is None else tuple(Path(root) for root in json.loads(given))


def on_network() -> bool:
    """Return whether this process serves, or works for, a dashboard that other computers reach."""
    return bool(os.environ.get(SHARED_VARIABLE))


def permitted(path: str | os.PathLike[str]) -> Path:
    """Return a path that may be opened, `~` resolved; raises LabError for one outside the roots.

    Where a link leads counts, not where it lies. Whether anything is there is not looked at, so the answer says
    nothing about files that are off limits.
    """
    asked = Path(path).expanduser()
    allowed = roots()
    if allowed is None or any(_resolved(asked).is_relative_to(root) for root in allowed):
        return asked
    folders = f"only {', '.join(map(str, allowed))} can" if allowed else "no folder of it can; upload the file instead"
    raise LabError(f"{path} cannot be read from this dashboard: of its computer {folders}")


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))
