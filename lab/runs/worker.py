"""The process that computes one run: `python -m lab.runs.worker RUN DEVICE BATCH_SIZE`, started by `lab.runs.jobs`."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.errors import BeingComputed, LabError
from lab.runs.jobs import ProgressFile, compute
from lab.runs.queue import waiting_turn
from lab.runs.store import RunFolder
from lab.settings import Compute


def main(arguments: list[str]) -> int:
    """Compute the run; return 0 when it has a result or another process is at it, 2 when its input was at fault."""
    folder, device, batch_size = arguments
    run = RunFolder(Path(folder))
    progress = ProgressFile(run.path / "progress.json")
    progress("Loading libraries", 0, 1, "steps")
    try:
        with waiting_turn(progress, run.name):
            compute(run, Compute(device, int(batch_size)), progress, dedicated=True)
    except BeingComputed:  # begun elsewhere while this worker waited its turn: that process tells how it ends
        return 0
    except LabError as error:
        if run.status != "failed":  # it did not come as far as the computation, which tells its own
            run.fail(str(error), "input")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
