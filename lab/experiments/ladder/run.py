"""Conducts the ladder: rungs drawn, seen and probed one after the other, then tables and sentences.

tables   accuracy   rung × layer, of each network and its untrained twins, with thumbnails of the pixels
         emergence  where each rung becomes readable, and whether it is lost again
         order      the order of emergence against that of the ladder; pairs: which rungs are the other way round
         gains      what training brings; ease: whether that is what an untrained network made easy
         labels     how many labels each layer saves
         invariance what is lost at another position, size, colouring or background; moved: the same rung by rung
         networks   further networks against the first, rung by rung; layer_differences: and layer by layer
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lab.experiments.base import DEFAULT_MODEL, PartialResults
from lab.experiments.ladder.climb import climb_of
from lab.experiments.ladder.findings import findings
from lab.experiments.ladder.measure import networks_of, read_rungs
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.ladder.tables import assemble
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.images.synthetic import RUNGS
from lab.layers import Layer
from lab.models import Model, names_of
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
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
    models: Model | Iterable[Model] = DEFAULT_MODEL,
    *,
    preprocess: Any = None,
    rungs: str | Sequence[str] = tuple(RUNGS),
    layers: str | Sequence[str | Layer] = "stages",
    pooling: str = "avg",
    per_class: int = 100,
    untrained: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return the ladder of a network, or of several: at which depth each level of vision becomes readable.

    `models` and `preprocess` are as in `lab.probe`; the other arguments are the fields of `LadderRequest`. Raises
    LabError, in one sentence, for what cannot be used. The result is kept by the caller only; the command line and the
    dashboard keep theirs as runs.
    """
    request = LadderRequest.from_dict(
        {
            "models": names_of(models, preprocess), "rungs": rungs, "layers": layers, "pooling": pooling,
            "per_class": per_class, "untrained": untrained, "seed": seed,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return run(request.canonical(), progress=told, compute=compute)
