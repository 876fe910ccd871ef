"""Units that cost nothing: the real attempt, run folders and locks, with a made-up computation instead of a network.

Engines call `light` in processes of their own. What a unit does there is in the environment, which they hand on:
FEATURE_LAB_TEST_SECONDS it takes, and FEATURE_LAB_TEST_POISON "raise NETWORK" or "die NETWORK".
"""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.result import Result
from lab.experiments.separability.columns import PROBE
from lab.experiments.separability.request import ProbeRequest
from lab.registry import EXPERIMENTS
from lab.runs import jobs
from lab.settings import home
from lab.sweeps.attempt import attempt
from lab.sweeps.plan import Plan, Unit, read_plan
from lab.sweeps.setup import Ended, Setup

NETWORKS = tuple(f"tf_efficientnet_lite0@untrained:{seed}" for seed in range(4))


def light(request: dict[str, Any], device: str, batch_size: int) -> str:
    """`attempt`, after taking away what needs a network in this process."""
    jobs.pick_device = str  # type: ignore[assignment]
    ProbeRequest.check = lambda self, cards=None: None  # type: ignore[method-assign]
    EXPERIMENTS["probe"] = dataclasses.replace(EXPERIMENTS["probe"], run=made_up)
    return attempt(request, device, batch_size)


def made_up(request: ProbeRequest, *, partial_results: Any, **_: Any) -> Result:
    """Two layers' scores, drawn from the request's own digest."""
    (network,) = request.models
    with (home() / "tries.log").open("a") as log:
        log.write(f"{network} {request.seed}\n")
    act, _, whom = os.environ.get("FEATURE_LAB_TEST_POISON", "").partition(" ")
    if network == whom and act == "raise":
        raise ValueError("a poisoned unit")
    if network == whom:
        os.kill(os.getpid(), signal.SIGKILL)
    drawn = np.random.default_rng(int(request.digest[:8], 16))
    for layer in ("stem", "head"):
        time.sleep(float(os.environ.get("FEATURE_LAB_TEST_SECONDS", "0")) / 2)
        partial_results[layer] = {"accuracy": drawn.random(1)}
    accuracy = [float(partial_results[layer]["accuracy"][0]) for layer in ("stem", "head")]
    table = pd.DataFrame(dict.fromkeys(PROBE["summary"].columns, accuracy))
    table = table.assign(model=network, layer=["stem", "head"], depth=[0.0, 1.0], control="probe")
    return Result(request, {"summary": table}, {"request": request.as_dict()})


def plan(seeds: int = 2, networks: Sequence[str] = NETWORKS) -> Plan:
    """A plan of light units."""
    values = {"name": "light", "networks": list(networks), "images": ["drawn:pets"], "seeds": list(range(seeds))}
    return read_plan(values)


def tries(network: str) -> int:
    """How often a network's units were begun, in whichever process."""
    log = home() / "tries.log"
    return sum(line.startswith(f"{network} ") for line in log.read_text().splitlines()) if log.exists() else 0


def here(units: Sequence[Unit], setup: Setup) -> Iterator[Ended]:
    """An engine without processes."""
    for unit in units:
        yield unit, light(*setup.arguments(unit))
