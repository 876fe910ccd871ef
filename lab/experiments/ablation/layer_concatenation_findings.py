"""What the tables of `together` show, a sentence each; every one follows from the numbers and can say the opposite."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lab.experiments.number_text import SURE, ranged

LAST, BEST, BOTH, ALL = "the last layer", "the best single layer", "early and late", "all layers"

_share = partial(ranged, name="accuracy", ends="ci", called=SURE)


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return whether the last layer is enough, for people, the answer first."""
    readers = tables["readers"]
    rows = {kind: readers[readers["kind"] == kind].set_index("reader") for kind in ("all", "matched")}
    chance = float(tables["controls"].loc[tables["controls"]["control"] == "chance", "accuracy"].iloc[0])
    last: Any = rows["all"].loc[LAST]
    said = [f"The last layer ({last.layers}) alone: {_share(last)}; chance is {chance:.2f}."]
    compared = [_compared(rows["matched"], name) for name in (BEST, BOTH, ALL)]
    return [_enough(rows["matched"], chance), *said, *compared, _unmatched(rows["all"]), _chosen(tables["chosen"])]


def _enough(rows: pd.DataFrame, chance: float) -> str:
    others = rows.loc[[BEST, BOTH, ALL]]
    better = others[others["gap_low"] > 0].sort_values("gap")
    last: Any = rows.loc[LAST]
    if better.empty and last.ci_low <= chance:
        return (
            f"The last layer is not shown to beat chance ({_share(last)}), and no other choice of layers is shown to "
            "read more than it."
        )
    if better.empty:
        return (
            f"At {int(last.dim)} dimensions the last layer is enough: no other choice of layers is shown to read more "
            f"than its {_share(last)}."
        )
    most: Any = better.iloc[-1]
    return (
        f"At {int(last.dim)} dimensions the last layer is not the best there is: {better.index[-1]} gives "
        f"{_share(most)} instead of {last.accuracy:.2f}."
    )


def _compared(rows: pd.DataFrame, name: str) -> str:
    row: Any = rows.loc[name]
    last: Any = rows.loc[LAST]
    where = f" ({row.layers})" if name == BOTH else ""
    gap = f"difference {row.gap:+z.2f}, 95 % interval {row.gap_low:+z.2f} to {row.gap_high:+z.2f}".replace("-", "−")
    numbers = f"{row.accuracy:.2f} against {last.accuracy:.2f} at {int(last.dim)} dimensions ({gap})"
    verb = "read" if name in (BOTH, ALL) else "reads"
    start = name[0].upper() + name[1:]
    if row.gap_low > 0:
        return f"{start}{where} {verb} better than the last one: {numbers}."
    if row.gap_high < 0:
        return f"{start}{where} {verb} worse than the last one: {numbers}."
    return f"{start}{where} {verb} neither better nor worse than the last one, within the interval: {numbers}."


def _unmatched(rows: pd.DataFrame) -> str:
    every: Any = rows.loc[ALL]
    last: Any = rows.loc[LAST]
    return (
        f"Without matching, all layers together give a reader {int(every.dim):,} dimensions instead of "
        f"{int(last.dim):,} and {_share(every)}."
    )


def _chosen(chosen: pd.DataFrame) -> str:
    ordered = chosen.sort_values("times", ascending=False, kind="stable")
    total = int(ordered["times"].sum())
    first = ordered.iloc[0]
    return (
        f"Asked on training images only, {first.layer} was the best single layer in {int(first.times)} of {total} "
        f"folds{'' if len(ordered) == 1 else f'; {len(ordered)} layers were at least once'}."
    )
