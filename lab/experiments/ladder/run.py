"""Conducts the ladder: rungs drawn, seen and probed one after the other, then tables and sentences.

tables   accuracy   rung × layer, of each network and its untrained twins, with thumbnails of the pixels
         emergence  where each rung becomes readable, and whether it is lost again
         order      the order of emergence against that of the ladder; pairs: which rungs are the other way round
         gains      what training brings
"""

from __future__ import annotations

from typing import Any

from lab.experiments.base import DEFAULT_MODEL, PartialResults, Result
from lab.experiments.ladder.findings import findings
from lab.experiments.ladder.measure import networks_of, read_rungs
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.ladder.tables import assemble, climb_of
from lab.experiments.manifest import Clock, result_with_findings
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.threads import cores


def run(
    request: LadderRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the ladder of every network; raises LabError when a network or its layers cannot be used."""
    clock = Clock()
    kept = partial_results if partial_results is not None else {}
    networks = networks_of(request, progress)
    readings = list(read_rungs(request, networks, progress, compute, kept))
    clock.mark("rungs")
    climbs = [climb_of(reading, reading.network) for reading in readings if reading.network is not None]
    tables = assemble(networks, readings, climbs, request.per_class)
    clock.mark("tables")
    hashes = {str(network.ref): network.digest for network in networks}
    return result_with_findings(
        request, tables, findings(tables), hashes=hashes, threads=cores(), timings=clock.seconds, notes=[]
    )


def ladder(
    model: str | tuple[str, ...] | list[str] = DEFAULT_MODEL,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    **fields: Any,
) -> Result:
    """Return the ladder of a network, `ID[@WEIGHTS]`, or of several; `fields` are those of `LadderRequest`.

    The result is kept by the caller only; the command line and the dashboard keep theirs as runs.
    """
    models = (model,) if isinstance(model, str) else tuple(model)
    return run(LadderRequest(models=models, **fields).canonical(), progress=progress, compute=compute)
