"""What the readings of factors show, in sentences that follow the numbers."""

from __future__ import annotations

import pandas as pd

from lab.experiments.number_text import NO_TWIN, two

LEAST_CHANGE = 0.05  # smaller differences of R² are not worth naming


def findings(readings: pd.DataFrame, factors: pd.DataFrame, images: int) -> list[str]:
    """Return what the table `readings` shows, a sentence each."""
    real = readings[readings["control"] == "real"]
    order = list(dict.fromkeys(real["layer"]))
    first, last = (real[real["layer"] == name].set_index("factor") for name in (order[0], order[-1]))
    return [
        _still_there(last, real, images, order[-1]),
        _movement(first, last, order),
        *_together(last, factors, order[-1]),
        *_twin(readings, order[-1]),
        _shuffled(readings),
    ]


def _still_there(last: pd.DataFrame, real: pd.DataFrame, images: int, layer: str) -> str:
    there = last[last["ci_low"] > 0]
    strongest = ", ".join(
        f"{name} ({row.r2:.2f})" for name, row in there.sort_values("r2", ascending=False)[:3].iterrows()
    )
    if there.empty:
        return f"At {layer}, the last of these layers, no factor of {images} drawings can be read."
    return (
        f"At {layer}, the last of these layers, {len(there)} of {len(last)} factors of {images} drawings can still be "
        f"read better than by their mean; best are {strongest} (R², 1 is all)."
    )


def _movement(first: pd.DataFrame, last: pd.DataFrame, order: list[str]) -> str:
    if len(order) < 2:
        return "One layer alone shows no change with depth."
    grown = [name for name in last.index if last.ci_low[name] > first.ci_high[name] and _far(first, last, name)]
    faded = [name for name in last.index if last.ci_high[name] < first.ci_low[name] and _far(first, last, name)]
    change = last["r2"] - first["r2"]
    parts = []
    for names, how in ((grown, "more readable"), (faded, "less readable")):
        if names:
            many = "1 factor becomes" if len(names) == 1 else f"{len(names)} factors become"
            most = sorted(names, key=lambda name: -abs(change[name]))[:3]
            listed = ", ".join(f"{name} ({two(first.r2[name])} to {two(last.r2[name])})" for name in most)
            parts.append(f"{many} {how}, most of all {listed}")
    between = f"Between {order[0]} and {order[-1]}"
    if not parts:
        return f"{between} no factor becomes more or less readable by more than its interval."
    return f"{between}, {'; '.join(parts)}."


def _far(first: pd.DataFrame, last: pd.DataFrame, name: str) -> bool:
    return bool(abs(last.r2[name] - first.r2[name]) >= LEAST_CHANGE)


def _together(last: pd.DataFrame, factors: pd.DataFrame, layer: str) -> list[str]:
    joined = factors[factors["same"] != ""]
    said = []
    for name, same in zip(joined["factor"].astype(str), joined["same"].astype(str), strict=True):
        found = last.loc[name]
        said.append(
            f"{name} and {same} always go together in these drawings and are one row: R² {found.r2:.2f} "
            f"({found.ci_low:.2f} to {found.ci_high:.2f}), accuracy {found.accuracy:.2f} where chance is "
            f"{found.chance:.2f}, at {layer}."
        )
    return said


def _twin(readings: pd.DataFrame, layer: str) -> list[str]:
    here = readings[readings["layer"] == layer].pivot(
        index="factor", columns="control", values=["r2", "ci_low", "ci_high"]
    )
    if "untrained" not in here["r2"]:
        return [NO_TWIN]
    more = here.index[here["ci_low"]["real"] > here["ci_high"]["untrained"]]
    less = here.index[here["ci_high"]["real"] < here["ci_low"]["untrained"]]
    gain = (here["r2"]["real"] - here["r2"]["untrained"]).sort_values()
    said = f"Against the same network with random weights, {len(more)} factors are more readable at {layer}"
    if len(more):
        said += f" ({', '.join(name for name in gain.index[::-1] if name in more)})"
    said += f" and {len(less)} less"
    if len(less):
        said += f" ({', '.join(name for name in gain.index if name in less)})"
    return [f"{said}."]


def _shuffled(readings: pd.DataFrame) -> str:
    most = float(readings.loc[readings["control"] == "shuffled", "ci_high"].max())
    if most < LEAST_CHANGE:
        return f"With factors shuffled among the drawings nothing can be read: R² is {most:.2f} at most."
    return f"With factors shuffled among the drawings R² still reaches {most:.2f}; differ from that before you believe."
