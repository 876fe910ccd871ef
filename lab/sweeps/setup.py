"""How the units of a sweep are computed, and what an engine says of each try."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError, check_type
from lab.settings import Compute, home
from lab.sweeps.attempt import attempt
from lab.sweeps.plan import Unit

LOST = "its process ended without a word (killed, out of memory, or the machine is gone)"
TOKEN = "FEATURE_LAB_TOKEN"  # of the dashboard: no business of a worker's, and Ray shows these variables around
TRIES = 3  # a unit that came to nothing so often is set aside

Ended = tuple[Unit, str]


@dataclass(frozen=True)
class Setup:
    """How units are computed: `workers` at once (None: as many as there is room for), `threads` each.

    Results repeat at an equal number of threads, so there is one a worker unless somebody asks for more.
    """

    workers: int | None = None
    threads: int = 1
    compute: Compute = Compute()  # noqa: RUF009 - frozen
    work: Callable[..., str] = attempt

    def __post_init__(self) -> None:
        check_type("compute", self.compute, Compute, 'lab.Compute(device="cuda") or the like')
        for name, value in (("workers", self.workers), ("threads", self.threads)):
            check_type(name, 1 if value is None else value, int, "a whole number")
            if value is not None and not 1 <= value <= 10_000:
                raise LabError(f"{name} is {value}; it must be from 1 to 10000")

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a worker: its threads (read when the numerical libraries are imported), where things are."""
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "FEATURE_LAB_THREADS")
        root = str(Path(__file__).resolve().parent.parent.parent)
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        return {
            **{name: os.environ[name] for name in os.environ if name.startswith("FEATURE_LAB_") and name != TOKEN},
            **dict.fromkeys(names, str(self.threads)),
            "FEATURE_LAB_HOME": str(home().absolute()),
            "PYTHONPATH": path,
        }

    def arguments(self, unit: Unit) -> tuple[dict[str, object], str, int]:
        """Return what `work` is called with."""
        return unit.request.as_dict(), self.compute.device, self.compute.batch_size
