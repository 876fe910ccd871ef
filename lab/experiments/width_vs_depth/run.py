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

from lab.experiments.base import PartialResults
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.width_vs_depth.findings import findings
from lab.experiments.width_vs_depth.networks import ARRANGEMENTS, width_for
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.tables import tables_of
from lab.experiments.width_vs_depth.tasks import tasks_named
from lab.experiments.width_vs_depth.training import InitialisedModel, initialised_model, steps_of, task_data, train_one
from lab.malloc import one_thread, tune_allocator
from lab.models.devices import pick_device
from lab.progress import Progress, counted, silent
from lab.settings import Compute
from lab.threads import in_threads, unless


def run(
    request: WidthVsDepthRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how well each arrangement learns each task; raises LabError when a network cannot be made that small."""
    tune_allocator()
    tasks = tasks_named(request.tasks)
    for name in ARRANGEMENTS:
        width_for(name, request.parameters, request.size)
    partial_results = partial_results if partial_results is not None else {}
    every = [(name, seed) for name in ARRANGEMENTS for seed in range(request.seeds)]
    keys = {(task, name, seed): f"{task}/{name}/{seed}" for task in tasks for name, seed in every}
    there, steps = sum(key in partial_results for key in keys.values()), steps_of(request)
    device = pick_device(compute.device)
    tell = counted(progress, "Training small networks", len(keys) * steps, "batches", there * steps)
    for task in tasks:
        missing = [(name, seed) for name, seed in every if keys[task, name, seed] not in partial_results]
        if missing:
            _train(request, task, missing, device, partial_results, tell, progress)
    found = {at: partial_results[key] for at, key in keys.items()}
    tables = tables_of(found, tasks, request)
    return result_with_findings(request, tables, findings(tables), chance=0.5)


def _train(
    request: WidthVsDepthRequest,
    task: str,
    missing: list[tuple[str, int]],
    device: str,
    partial_results: PartialResults,
    tell: Callable[[], None],
    progress: Progress,
) -> None:
    """Train networks on one task and leave what they became in `pieces`: one on each core, since they are small.

    Each is left there when it is done, so that an interruption loses only what is under way.
    """
    lesson, left = task_data(request, progress, task), Event()
    step = unless(left, tell)

    def work(at: tuple[str, int], start: InitialisedModel) -> None:
        name, seed = at
        partial_results[f"{task}/{name}/{seed}"] = train_one(request, start, lesson, step)

    with one_thread():
        starts = [initialised_model(request, name, seed, device) for name, seed in missing]
        for _ in in_threads(lambda one: work(*one), zip(missing, starts, strict=True), left=left):
            pass
