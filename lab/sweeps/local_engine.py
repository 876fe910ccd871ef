"""Units in processes of this machine, through loky, which joblib brings."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from lab.shortages import available_memory
from lab.sweeps.plan import Unit
from lab.sweeps.setup import LOST, Ended, Setup
from lab.threads import cores

WORKER_BYTES = 1_000_000_000  # of a worker with torch and a small network, by default no more of them than fit


def run(units: Iterable[Unit], setup: Setup) -> Iterator[Ended]:
    """Compute units in processes of this machine.

    A dead worker takes its pool down, so each unit that was under way is tried again alone: only one that dies there
    is lost by its own doing.
    """
    waiting = deque(units)
    room = min(cores() // setup.threads, available_memory() // WORKER_BYTES)
    setup = replace(setup, workers=setup.workers or max(1, room))
    while waiting:
        suspects = yield from _in_a_pool(waiting, setup)
        for unit in suspects:
            if len(suspects) == 1 or (yield from _in_a_pool(deque([unit]), replace(setup, workers=1))):
                yield unit, LOST


def _in_a_pool(waiting: deque[Unit], setup: Setup) -> Generator[Ended, None, list[Unit]]:
    """Compute what waits, until all is done or a worker dies; return the units that were under way then."""
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    from joblib.externals.loky import BrokenProcessPool, ProcessPoolExecutor

    most = min(setup.workers or 1, len(waiting))
    pool = ProcessPoolExecutor(most, initializer=_end_with, initargs=(os.getpid(),), env=setup.environment)
    under_way: dict[Future[str], Unit] = {}
    try:
        while waiting or under_way:
            while waiting and len(under_way) < most:
                unit = waiting.popleft()
                under_way[pool.submit(setup.work, *setup.arguments(unit))] = unit
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way[future], future.result()
                del under_way[future]
    except BrokenProcessPool:
        return list(under_way.values())
    finally:
        pool.shutdown(kill_workers=True)
    return []


def _end_with(driver: int) -> None:
    """Let this worker end soon after its driver: killed, that one tells nobody, and loky's workers wait for ever.

    What is under way goes on from its finished parts, as after any other death. (On Windows a process keeps the number
    of a parent that has ended; workers are left behind there.)
    """

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
