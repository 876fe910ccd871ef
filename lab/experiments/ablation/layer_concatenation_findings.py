"""What the tables of `together` show, a sentence each; every one follows from the numbers and can say the opposite.

One dimension is one arbitrary setting: choices of layers are compared over the whole sweep. Units are images; intervals
of differences hold for all choices and dimensions at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lab.experiments.number_text import interval_of, ranged, with_ends
from lab.names import listed
from lab.stats.claims import ACCURACY_MARGIN, outcome

LAST, BEST, BOTH, ALL = "the last layer", "the best single layer", "early and late", "all layers"

_share = partial(ranged, name="accuracy", ends="ci")


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return whether the last layer is enough, for people, the answer first."""
    readers, sweep = tables["readers"], tables["sweep"]
    rows = {kind: readers[readers["kind"] == kind].set_index("reader") for kind in ("all", "matched")}
    chance = float(tables["controls"].loc[tables["controls"]["control"] == "chance", "accuracy"].iloc[0])
    last: Any = rows["all"].loc[LAST]
    said = [f"The last layer ({last.layers}) alone reads {_share(last)}; chance {chance:.2f}."]
    where: Any = rows["matched"].loc[BOTH]
    compared = [_compared(sweep, name, where.layers if name == BOTH else "") for name in (BEST, BOTH, ALL)]
    return [_enough(sweep, chance), *said, *compared, _unmatched(rows["all"]), _chosen(tables["chosen"])]


def _enough(sweep: pd.DataFrame, chance: float) -> str:
    others = sweep[sweep["reader"] != LAST]
    found = [outcome(interval_of(row, "gap"), ACCURACY_MARGIN) for _, row in others.iterrows()]
    dimensions = sorted(set(sweep["dim"]))
    at = f"{listed(dimensions)} dimension{'s' * (dimensions != [1])}"
    last = sweep[sweep["reader"] == LAST]
    better = others[[one == "more" for one in found]].sort_values("gap")
    if better.empty and (last["ci_low"] <= chance).all():
        return f"At {at} neither the last layer is shown to beat chance nor another choice of layers to read more."
    if better.empty and set(found) <= {"same", "less"}:
        return f"At {at} the last layer is enough: no other choice reads more by {ACCURACY_MARGIN:.2f}."
    if better.empty:
        return f"At {at} no other choice of layers is shown to read more than the last layer."
    most: Any = better.iloc[-1]
    own = float(last.loc[last["dim"] == most.dim, "accuracy"].iloc[0])
    return (
        f"The last layer is not the best at {listed(sorted(set(better['dim'])))} of {at}: most at "
        f"{int(most.dim)}, where {most.reader} gives {most.accuracy:.2f} instead of {own:.2f} (difference "
        f"{with_ends(interval_of(most, 'gap'))})."
    )


def _compared(sweep: pd.DataFrame, name: str, layers: str) -> str:
    """Return at which dimensions a choice of layers reads more or less than the last layer."""
    rows = sweep[sweep["reader"] == name]
    found = [outcome(interval_of(row, "gap"), ACCURACY_MARGIN) for _, row in rows.iterrows()]
    parts = []
    for which, how in (
        ("more", "better"),
        ("less", "worse"),
        ("same", f"within {ACCURACY_MARGIN:.2f}"),
        ("open", "not shown to differ"),
    ):
        here = rows[[one == which for one in found]]
        if len(here):
            most = here.iloc[int(here["gap"].abs().to_numpy().argmax())]
            gap = f" ({with_ends(interval_of(most, 'gap'))} at {int(most['dim'])})" * (which in ("more", "less"))
            parts.append(f"{how} at {listed([int(dim) for dim in here['dim']])}{gap}")
    where = f" ({layers})" if layers else ""
    return f"{name[0].upper()}{name[1:]}{where}, by dimension: {'; '.join(parts)}."


def _unmatched(rows: pd.DataFrame) -> str:
    every: Any = rows.loc[ALL]
    last: Any = rows.loc[LAST]
    return (
        f"Unmatched, all layers read {_share(every)} with {int(every.dim):,} dimensions instead of {int(last.dim):,}."
    )


def _chosen(chosen: pd.DataFrame) -> str:
    ordered = chosen.sort_values("times", ascending=False, kind="stable")
    total = int(ordered["times"].sum())
    first = ordered.iloc[0]
    return (
        f"{first.layer} was the best single layer in {int(first.times)} of {total} "
        f"folds{'' if len(ordered) == 1 else f'; {len(ordered)} layers were at least once'}."
    )
