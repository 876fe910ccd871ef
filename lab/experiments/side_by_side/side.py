"""Side by side instead of stacked: the same number of parameters, arranged in five ways, trained alike.

    tables   curve    one row per task, network, seed and moment of training: images seen so far, accuracy on new images
             summary  one row per task, network and moment: the mean over seeds with interval, and chance
             leads    one row per task and other network: by how much the stack is ahead at the end, with interval
             networks one row per network: its parameters, width and what it is

An interval is over both what varies: the seeds (first weights and order; Student's t) and the test images.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from lab.experiments.base import Pieces, Result
from lab.experiments.side_by_side.asked import SideRequest
from lab.experiments.side_by_side.tasks import tasks_named
from lab.progress import Progress, counted, silent
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
    from lab.experiments.side_by_side.learning import steps_of
    from lab.experiments.side_by_side.networks import ARRANGEMENTS, width_for
    from lab.experiments.side_by_side.tables import tables_of
    from lab.experiments.side_by_side.told import told
    from lab.tuning import tune_allocator

    tune_allocator()
    tasks = tasks_named(request.tasks)
    for name in ARRANGEMENTS:
        width_for(name, request.parameters, request.size)
    pieces = pieces if pieces is not None else {}
    every = [(name, seed) for name in ARRANGEMENTS for seed in range(request.seeds)]
    keys = {(task, name, seed): f"{task}/{name}/{seed}" for task in tasks for name, seed in every}
    there, steps = sum(key in pieces for key in keys.values()), steps_of(request)
    tell = counted(progress, "Training small networks", len(keys) * steps, "batches", there * steps)
    for task in tasks:
        missing = [(name, seed) for name, seed in every if keys[task, name, seed] not in pieces]
        if missing:
            _train(request, task, missing, pieces, tell, progress)
    found = {at: pieces[key] for at, key in keys.items()}
    tables = tables_of(found, tasks, request)
    return made(request, tables, told(tables, request.parameters), chance=0.5)


def _train(
    request: SideRequest,
    task: str,
    missing: list[tuple[str, int]],
    pieces: Pieces,
    tell: Callable[[], None],
    progress: Progress,
) -> None:
    """Train networks on one task and leave what they became in `pieces`: one on each core, since they are small.

    Each is left there when it is done, so that an interruption loses only what is under way.
    """
    from lab.experiments.side_by_side.learning import Beginner, beginner, lesson_of, trained
    from lab.pools import in_threads, unless
    from lab.tuning import one_thread

    lesson, left = lesson_of(request, progress, task), Event()
    step = unless(left, tell)

    def work(at: tuple[str, int], start: Beginner) -> None:
        name, seed = at
        pieces[f"{task}/{name}/{seed}"] = trained(request, start, lesson, step)

    with one_thread():
        starts = [beginner(request, name, seed) for name, seed in missing]
        for _ in in_threads(lambda one: work(*one), zip(missing, starts, strict=True), left=left):
            pass
