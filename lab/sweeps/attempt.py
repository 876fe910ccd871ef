"""One try at one unit, in whatever process an engine has made: the run folder takes the answer, a word comes back.

Nothing but texts and numbers goes there and back, so no engine ever moves images, vectors or tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.errors import BeingComputed
from lab.models.devices import shared_out
from lab.progress import silent
from lab.registry import request_from
from lab.runs import jobs
from lab.runs.store import RunFolder, open_run
from lab.settings import Compute, runs_dir

BUSY = "busy"  # another process is at it
FINISHED = "finished"


def attempt(request: Mapping[str, Any], device: str, batch_size: int) -> str:
    """Compute the run of `request` unless it is finished; return FINISHED, BUSY, or a sentence on why it is neither.

    Never raises for what happens in the run: its folder says what that was.
    """
    try:
        asked = request_from(request)
        there = RunFolder(runs_dir() / asked.run_id)
        if there.path.exists() and jobs.being_computed(there):
            return BUSY  # opening it would sweep away what a process on another machine is writing
        run = open_run(asked)
        if run.status != "finished":
            jobs.compute(run, Compute(shared_out(device, asked.digest), batch_size), silent)
    except BeingComputed:
        return BUSY
    except (Exception, KeyboardInterrupt) as error:  # the latter is what cancelling a run sends to its process
        return " ".join(f"{type(error).__name__}: {error}".split())
    return FINISHED
