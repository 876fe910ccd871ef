"""What tuning curves show, in sentences that follow the numbers. Units are draws of stimuli and random starts."""

from __future__ import annotations

import pandas as pd

from lab.experiments.number_text import NO_TWIN, two, with_ends
from lab.stats.claims import R2_MARGIN, Outcome, count, outcome
from lab.stats.intervals import Interval
from lab.stats.simultaneous import crossed_mean, mean_of_many

WHAT = {"orientation": "The orientation of gratings", "shape": "The shape of outlines"}
LEAST_SHUFFLED = 0.1


def findings(tuning: pd.DataFrame, draws: pd.DataFrame) -> list[str]:
    """Return what the tables `tuning` and `draws` show, a sentence each."""
    real = tuning[tuning["control"] == "real"]
    said = [_by_depth(real[real["kind"] == kind], draws, kind) for kind in WHAT]
    return [*said, *_onsets(real), *_twins(tuning, draws), _shuffled(tuning)]


def _by_depth(rows: pd.DataFrame, draws: pd.DataFrame, kind: str) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    top = rows.iloc[int(rows["best"].to_numpy().argmax())]
    gap = _change(draws[(draws["control"] == "real") & (draws["kind"] == kind)], first.layer, last.layer)
    change = {
        "more": "more at the last layer than the first",
        "less": "less at the last layer than the first",
        "same": "alike at the first and last layer",
        "open": "no change from first to last is shown",
    }[outcome(gap, R2_MARGIN)]
    most = "" if top.layer in (first.layer, last.layer) else f", most at {top.layer}, {two(top.best)}"
    return (
        f"{WHAT[kind]} explains {two(first.best)} of the variance of the best of {int(first.width)} "
        f"channels at {first.layer}, {two(last.best)} at {last.layer}{most}: {change} ({with_ends(gap)})."
    )


def _change(rows: pd.DataFrame, first: str, last: str) -> Interval:
    """Return last minus first, paired by draw; two such differences are looked at, one for each property."""
    by_draw = rows.pivot(index="draw", columns="layer", values="best")
    return mean_of_many((by_draw[last] - by_draw[first]).to_numpy(), len(WHAT))


def _onsets(real: pd.DataFrame) -> list[str]:
    """Return which of the two comes first: where the best channel surely reaches half of the largest share."""
    onsets, half = {}, {}
    for kind, rows in real.groupby("kind"):
        half[str(kind)] = rows["best"].max() / 2
        there = rows[(rows["best_low"] >= half[str(kind)]) & (rows["best_low"] > 0)]
        if there.empty:
            return [f"No channel is clearly tuned to {kind}."]
        onsets[str(kind)] = there.iloc[0]
    orientation, shape = onsets["orientation"], onsets["shape"]

    def not_yet(kind: str, layer: str) -> bool:
        """Whether a layer is surely below half of what a property reaches."""
        row = real[(real["kind"] == kind) & (real["layer"] == layer)].iloc[0]
        return bool(row.best_high < half[kind])

    if orientation.depth < shape.depth and not_yet("shape", orientation.layer):
        order = "before those tuned to shape"
    elif shape.depth < orientation.depth and not_yet("orientation", shape.layer):
        order = "after those tuned to shape"
    elif orientation.layer == shape.layer:
        order = "no earlier than those tuned to shape"
    else:
        order = "not shown to be before or after those tuned to shape"
    return [
        f"Channels tuned to orientation begin at {orientation.layer} (depth {orientation.depth:.2f}), {order}, at "
        f"{shape.layer} (depth {shape.depth:.2f})."
    ]


def _twins(tuning: pd.DataFrame, draws: pd.DataFrame) -> list[str]:
    if "untrained" not in set(tuning["control"]):
        return [NO_TWIN]
    many = int(draws["twin"].max()) + 1
    if many < 2:
        return ["One untrained twin is too few to show what training adds."]
    said = []
    for kind in WHAT:
        gaps = against_twins(draws[draws["kind"] == kind], tests=tuning["layer"].nunique() * len(WHAT))
        found: list[Outcome] = [outcome(gap, R2_MARGIN) for gap in gaps.values()]
        said.append(f"more to {kind} at {count(found, 'more')} of {len(found)} layers, less at {count(found, 'less')}")
    return [f"Against {many} networks with random weights, channels are tuned {'; '.join(said)}."]


def against_twins(draws: pd.DataFrame, tests: int) -> dict[str, Interval]:
    """Return by layer how much more the best channel follows one property than in untrained twins.

    Draws of stimuli and twins are random effects; on the draws that both have seen.
    """
    gaps = {}
    for layer, rows in draws.groupby("layer", sort=False):
        twins = rows[rows["control"] == "untrained"].pivot(index="draw", columns="twin", values="best")
        own = rows[rows["control"] == "real"].set_index("draw")["best"].loc[twins.index]
        gaps[str(layer)] = crossed_mean(own.to_numpy()[:, None] - twins.to_numpy(), tests)
    return gaps


def _shuffled(tuning: pd.DataFrame) -> str:
    shuffled = tuning[tuning["control"] == "shuffled"]
    most = shuffled.iloc[int(shuffled["best"].to_numpy().argmax())]
    if most.best < LEAST_SHUFFLED:
        return f"Shuffled labels explain {most.best:.2f} at most."
    return f"Shuffled labels still explain {most.best:.2f} ({most.layer}): smaller numbers mean nothing."
