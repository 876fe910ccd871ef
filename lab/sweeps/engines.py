"""What computes the units of a sweep: one row each. None of them schedules more than its library does.

    run(units, setup) yields (unit, word) as tries end: the word of `attempt`, or LOST when the process died

A row leaves no process behind when its iteration is ended early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lab.errors import LabError, nearest
from lab.settings import Compute
from lab.sweeps.attempt import attempt
from lab.sweeps.plan import Unit
from lab.threads import cores

LOST = "its process ended without a word (killed, out of memory, or the machine is gone)"
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

    def __post_init__(self) -> None:
        for name, value in (("workers", self.workers), ("threads", self.threads)):
            if value is not None and not 1 <= value <= 10_000:
                raise LabError(f"{name} is {value}; it must be from 1 to 10000")

    @property
    def environment(self) -> dict[str, str]:
        """What holds a worker to its threads; read by the numerical libraries when they are imported."""
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "FEATURE_LAB_THREADS")
        return dict.fromkeys(names, str(self.threads))

    def arguments(self, unit: Unit) -> tuple[dict[str, object], str, int]:
        """Return what `attempt` is called with."""
        return unit.request.as_dict(), self.compute.device, self.compute.batch_size


def local(units: Iterable[Unit], setup: Setup) -> Iterator[Ended]:
    """Compute units in processes of this machine (loky, which joblib brings).

    A dead worker takes its pool down, so each unit that was under way is tried again alone: only one that dies there
    is lost by its own doing.
    """
    waiting = deque(units)
    setup = replace(setup, workers=setup.workers or max(1, cores() // setup.threads))
    while waiting:
        for unit in (yield from _in_a_pool(waiting, setup)):
            if (yield from _in_a_pool(deque([unit]), replace(setup, workers=1))):
                yield unit, LOST


def _in_a_pool(waiting: deque[Unit], setup: Setup) -> Generator[Ended, None, list[Unit]]:
    """Compute what waits, until all is done or a worker dies; return the units that were under way then."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

    most = min(setup.workers or 1, len(waiting))
    pool = ProcessPoolExecutor(most, env=setup.environment)
    under_way: dict[Future[str], Unit] = {}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < most:
                unit = waiting.popleft()
                under_way[pool.submit(attempt, *setup.arguments(unit))] = unit
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way[future], future.result()
                del under_way[future]
    except BrokenProcessPool:
        return list(under_way.values())
    finally:
        pool.shutdown(kill_workers=True)
    return []


@dataclass(frozen=True)
class Engine:
    """A row: its name, a line about it, what runs it, and how many tries it has made of a unit that it calls lost."""

    name: str
    about: str
    run: Callable[[Sequence[Unit], Setup], Iterator[Ended]]
    tries_of_a_loss: int = 1


ENGINES = {row.name: row for row in (Engine("local", "processes on this machine", local),)}


def engine_named(name: str) -> Engine:
    """Return the row of an engine; raises LabError when there is none."""
    if name not in ENGINES:
        raise LabError(f"there is no engine {name!r}{nearest(name, ENGINES)}; known: {', '.join(ENGINES)}")
    return ENGINES[name]
