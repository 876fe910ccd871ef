"""Side by side instead of stacked: the same number of parameters, arranged in five ways, trained alike.

    tables   curve    one row per task, network, seed and moment of training: images seen so far, accuracy on new images
             summary  one row per task, network and moment: the mean over seeds with interval, and chance
             leads    one row per task and other network: by how much the stack is ahead at the end, with interval
             networks one row per network: its parameters, width and what it is

An interval is over both what varies: the seeds (first weights and order; Student's t) and the test images.
"""

from __future__ import annotations

from functools import lru_cache, partial

from lab.experiments.base import Arrays, Pieces, Result
from lab.experiments.side_by_side.asked import SideRequest
from lab.experiments.side_by_side.tasks import tasks_named
from lab.progress import Progress, silent
from lab.settings import Compute


def run(
    request: SideRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return how well each arrangement learns each task; raises LabError when a network cannot be made that small."""
    from lab.experiments.manifest import made
    from lab.experiments.side_by_side.learning import lesson_of, steps_of, trained
    from lab.experiments.side_by_side.networks import ARRANGEMENTS, width_for
    from lab.experiments.side_by_side.tables import tables_of
    from lab.experiments.side_by_side.told import told
    from lab.tuning import tune_allocator

    tune_allocator()
    tasks = tasks_named(request.tasks)
    for name in ARRANGEMENTS:
        width_for(name, request.parameters, request.size)
    pieces = pieces if pieces is not None else {}
    found: dict[tuple[str, str, int], Arrays] = {}
    every = [(task, name, seed) for task in tasks for name in ARRANGEMENTS for seed in range(request.seeds)]
    lesson = lru_cache(maxsize=1)(partial(lesson_of, request, progress))  # one task's images at a time
    steps = steps_of(request)

    def tell(step: int) -> None:
        progress("Training small networks", len(found) * steps + step, len(every) * steps, "batches")

    for task, name, seed in every:
        key = f"{task}/{name}/{seed}"
        if key not in pieces:
            pieces[key] = trained(request, name, seed, lesson(task), tell)
        found[task, name, seed] = pieces[key]
    tables = tables_of(found, tasks, request)
    return made(request, tables, told(tables, request.parameters), chance=0.5)
