"""Any question of the registry from Python: `lab.ask("filter", layer="conv_stem")`, as `feature-lab ask` asks it."""

from __future__ import annotations

from typing import Any

from lab.experiments.base import Result
from lab.progress import Progress, silent
from lab.registry import request_from
from lab.runs import jobs
from lab.runs.store import open_run
from lab.settings import Compute


def ask(question: str, *, progress: Progress = silent, compute: Compute | None = None, **fields: Any) -> Result:
    """Return the answer to a question, computed here unless its run is there already.

    `fields` are those of the question's request; what is left out is as usual. Raises LabError for a question or a
    field that is not there, and for input that cannot be used.

    >>> ask("slide", size=9).findings[0]
    '(9 − 3 + 2·1) / 2 + 1 = 5: the window has 5 positions.'
    """
    run = open_run(request_from({**fields, "experiment": question}).canonical())
    if run.status != "finished":
        jobs.compute(run, compute or Compute(), progress)
    return run.result()
