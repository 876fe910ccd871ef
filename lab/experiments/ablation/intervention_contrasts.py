"""Comparisons between changes, paired by image: a block without its branch and without its shortcut, channels permuted.

Every comparison is a row; their intervals hold for all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.ablation.probe_data import ProbeData
from lab.stats.differences import simultaneous

BRANCH_OR_SHORTCUT, WITH_OR_WITHOUT, PERMUTED = "branch or shortcut", "with or without shortcut", "permuted"
COLUMNS = ("contrast", "place", "places", "one", "other", "gap", "gap_low", "gap_high")


def contrast_table(
    material: ProbeData,
    frozen: Mapping[tuple[str, str], np.ndarray],
    refitted: Mapping[tuple[str, str, str], np.ndarray],
) -> pd.DataFrame:
    """Return the comparisons that are possible, from correctness `(N,)` of the frozen probe by (intervention, place)
    and of refit ones by (intervention, place, layer)."""
    rows: list[dict[str, Any]] = []
    differences: list[np.ndarray] = []

    def compare(contrast: str, place: str, places: int, one: np.ndarray, other: np.ndarray) -> None:
        where = {"contrast": contrast, "place": place, "places": places}
        rows.append({**where, "one": float(one.mean()), "other": float(other.mean())})
        differences.append(one - other)

    by_kind = {kind: {at: own for (name, at), own in frozen.items() if name == kind} for kind, _ in frozen}
    dropped, shortened, cut = (by_kind.get(kind, {}) for kind in ("drop", "unshortcut", "cut"))
    both = [place for place in dropped if place in shortened]
    if both:
        one, other = (np.mean([each[place] for place in both], axis=0) for each in (dropped, shortened))
        compare(BRANCH_OR_SHORTCUT, ", ".join(both), len(both), one, other)
    if dropped and cut:
        one, other = (np.mean(list(each.values()), axis=0) for each in (dropped, cut))
        compare(WITH_OR_WITHOUT, "", len(dropped) + len(cut), one, other)
    for (kind, place, layer), own in refitted.items():
        intact = refitted.get((INTACT, "", layer))
        if kind == "permute" and place == f"after {layer}" and intact is not None:
            compare(PERMUTED, place, 1, own, intact)
    if rows:
        for row, interval in zip(rows, simultaneous(material.resamples, np.stack(differences)), strict=True):
            row |= interval.columns("gap")
    return pd.DataFrame(rows, columns=list(COLUMNS))
