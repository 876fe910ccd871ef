"""Carries the checks out, row by row."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from lab.errors import LabError
from lab.progress import Progress, silent
from lab.selfcheck.table import CHECKS
from lab.selfcheck.types import CheckedRow, Found, KnownAnswer


def selfcheck(checks: Sequence[KnownAnswer] = CHECKS, *, progress: Progress = silent) -> Iterator[CheckedRow]:
    """Yield each row as soon as it is checked. A check that ends with an error has failed, and says so."""
    for number, check in enumerate(checks):
        progress("Checking against known answers", number, len(checks), "systems")
        begun = time.perf_counter()
        found = _found(check)
        seconds = round(time.perf_counter() - begun, 2)
        yield CheckedRow(check.name, check.system, check.expected, found.text, found.passed, check.source, seconds)
    progress("Checking against known answers", len(checks), len(checks), "systems")


def _found(check: KnownAnswer) -> Found:
    try:
        return check.check()
    except LabError as error:
        return Found(str(error), False)
    except Exception as error:
        return Found(f"it ended with {type(error).__name__}: {error}", False)
