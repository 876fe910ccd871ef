"""Any question of the registry from Python: `lab.ask("filter", layer="conv_stem")`, as `feature-lab ask` asks it."""

from __future__ import annotations

from typing import Any

from lab.errors import LabError
from lab.experiments.result import Result
from lab.images import ImageSet
from lab.models import names_of
from lab.progress import Progress
from lab.progress_bars import shown as bars_for
from lab.registry import request_from
from lab.runs import jobs
from lab.runs.store import open_run
from lab.settings import Compute


def ask(question: str, *, progress: Progress | None = None, compute: Compute | None = None, **fields: Any) -> Result:
    """Return the answer to a question, computed here unless its run is there already.

    `fields` are those of the question's request (`ask.pyi` spells them out for each question); what is left out is as
    usual. A network may be given by name, as `load_model` returns it, or as a torch module. Raises LabError for a
    question or a field that is not there, and for input that cannot be used.

    >>> ask("slide", size=9).findings[0]
    '(9 − 3 + 2·1) / 2 + 1 = 5: the window has 5 positions.'
    """
    fields |= {name: names_of(fields[name]) for name in ("model", "models", "others") if name in fields}
    if isinstance(given := fields.get("model"), list):
        fields["model"] = given[0]
    if isinstance(fields.get("data"), ImageSet):
        raise LabError("a question is asked about images by name, so that its run can be found again; give data a name")
    run = open_run(request_from({**fields, "experiment": question}).canonical())
    if run.status != "finished":
        with bars_for(progress) as told:
            jobs.compute(run, compute or Compute(), told)
    return run.result()
