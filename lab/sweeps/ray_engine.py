"""Units as tasks of Ray, on a cluster or on this machine; extra `[ray]`.

The cluster is the one that RAY_ADDRESS names, else one is started here for as long as the sweep runs. The home folder
(FEATURE_LAB_HOME) must be a shared one that all nodes see under the same path: finished runs are committed there, so
Ray's object store holds a word a unit. Whose node or worker dies is tried again by Ray, elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from lab.errors import LabError
from lab.sweeps.plan import Unit
from lab.sweeps.setup import LOST, TRIES, Ended, Setup

# Of a cluster that is started here, unless the user chose: nobody uses it without its token, nothing is reported.
OF_OURS = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
STORE_BYTES = 100_000_000  # for words; Ray takes a third of the memory otherwise


def run(units: Sequence[Unit], setup: Setup) -> Iterator[Ended]:
    """Compute units as tasks; raises LabError when Ray is not installed or its cluster cannot be reached."""
    ray = _imported()
    own = not ray.is_initialized()
    if own:
        _connect(ray, setup)
    gpus = 1 if setup.compute.device.startswith("cuda") else 0
    environment = {"env_vars": setup.environment}
    task = ray.remote(num_cpus=setup.threads, num_gpus=gpus, max_retries=TRIES - 1, runtime_env=environment)(setup.work)
    under_way: dict[Any, Unit] = {}
    try:
        for unit in units:
            under_way[task.remote(*setup.arguments(unit))] = unit
        while under_way:
            (ended, *_), _ = ray.wait(list(under_way), num_returns=1)
            yield under_way.pop(ended), _word(ray, ended)
    finally:
        for reference in under_way:
            ray.cancel(reference, force=True)
        if own:
            ray.shutdown()


def _word(ray: Any, ended: Any) -> str:
    try:
        return str(ray.get(ended))
    except ray.exceptions.RayTaskError as error:
        raise LabError(f"a worker of Ray cannot run the lab ({' '.join(str(error.cause).split())[:200]})") from error
    except ray.exceptions.RuntimeEnvSetupError as error:
        raise LabError(f"a worker of Ray could not be set up ({' '.join(str(error).split())[:200]})") from error
    except ray.exceptions.RayError:
        return LOST


def _imported() -> Any:
    """Return Ray, which reads whether to ask for a token when it is imported."""
    for name, value in OF_OURS.items() if not os.environ.get("RAY_ADDRESS") else ():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise LabError("the engine ray needs Ray; pip install 'feature-hierarchy-lab[ray]'") from error
    return ray


def _connect(ray: Any, setup: Setup) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if os.environ.get("RAY_ADDRESS"):
            ray.init(**quiet)
        else:
            places = setup.workers * setup.threads if setup.workers else None
            ray.init(num_cpus=places, include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise LabError(f"Ray cannot be reached ({' '.join(str(error).split())[:200]}); see RAY_ADDRESS") from error
