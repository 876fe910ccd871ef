"""The manifest of a result: what was asked, when, with which versions, and how long each part took."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lab.experiments.base import RESULTS_VERSION, Request
from lab.experiments.result import Result

PACKAGES = ("feature-hierarchy-lab", "torch", "timm", "scikit-learn", "numpy", "scipy", "pillow")


class Clock:
    """Seconds spent in each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """End a part here."""
        now = time.perf_counter()
        self.seconds[part], self._last = round(now - self._last, 3), now


def result_with_findings(
    request: Request, tables: Mapping[str, pd.DataFrame], findings: Sequence[str], **more: Any
) -> Result:
    """Return a result whose manifest says what was asked, how, and what was found, a sentence each, and `more`."""
    manifest = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "request": request.as_dict(),
        "command": request.command(),
        "findings": list(findings),
        "problems": [],
        "results_version": RESULTS_VERSION,
        "versions": versions(),
        **more,
    }
    return Result(request, tables, manifest)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    import platform
    from importlib.metadata import version

    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}
