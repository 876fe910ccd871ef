"""What `feature-lab plan` foresees of networks of different kinds against what their runs then take: docs/scale.md.

    python benchmarks/plans.py [--rounds 2]

Each network is a plan of its own on 120 drawn images, in a home folder of its own: foreseen from a sample, then its
units are computed in this process, one thread. Both are told in processor seconds, so that what else the machine does
moves neither; starts of processes are in neither.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from types import SimpleNamespace
from typing import Any

import torch

from lab.sweeps import sample
from lab.sweeps.attempt import FINISHED, attempt
from lab.sweeps.foresight import Resources, foresee
from lab.sweeps.plan import read_plan

PLANS: tuple[dict[str, Any], ...] = (
    {"networks": ["test_resnet@untrained"], "seeds": [0, 1]},
    {"networks": ["test_vit@untrained"], "seeds": [0, 1]},
    {"networks": ["mobilenetv3_small_050@untrained"], "layers": ["blocks"]},
    {"networks": ["resnet18@untrained"]},
    {"networks": ["tf_efficientnet_lite0"], "layers": ["blocks"]},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    torch.set_num_threads(1)
    sample.time = SimpleNamespace(perf_counter=time.process_time, monotonic=time.monotonic)  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as home:  # what is imported once is in neither
        os.environ["FEATURE_LAB_HOME"] = home
        taken({**PLANS[0], "seeds": [0]}, per_class=6)
    print("| network | foreseen: passes | probes | all | taken | foreseen / taken |\n" + "|---" * 6 + "|")
    for given in PLANS * parser.parse_args().rounds:
        with tempfile.TemporaryDirectory() as home:
            os.environ["FEATURE_LAB_HOME"] = home
            units = foresee(planned(given, 60), Resources(1, 4e9, 1e12))["units"]
            passes, probes = (3600 * units[name].sum() for name in ("pass_hours", "probe_hours"))
            spent = taken(given, 60)
        print(
            f"| {given['networks'][0]} | {passes:.1f} s | {probes:.1f} s | {passes + probes:.1f} s | {spent:.1f} s | "
            f"{(passes + probes) / spent:.2f} |",
            flush=True,
        )


def planned(given: dict[str, Any], per_class: int) -> Any:
    return read_plan({**given, "images": [{"data": "drawn:pets", "per_class": per_class}]})


def taken(given: dict[str, Any], per_class: int) -> float:
    """Return the processor seconds of a plan's units."""
    began = time.process_time()
    for unit in planned(given, per_class).units:
        assert attempt(unit.request.as_dict(), "cpu", 0) == FINISHED
    return time.process_time() - began


if __name__ == "__main__":
    main()
