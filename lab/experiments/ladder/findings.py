"""What the ladder showed, in sentences that follow the numbers; the first one answers whether low levels come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.experiments.number_text import ranged, two
from lab.models import ModelRef
from lab.stats.intervals import mean_interval

MOST = 3  # pairs of rungs that a sentence names


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the tables show, a sentence each."""
    images = int(tables["rungs"]["images"].iloc[0])
    said = []
    for model in tables["emergence"]["model"].unique():
        own = {name: _own(tables[name], str(model)) for name in ("emergence", "order", "pairs", "gains")}
        name = ModelRef.parse(str(model)).short
        said += [_order(name, own, images), *_reached(own["emergence"]), *_declines(own["emergence"])]
        said += [*_gains(own["gains"]), *_twins(_twins_of(tables["order"], str(model)))]
    return [*said, *_pixels(tables["accuracy"])]


def _own(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of a network itself."""
    own = table[table["model"] == model]
    return own[own["twin"] < 0] if "twin" in own else own


def _twins_of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["twin"] >= 0)]


def _order(name: str, own: Mapping[str, pd.DataFrame], images: int) -> str:
    """Say whether the order of the ladder holds: its tau has to be clearly above 0 and no pair clearly reversed."""
    row, pairs = own["order"].iloc[0], own["pairs"]
    if row["rungs"] < 3:
        few = int(row["rungs"])
        return f"Low-level first cannot be judged for {name}: of the rungs it reads {few}, and three are needed."
    told = ranged(row, "tau", called="95 % interval over the images of each rung ")
    tau = f"Kendall's tau of {int(row['rungs'])} rungs with the ladder is {told}, {images} images a rung"
    wrong = pairs[pairs["reversed"]].sort_values("later", ascending=False)
    if row["tau_high"] < 0:
        return f"Low-level first does not hold for {name}, it is the other way round: {tau}."
    if row["tau_low"] <= 0:
        return f"Low-level first is not shown for {name}: {tau}{_but(wrong)}."
    if len(wrong):
        return f"Low-level first holds for {name} on the whole, but not for every rung: {tau}{_but(wrong)}."
    return f"Low-level first holds for {name}: {tau}, and no pair of rungs is clearly the other way round."


def _but(wrong: pd.DataFrame) -> str:
    if wrong.empty:
        return ""
    named = [f"{row.lower} after {row.higher}" for row in wrong.head(MOST).itertuples()]
    more = f" and {len(wrong) - MOST} more pairs" if len(wrong) > MOST else ""
    return f"; clearly reversed, corrected for all pairs: {', '.join(named)}{more}"


def _reached(table: pd.DataFrame) -> list[str]:
    reached = table[table["reached"]].sort_values("depth", kind="stable")
    missing = list(table.loc[~table["reached"], "rung"])
    said = []
    if len(reached):
        steps = [f"{row['rung']} {two(row['depth'])}" for row in reached.to_dict("records")]
        said.append(f"Emergence by depth (0 input, 1 output): {', '.join(steps)}.")
    if missing:
        said.append(f"Not reached by any layer: {_listed(missing)}.")
    return said


def _declines(table: pd.DataFrame) -> list[str]:
    lost = table[table["reached"] & table["declines"]]
    if lost.empty:
        return ["No rung is clearly read worse at the last layer than at its best."]
    told = [
        f"{row['rung']} ({two(row['best'])} at {row['best_layer']}, {two(row['last'])} at the end)"
        for row in lost.to_dict("records")
    ]
    return [f"Clearly lost again towards the end: {_listed(told)}."]


def _gains(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    better, worse = table[table["gain_low"] > 0], table[table["gain_high"] < 0]
    same = table[(table["gain_low"] <= 0) & (table["gain_high"] >= 0)]
    said = []
    if len(better):
        told = [f"{row.rung} {row.gain:+.2f}" for row in better.itertuples()]
        said.append(f"Training clearly helps, at the best layer: {', '.join(told)}.")
    if len(same):
        said.append(f"No help of training is shown for {_listed(list(same['rung']))}.")
    if len(worse):
        said.append(f"The untrained twins clearly read better: {_listed(list(worse['rung']))}.")
    return said


def _twins(order: pd.DataFrame) -> list[str]:
    known = order["tau"].dropna()
    if len(known) < 2:
        return []
    found = mean_interval(known.to_numpy())
    least = f"{two(max(found.low, -1.0))} to {two(min(found.high, 1.0))}"
    return [f"Of {len(known)} untrained twins tau is {two(found.value)} on average (95 % interval over seeds {least})."]


def _pixels(table: pd.DataFrame) -> list[str]:
    thumbnails = table[table["control"] == "pixels"]
    above = list(thumbnails.loc[thumbnails["ci_low"] > 0.5, "rung"])
    if not above:
        return ["A linear probe of 8 × 8 thumbnails reads none of the rungs."]
    return [f"A linear probe of 8 × 8 thumbnails reads {_listed(above)} as well, and none of the others."]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
