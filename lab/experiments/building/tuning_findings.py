"""What tuning curves show, in sentences that follow the numbers."""

from __future__ import annotations

import pandas as pd

from lab.experiments.number_text import NO_TWIN, ranged

WHAT = {"orientation": "the orientation of a grating", "shape": "the shape of an outline, whatever its turn and place,"}


def findings(tuning: pd.DataFrame) -> list[str]:
    """Return what the table `tuning` shows, a sentence each."""
    real = tuning[tuning["control"] == "real"]
    said = [_by_depth(real[real["kind"] == kind], kind) for kind in WHAT]
    return [*said, *_onsets(real), *_twin(tuning), _shuffled(tuning)]


def _by_depth(rows: pd.DataFrame, kind: str) -> str:
    first, last = rows.iloc[0], rows.iloc[-1]
    top = rows.iloc[int(rows["best"].to_numpy().argmax())]
    if last.best_low > first.best_high:
        change = "the last of these layers has channels tuned more sharply to it than the first"
    elif last.best_high < first.best_low:
        change = "the first of these layers has channels tuned more sharply to it than the last"
    else:
        change = "the first and the last layer do not differ clearly"
    most = "" if top.layer in (first.layer, last.layer) else f", most at {top.layer} with {ranged(top, 'best')}"
    return (
        f"{WHAT[kind][0].upper()}{WHAT[kind][1:]} explains {ranged(first, 'best')} of the variance of the best channel "
        f"of {first.layer} and {ranged(last, 'best')} at {last.layer}{most}; {change}."
    )


def _onsets(real: pd.DataFrame) -> list[str]:
    """Return which of the two appears first: where its best channel surely reaches half of the largest share."""
    onsets = {}
    for kind, rows in real.groupby("kind"):
        there = rows[(rows["best_low"] >= rows["best"].max() / 2) & (rows["best_low"] > 0)]
        if there.empty:
            return [f"No channel is tuned to {kind} clearly enough to say where such channels begin."]
        onsets[str(kind)] = there.iloc[0]
    orientation, shape = onsets["orientation"], onsets["shape"]
    order = "before" if orientation.depth < shape.depth else "not before"
    return [
        f"Channels tuned to orientation are there from {orientation.layer} on (depth {orientation.depth:.2f}), {order} "
        f"those tuned to shape, from {shape.layer} on (depth {shape.depth:.2f})."
    ]


def _twin(tuning: pd.DataFrame) -> list[str]:
    if "untrained" not in set(tuning["control"]):
        return [NO_TWIN]
    said = []
    for kind in WHAT:
        rows = tuning[tuning["kind"] == kind]
        both = rows[rows["control"] == "real"].merge(
            rows[rows["control"] == "untrained"], on="layer", suffixes=("", "_twin")
        )
        more = both[both["best_low"] > both["best_high_twin"]]
        less = both[both["best_high"] < both["best_low_twin"]]
        best = both["best_twin"].max()
        said.append(
            f"{kind}: more in the trained best channel at {len(more)} of {len(both)} layers, less at {len(less)}, "
            f"untrained at most {best:.2f}"
        )
    return [f"Against the same network with random weights, {'; '.join(said)}."]


def _shuffled(tuning: pd.DataFrame) -> str:
    shuffled = tuning[tuning["control"] == "shuffled"]
    most = shuffled.iloc[int(shuffled["best"].to_numpy().argmax())]
    if most.best < 0.1:
        return f"With the stimuli's labels shuffled the best channel explains {most.best:.2f} at most."
    return (
        f"With the stimuli's labels shuffled the best channel still explains {most.best:.2f} ({most.layer}): more "
        "draws are needed before smaller numbers mean anything."
    )
