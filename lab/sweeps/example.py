"""The sweep that comes with the package, so that the page of sweeps does not open empty: its plan, its tables.

It is what `feature-lab sweep` made of `PLAN`; of its runs only what the tables hold is shipped. `docs/make_examples.py`
makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from lab.files import read_json
from lab.runs.examples import examples_dir
from lab.runs.tables import read_table
from lab.sweeps.columns import SWEEP
from lab.sweeps.plan import Plan, read_plan

FILE = "sweep.json"
PLAN: Mapping[str, Any] = {
    "name": "Four networks, four sets",
    "networks": [
        "tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2", "tf_efficientnet_lite0@untrained",
    ],
    "images": ["drawn:orientation", "drawn:texture", "drawn:shapes", "drawn:pets"],
    "probes": [{"name": "quick", "controls": ["pixels"], "repeats": 1}],
}  # fmt: skip


@dataclass(frozen=True)
class ExampleSweep:
    """A finished sweep: `tables` are those of `lab.sweeps.columns`."""

    plan: Plan
    tables: Mapping[str, pd.DataFrame]
    created: datetime
    versions: Mapping[str, str]


def example_sweep() -> ExampleSweep | None:
    """Return the example, None where no examples are wanted or `PLAN` has changed since it was made."""
    plan, folder = read_plan(PLAN), examples_dir()
    about = read_json(folder / plan.id / FILE) if folder else None
    if not about or not folder:
        return None
    tables = {name: read_table(folder / plan.id, name, about) for name in SWEEP}
    return ExampleSweep(plan, tables, datetime.fromisoformat(about["created"]), about["versions"])
