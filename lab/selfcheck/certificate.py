"""The last certificate: rows as they are checked, kept in the lab's home for whoever looks at it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.errors import LabError
from lab.experiments.manifest import PACKAGES
from lab.files import read_json, write_json
from lab.progress import Progress, silent
from lab.selfcheck.run import selfcheck
from lab.selfcheck.table import CHECKS
from lab.selfcheck.types import CheckedRow, KnownAnswer
from lab.settings import home


@dataclass(frozen=True)
class Certificate:
    """What was checked so far, of `total` systems, with which versions; `pid` is the process that does or did it."""

    rows: tuple[CheckedRow, ...]
    total: int
    created: str
    versions: dict[str, str]
    pid: int

    @property
    def complete(self) -> bool:
        """Whether every system was checked."""
        return len(self.rows) == self.total

    @property
    def passed(self) -> bool:
        """Whether every system was checked and gave the known answer."""
        return self.complete and all(row.passed for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the certificate as JSON-able values."""
        return {**asdict(self), "passed": self.passed}


def certificate_file() -> Path:
    """Return where the last certificate is kept."""
    return home() / "selfcheck.json"


def last_certificate() -> Certificate | None:
    """Return the last certificate, complete or not; None when there is none that this version can read."""
    return read_certificate(certificate_file())


def read_certificate(file: Path) -> Certificate | None:
    """Return the certificate in a file, None when there is none that this version can read."""
    try:
        values = read_json(file) or {}
        rows = tuple(CheckedRow(**row) for row in values.pop("rows"))
        values.pop("passed")
        return Certificate(rows=rows, **values)
    except (KeyError, TypeError, LabError):
        return None


def certify(checks: Sequence[KnownAnswer] = CHECKS, *, progress: Progress = silent) -> Certificate:
    """Check everything anew, nothing taken from a cache, and keep the certificate after every row."""
    versions = {name: version(name) for name in PACKAGES}
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    file, rows = certificate_file(), []
    found = Certificate((), len(checks), created, versions, os.getpid())
    write_json(file, found.as_dict())
    with _empty_home():
        for row in selfcheck(checks, progress=progress):
            rows.append(row)
            found = Certificate(tuple(rows), len(checks), created, versions, os.getpid())
            write_json(file, found.as_dict())
    return found


@contextmanager
def _empty_home() -> Iterator[None]:
    """Give the lab an empty home for a while. Of the whole process, so this is for one that does nothing else."""
    before = os.environ.get("FEATURE_LAB_HOME")
    with TemporaryDirectory(prefix="feature-lab-") as folder:
        os.environ["FEATURE_LAB_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["FEATURE_LAB_HOME"]
            else:
                os.environ["FEATURE_LAB_HOME"] = before
