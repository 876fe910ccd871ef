"""Units as array jobs of Slurm, through submitit; extra `[slurm]`.

The home folder (FEATURE_LAB_HOME) must be one that all nodes share under the same path. Partition, account and time
limit are Slurm's own variables (SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT). A job that a node took down is a
lost try. Jobs outlive a driver that was killed; the next one waits for the units they are at.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lab.errors import LabError
from lab.settings import cache_dir
from lab.sweeps.plan import Unit
from lab.sweeps.setup import LOST, Ended, Setup

POLL_SECONDS = 2.0
ARRAY = 1000  # Slurm takes 1,001 jobs an array unless MaxArraySize says otherwise
MINUTES = 24 * 60  # a job may take, unless SBATCH_TIMELIMIT says otherwise


def run(units: Sequence[Unit], setup: Setup, *, cluster: str = "slurm") -> Iterator[Ended]:
    """Compute units as jobs, one each; raises LabError without submitit or Slurm.

    `cluster` is submitit's: "local" runs the same jobs as processes here.
    """
    submitit = _imported()
    most = ARRAY if cluster == "slurm" else setup.workers or 1  # submitit starts all processes of an array at once
    for first in range(0, len(units), most):
        jobs = _submitted(submitit, units[first : first + most], setup, cluster)
        try:
            while jobs:
                ended = [(job, unit) for job, unit in jobs if job.done()]
                jobs = [pair for pair in jobs if pair not in ended]
                for job, unit in ended:
                    yield unit, _word(submitit, job)
                if not ended:
                    time.sleep(POLL_SECONDS)
        finally:
            for job, _ in jobs:
                job.cancel(check=False)


def _submitted(submitit: Any, units: Sequence[Unit], setup: Setup, cluster: str) -> list[tuple[Any, Unit]]:
    """Return an array of jobs, each with its unit."""
    try:
        executor = submitit.AutoExecutor(folder=cache_dir("slurm") / "%j", cluster=cluster)
    except RuntimeError as error:  # as submitit says that there is no srun
        raise LabError(f"the engine slurm needs Slurm on this machine ({error}); take --engine local or ray") from error
    gpus = 1 if setup.compute.device.startswith("cuda") else 0
    most = {"slurm_array_parallelism": setup.workers or len(units)}
    executor.update_parameters(
        name="feature-lab", timeout_min=MINUTES, cpus_per_task=setup.threads, gpus_per_node=gpus, **most
    )
    with _environment(setup):
        jobs = executor.map_array(setup.work, *zip(*map(setup.arguments, units), strict=True))
    return list(zip(jobs, units, strict=True))


def _word(submitit: Any, job: Any) -> str:
    try:
        return str(job.result())
    except submitit.core.utils.FailedJobError as error:
        raise LabError(f"a job of Slurm cannot run the lab: {str(error).strip().splitlines()[-1][:200]}") from error
    except submitit.core.utils.UncompletedJobError:
        return LOST


@contextmanager
def _environment(setup: Setup) -> Iterator[None]:
    """Let this process have the variables of the workers in this block: jobs take over those of who submits them."""
    before = dict(os.environ)
    os.environ.update(setup.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _imported() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise LabError("the engine slurm needs submitit; pip install 'feature-hierarchy-lab[slurm]'") from error
    return submitit
