"""The tables of a sweep, from the set of its finished runs: whoever computed them, in whatever order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lab.errors import LabError
from lab.runs.store import RunFolder
from lab.runs.tables import read_table
from lab.settings import runs_dir
from lab.sweeps.columns import SWEEP
from lab.sweeps.plan import Plan, Unit

PLACE = ["network", "images", "layers", "probe"]
ENDED = ("failed", "interrupted", "cancelled", "damaged")  # without a result


def run_of(unit: Unit) -> RunFolder:
    """Return the folder of a unit's run, which need not exist."""
    return RunFolder(runs_dir() / unit.request.run_id)


def sweep_tables(plan: Plan) -> dict[str, pd.DataFrame]:
    """Return the tables that `columns.SWEEP` describes, of what is finished now.

    A run whose table is not the one that was computed counts as damaged; `sweep` computes it anew.
    """
    rows, parts = [], []
    for unit in plan.units:
        row, part = _read(unit, run_of(unit))
        rows.append(row)
        parts += [part] if part is not None else []
    units, columns = _table("units", rows), list(SWEEP["scores"].columns)
    scores = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    layers = _layers(scores, units)
    return {"units": units, "scores": scores, "layers": layers, "coverage": _coverage(units, layers)}


def _read(unit: Unit, run: RunFolder) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Return a unit's row, and its scores if it is finished."""
    status, reason, scores = run.status, run.problem, None
    if status == "finished":
        try:
            scores = read_table(run.path, "summary", run.manifest).assign(**unit.place)
        except LabError as error:
            status, reason = "damaged", str(error)
    reason = reason.replace(f"{run.path}{os.sep}", "")  # the same wherever the home folder is
    return {**unit.place, "run": run.id, "status": status, "reason": reason}, scores


def _layers(scores: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, each beside how many of its units are finished."""
    if not len(scores):
        return _table("layers", [])
    found = scores.groupby([*PLACE, "layer", "control"], sort=False, as_index=False).agg(
        depth=("depth", "first"), dim=("dim", "first"), accuracy=("accuracy", "mean"), spread=("accuracy", "std"),
        balanced_accuracy=("balanced_accuracy", "mean"), auc=("auc", "mean"), finished=("accuracy", "size"),
    )  # fmt: skip
    planned = units.groupby(PLACE, sort=False, as_index=False).agg(planned=("run", "size"))
    return found.merge(planned, on=PLACE)[list(SWEEP["layers"].columns)]


def _coverage(units: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    probes = layers[layers["control"] == "probe"]
    rows = []
    for (network, images), own in units.groupby(["network", "images"], sort=False):
        here = probes[(probes["network"] == network) & (probes["images"] == images)]
        best = here.iloc[int(here["accuracy"].argmax())] if len(here) else None
        rows.append(
            {
                "network": network,
                "images": images,
                "finished": int((own["status"] == "finished").sum()),
                "planned": len(own),
                "set_aside": int(own["status"].isin(ENDED).sum()),
                "best_layer": "" if best is None else best["layer"],
                "best_accuracy": float("nan") if best is None else best["accuracy"],
            }
        )
    return _table("coverage", rows)


def _table(name: str, rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(SWEEP[name].columns))
