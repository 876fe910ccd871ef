"""The process that computes one run: `python -m lab.runs.worker RUN DEVICE BATCH_SIZE`, started by `lab.runs.jobs`."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.errors import BeingComputed, LabError
from lab.files import sweep
from lab.runs.jobs import compute
from lab.runs.pace import Pace
from lab.runs.progress_file import ProgressFile
from lab.runs.queue import waiting_turn
from lab.runs.store import RunFolder
from lab.settings import Compute, home
from lab.shortages import shortage


def main(arguments: list[str]) -> int:
    """Compute the run; return 0 when it has a result or another process is at it, 2 when its input was at fault or
    disk or memory ran out."""
    folder, device, batch_size = arguments
    run = RunFolder(Path(folder))
    try:
        progress = ProgressFile(run.path / "progress.json", Pace.of(run.request.experiment))
        progress("Loading libraries", 0, 1, "steps")
        with waiting_turn(progress, run.name):
            sweep(home() / "cache", deep=True)
            compute(run, Compute(device, int(batch_size)), progress, dedicated=True)
    except BeingComputed:  # begun elsewhere while this worker waited its turn: that process tells how it ends
        return 0
    except Exception as error:
        named = error if isinstance(error, LabError) else shortage(error)
        if named is None:
            raise
        if run.status != "failed":  # it did not come as far as the computation, which tells its own
            run.fail(str(named), "input")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
