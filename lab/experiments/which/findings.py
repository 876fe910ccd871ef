"""What a search found, in sentences that follow its tables and may say that nothing is worth taking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lab.names import apart, listed
from lab.stats.intervals import Interval

CALLED = {
    "chance": "guessing", "pixels": "raw pixels", "untrained": "its untrained twin",
    "matched": "16 of its channels", "shuffled": "shuffled labels",
}  # fmt: skip
REFERENCES = ("chance", "pixels", "untrained", "shuffled")  # what a layer has to beat to be worth taking

Tables = Mapping[str, pd.DataFrame]


def findings(tables: Tables, classes: Sequence[str], chosen: Interval) -> list[str]:
    """Return the recommendation, what is as good, and how it was searched.

    `chosen` is the accuracy of the best layer, picked on other images than it is judged by.
    """
    confirmed = tables["confirmed"]
    best = next(confirmed[confirmed["best"]].itertuples())
    return [
        _recommendation(best, tables, classes, chosen),
        _as_good(confirmed, best),
        _search(tables),
    ]


def _recommendation(best: Any, tables: Tables, classes: Sequence[str], chosen: Interval) -> str:
    controls = tables["controls"]
    asked = controls[controls["control"].isin(REFERENCES)]
    clear = asked[asked["above_low"] > 0]
    missed = [CALLED[name] for name in asked["control"] if name not in set(clear["control"])]
    reads = f"{best.accuracy:.3f} ({best.ci_low:.2f} to {best.ci_high:.2f})"
    if missed:
        return (
            f"To tell {apart(classes)} use none of these layers: the best, {best.layer} of {best.model}, reads "
            f"{reads}, not clearly above {listed(missed)}."
        )
    beaten = listed([f"{CALLED[str(row.control)]} ({row.accuracy:.3f})" for row in clear.itertuples()])
    return (
        f"To tell {apart(classes)} use {best.layer} of {best.model}: it reads {reads}, clearly above {beaten}; picked "
        f"on other images {chosen.value:.3f}."
    )


def _as_good(confirmed: pd.DataFrame, best: Any) -> str:
    if len(confirmed) == 1:
        return "The search dropped all other layers."
    tied = confirmed[confirmed["as_good"] & ~confirmed["best"]]
    if tied.empty:
        return f"It is clearly better than each of {len(confirmed) - 1} other confirmed layers."
    order = "ms" if confirmed["ms"].notna().all() else "gflops"
    quick = next(tied.sort_values(order, kind="stable").itertuples())
    start = f"Of {len(confirmed) - 1} other confirmed layers {_are(len(tied))} not clearly worse"
    if getattr(quick, order) >= getattr(best, order):
        return f"{start}, none of them cheaper."
    return (
        f"{start}; the cheapest, {quick.layer} of {quick.model}, reads {quick.accuracy:.3f} for {_cost(quick)} against "
        f"{_cost(best)} (behind by {quick.behind:.3f}, {quick.behind_low:.3f} to {quick.behind_high:.3f})."
    )


def _search(tables: Tables) -> str:
    rounds = tables["rounds"]
    steps = [
        f"{len(own)} layer{'s' * (len(own) > 1)} on {own['images'].iloc[0]} images"
        for _, own in rounds.groupby("round")
    ]
    dropped = rounds[~rounds["kept"] & (rounds["behind_low"] <= 0)]
    return (
        f"Searched: {', then '.join(steps)}; {len(tables['confirmed'])} confirmed. {len(dropped)} of the dropped "
        f"{'is' if len(dropped) == 1 else 'are'} not clearly worse."
    )


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"


def _cost(row: Any) -> str:
    return f"{row.ms:.1f} ms" if row.ms == row.ms else f"{row.gflops:.3g} GFLOPs"
