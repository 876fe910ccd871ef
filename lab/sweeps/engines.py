"""What computes the units of a sweep: one row each. None of them schedules more than its library does.

    run(units, setup) yields (unit, word) as tries end: the word of `attempt`, or LOST when the process died

A row leaves no process behind when its iteration is ended early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lab.errors import LabError, check_type, nearest
from lab.sweeps import local_engine, ray_engine, slurm_engine
from lab.sweeps.plan import Unit
from lab.sweeps.setup import TRIES, Ended, Setup


@dataclass(frozen=True)
class Engine:
    """A row: its name, a line about it, what runs it, and how many tries it has made of a unit that it calls lost."""

    name: str
    about: str
    run: Callable[[Sequence[Unit], Setup], Iterator[Ended]]
    tries_of_a_loss: int = 1


ENGINES = {
    row.name: row
    for row in (
        Engine("local", "processes on this machine", local_engine.run),
        Engine("ray", "tasks of Ray, on the cluster at RAY_ADDRESS or here", ray_engine.run, tries_of_a_loss=TRIES),
        Engine("slurm", "array jobs of Slurm, through submitit", slurm_engine.run),
    )
}


def engine_named(name: str) -> Engine:
    """Return the row of an engine; raises LabError when there is none."""
    check_type("engine", name, str, f"one of {', '.join(ENGINES)}")
    if name not in ENGINES:
        raise LabError(f"there is no engine {name!r}{nearest(name, ENGINES)}; known: {', '.join(ENGINES)}")
    return ENGINES[name]
