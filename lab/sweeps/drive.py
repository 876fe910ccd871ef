"""Drive a sweep until every unit is finished or set aside: `lab.sweep("PLAN.toml")`.

The driver holds no state that matters: what is done is in the run folders. Killed at any instant it is started again
and goes on; two of them share the work, since a unit is computed by whoever has its lock.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.progress import Progress
from lab.progress_bars import shown as bars_for
from lab.runs.store import open_run
from lab.runs.tables import table_hash
from lab.settings import Compute
from lab.sweeps.attempt import BUSY
from lab.sweeps.engines import Engine, engine_named
from lab.sweeps.folder import remember
from lab.sweeps.plan import Plan, Unit, read_plan
from lab.sweeps.setup import LOST, TRIES, Setup
from lab.sweeps.tables import run_of, sweep_tables

POLL_SECONDS = 1.0  # while other drivers' processes compute all that is left


@dataclass(frozen=True)
class Sweep:
    """What a sweep found so far: its plan, its tables (`lab.sweeps.columns`), and tries that came to nothing by run."""

    plan: Plan
    tables: Mapping[str, pd.DataFrame]
    failures: Mapping[str, list[str]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    @property
    def finished(self) -> int:
        """How many units are finished."""
        return int((self.tables["units"]["status"] == "finished").sum())

    @property
    def set_aside(self) -> pd.DataFrame:
        """The units without a result, each with the reason."""
        units = self.tables["units"]
        return units[units["status"] != "finished"]

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all tables: equal for equal plans at equal coverage, whatever computed them."""
        hashes = {name: table_hash(table) for name, table in self.tables.items()}
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def sweep(
    plan: str | Path | Mapping[str, Any] | Plan,
    *,
    engine: str = "local",
    workers: int | None = None,
    threads: int = 1,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Sweep:
    """Compute what a plan lacks and return its tables; what is finished already, by whomever, is taken as it is.

    A unit that came to nothing three times is set aside, its reason in the table `units`. Raises LabError for a plan
    that cannot be used, and when no unit at all has a result.
    """
    row, setup = engine_named(engine), Setup(workers, threads, compute)
    spelled = plan if isinstance(plan, Plan) else read_plan(plan)
    spelled.check()
    remember(spelled)
    with bars_for(progress) as told:
        failures = _drive(spelled, row, setup, told)
    found = Sweep(spelled, sweep_tables(spelled), failures)
    if not found.finished:
        raise LabError(f"no unit of {spelled.name} has a result; the first: {found.set_aside['reason'].iloc[0]}")
    return found


def _drive(plan: Plan, engine: Engine, setup: Setup, progress: Progress) -> dict[str, list[str]]:
    """Try units until each is finished or was tried three times; return why tries failed, by run."""
    units = {unit.request.run_id: unit for unit in plan.units}
    left = {name: unit for name, unit in units.items() if not _is_finished(unit)}
    return tried(left, len(units), engine, setup, progress, lambda unit: run_of(unit).status)


def tried(
    left: dict[str, Any], planned: int, engine: Engine, setup: Setup, progress: Progress, status: Callable[[Any], str]
) -> dict[str, list[str]]:
    """Try the units that are left of those planned, by name, until the `status` of each is finished or it was tried
    three times; return why tries failed, by name."""
    names = {id(unit): name for name, unit in left.items()}
    tries: Counter[str] = Counter()
    failures: dict[str, list[str]] = {}
    progress("Computing units", planned - len(left), planned, "units")
    while left:
        before = len(left) + tries.total()
        for unit, word in engine.run(_passes_first(left.values()), setup):
            name, now = names[id(unit)], status(unit)
            if now == "finished":
                left.pop(name, None)
                progress("Computing units", planned - len(left), planned, "units")
            elif word != BUSY:
                tries[name] += TRIES if now == "cancelled" else engine.tries_of_a_loss if word == LOST else 1
                failures.setdefault(name, []).append(word)
        left = {name: unit for name, unit in left.items() if tries[name] < TRIES}
        if left and len(left) + tries.total() == before:
            time.sleep(POLL_SECONDS)
    return failures


def _is_finished(unit: Unit) -> bool:
    """Return whether a unit has a result that still holds; one that does not is opened for computing it anew."""
    run = run_of(unit)
    return (run.path / "run.json").exists() and open_run(unit.request).status == "finished"


def _passes_first(units: Iterable[Unit]) -> list[Unit]:
    """Return units, one of each pass through a network before those that share it: its vectors are kept by then."""
    first: dict[Any, Unit] = {}
    rest = [unit for unit in units if first.setdefault(unit.reads, unit) is not unit]
    return [*first.values(), *rest]
