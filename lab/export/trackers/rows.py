"""What of a run goes into a tracker: numbers by layer or by step of training, and what it was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lab.encode import records
from lab.errors import LabError
from lab.experiments.equivalence.measure import MEASURES as CHECKED
from lab.experiments.result import Result

MEASURES = ("accuracy", "ci_low", "ci_high", "balanced_accuracy", "auc", "log_loss", "knn_accuracy")
SCORES = tuple(column for measure in CHECKED.values() for column in measure.columns)
CHANGES = ("difference", "all_low", "all_high", *SCORES, "cka", "lost", "gained")
NOT_IN_A_NAME = re.compile(r"[^\w\-. :/]")  # of what MLflow allows


@dataclass(frozen=True)
class Scalar:
    """A number of a curve: the curve's name, where on it (position of the layer, or step of training), the number."""

    name: str
    step: int
    value: float


def scalars(result: Result) -> list[Scalar]:
    """Return the curves of a run, by layer, or by step where it watched a training.

    Raises LabError for a run that has none.
    """
    found = [*_by_layer(result), *_by_change(result), *_by_step(result)]
    if not found:
        raise LabError(f"run {result.request.run_id} has no curves over layers or steps; export its tables instead")
    return [one for one in found if np.isfinite(one.value)]


def layer_names(result: Result) -> list[str]:
    """Return what each position stands for: "0 conv_stem", …; of several networks, each with its own."""
    if "layers" not in result.tables:
        return []
    layers = result["layers"]
    several = layers["model"].nunique() > 1
    return [
        f"{k} {row.layer}" + (f" ({model})" if several else "")
        for model, own in layers.groupby("model", sort=False)
        for k, row in enumerate(own.itertuples())
    ]


def parameters(result: Result) -> dict[str, str]:
    """Return what was asked, as text."""
    asked = result.request.as_dict()
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in asked.items()
    }


def best(result: Result) -> dict[str, float]:
    """Return the best accuracy of each network, by name."""
    return {
        f"best/{curve}": max(one.value for one in scalars(result) if one.name == curve)
        for curve in dict.fromkeys(one.name for one in scalars(result))
        if curve.endswith("accuracy") and "probe" in curve and "balanced" not in curve
    }


def _by_layer(result: Result) -> Iterator[Scalar]:
    table = result.tables.get("summary")
    if table is None or not {"layer", "control", "accuracy"} <= set(table.columns):
        return
    layers = table[table["layer"] != ""]
    several = layers["model"].nunique() > 1
    for (model, control), rows in layers.groupby(["model", "control"], sort=False):
        start = f"{model}/{control}" if several else str(control)
        yield from _curves(start, rows, MEASURES)


def _by_change(result: Result) -> Iterator[Scalar]:
    table = result.tables.get("differences")
    if table is not None:
        yield from _curves("change", table, CHANGES)


def _by_step(result: Result) -> Iterator[Scalar]:
    table = result.tables.get("probes")
    if table is None or "step" not in table:
        return
    for row in records(table[table["step"] >= 0]):
        for measure in ("accuracy", "ci_low", "ci_high"):
            yield Scalar(_named(f"{row['control']}/{row['layer']}/{measure}"), row["step"], row[measure])


def _curves(start: str, rows: pd.DataFrame, measures: tuple[str, ...]) -> Iterator[Scalar]:
    for measure in measures:
        if measure in rows:
            for step, value in enumerate(rows[measure].astype(float)):
                yield Scalar(_named(f"{start}/{measure}"), step, float(value))


def _named(name: str) -> str:
    return NOT_IN_A_NAME.sub("_", name)


def text_tables(result: Result) -> dict[str, pd.DataFrame]:
    """Return the tables that are small and hold no pictures."""
    return {
        name: table for name, table in result.tables.items()
        if len(table) and len(table) <= 10_000 and not {"thumbnail"} & set(table.columns)
    }  # fmt: skip


def pictures(result: Result, names: list[Any]) -> list[bytes]:
    """Return the thumbnail of each image by its name, b"" where there is none."""
    table = result["images"].set_index("image")["thumbnail"]
    return [bytes(table.get(name, b"")) for name in names]
