"""What the ladder showed, in sentences that follow the numbers; the first one answers whether low levels come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.experiments.number_text import ranged, two
from lab.models import ModelRef
from lab.names import listed

OWN = ("emergence", "order", "pairs", "gains", "ease", "labels", "invariance", "networks")
LEAST_SAVED = 0.05  # share of the labels below which a sentence does not name a rung
MOST = 3  # pairs of rungs that a sentence names


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the tables show, a sentence each."""
    images = int(tables["rungs"]["images"].iloc[0])
    said = []
    for model in tables["emergence"]["model"].unique():
        own = {name: _own(tables[name], str(model)) for name in OWN}
        name = ModelRef.parse(str(model)).short
        said += [_order(name, own, images), *_reached(own["emergence"]), *_declines(own["emergence"])]
        said += [*_gains(own["gains"]), *_twins(own["order"].to_dict("records")[0]), *_ease(name, own["ease"])]
        said += [*_saved(own["labels"]), *_invariance(own["invariance"]), *_against(name, own["networks"])]
    return [*said, *_pixels(tables["accuracy"])]


def _own(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of a network itself."""
    own = table[table["model"] == model]
    return own[own["twin"] < 0] if "twin" in own else own


def _order(name: str, own: Mapping[str, pd.DataFrame], images: int) -> str:
    """Say whether the order of the ladder holds: its tau has to be clearly above 0 and no pair clearly reversed."""
    row, pairs = own["order"].iloc[0], own["pairs"]
    if row["rungs"] < 3:
        few = int(row["rungs"])
        return f"Low-level first cannot be judged for {name}: it reads {few} rungs, and three are needed."
    tau = f"Kendall's tau {ranged(row, 'tau')} over {int(row['rungs'])} rungs of {images} images"
    wrong = pairs[pairs["reversed"]].sort_values("later", ascending=False)
    if row["tau_high"] < 0:
        return f"Low-level first does not hold for {name}, but the other way round: {tau}."
    if row["tau_low"] <= 0:
        return f"Low-level first is not shown for {name}: {tau}{_but(wrong)}."
    if len(wrong):
        return f"Low-level first holds for {name} on the whole, not for every rung: {tau}{_but(wrong)}."
    return f"Low-level first holds for {name}: {tau}, no pair clearly reversed."


def _but(wrong: pd.DataFrame) -> str:
    if wrong.empty:
        return ""
    named = [f"{row.lower} after {row.higher}" for row in wrong.head(MOST).itertuples()]
    more = f" and {len(wrong) - MOST} more pairs" if len(wrong) > MOST else ""
    return f"; clearly reversed: {', '.join(named)}{more}"


def _reached(table: pd.DataFrame) -> list[str]:
    reached = table[table["reached"]].sort_values("depth", kind="stable")
    missing = list(table.loc[~table["reached"], "rung"])
    said = []
    if len(reached):
        first, last = (f"{row['rung']} (depth {two(row['depth'])})" for row in _ends(reached, alone=True))
        said.append(f"First to emerge is {first}, last {last}.")
    if missing:
        said.append(f"Not reached by any layer: {listed(missing)}.")
    return said


def _declines(table: pd.DataFrame) -> list[str]:
    lost = table[table["reached"] & table["declines"]]
    if lost.empty:
        return ["No rung is clearly worse at the last layer than at its best."]
    told = [f"{row['rung']} ({two(row['best'])} to {two(row['last'])})" for row in lost.to_dict("records")]
    return [f"Clearly lost again by the end: {listed(told)}."]


def _gains(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    better, worse = table[table["gain_low"] > 0], table[table["gain_high"] < 0]
    same = table[(table["gain_low"] <= 0) & (table["gain_high"] >= 0)]
    said = []
    if len(better):
        most = better.sort_values("gain", ascending=False, kind="stable").head(MOST)
        told = ", ".join(f"{row.rung} ({row.gain:+.2f})" for row in most.itertuples())
        said.append(f"Training clearly helps {len(better)} of {len(table)} rungs, most {told}.")
    if len(same):
        said.append(f"No help of training is shown for {listed(list(same['rung']))}.")
    if len(worse):
        said.append(f"The untrained twins clearly read better: {listed(list(worse['rung']))}.")
    return said


def _twins(row: Mapping[Any, Any]) -> list[str]:
    """Tell the mean tau of the untrained twins of which an order can be told."""
    if not row["twins"]:
        return []
    seeds = f"{int(row['twins'])} starts" if row["twins"] > 1 else "one start"
    return [f"Mean tau of untrained twins: {ranged(row, 'twins_tau')}, {seeds}."]


def _ease(name: str, table: pd.DataFrame) -> list[str]:
    """Say whether the network's end reads best what its untrained twins read best."""
    if table.empty:
        return []
    row = table.iloc[0]
    what, told = f"{name} reads best at its end what untrained networks read best", f"tau {ranged(row, 'tau')}"
    if row["tau_low"] > 0:
        return [f"{what}: {told}."]
    if row["tau_high"] < 0:
        return [f"{name} reads worst at its end what untrained networks read best: {told}."]
    return [f"That {what} is not shown: {told}."]


def _saved(table: pd.DataFrame) -> list[str]:
    """Say where labels are saved most, of the rungs of which any are saved clearly."""
    clear = table[table["saved_low"] > 0]
    if clear.empty:
        return []
    best = clear.loc[clear.groupby("rung", sort=False)["labels_saved"].idxmax()]
    best = best[best["labels_saved"] >= LEAST_SAVED * best["images"]]
    if best.empty:
        return []
    best = best.sort_values("labels_saved", ascending=False, kind="stable").head(MOST)
    told = [f"{row.rung} {row.labels_saved:.0f} at {row.layer}" for row in best.itertuples()]
    return [f"Most labels saved, of {int(table['images'].iloc[0])}: {', '.join(told)}."]


def _invariance(table: pd.DataFrame) -> list[str]:
    """Say at which changes the first or the last layer that read any rung clearly lose accuracy, and at which not."""
    lost: list[str] = []
    kept: list[str] = []
    for change, part in table.groupby("change", sort=False):
        clear = [f"{ranged(row, 'loss')} at {row['layer']}" for row in _ends(part) if row["loss_low"] > 0]
        (lost if clear else kept).append(f"{change}: {', '.join(clear)}" if clear else str(change))
    said = [f"Accuracy is clearly lost at another {'; '.join(lost)}."] if lost else []
    ends = "first or last layer that reads a rung"
    return [*said, *([f"No loss is shown at another {listed(kept)} ({ends})."] if kept else [])]


def _ends(part: pd.DataFrame, alone: bool = False) -> list[dict[Any, Any]]:
    """Return the first and the last row; one that is `alone` once more as the last, else once."""
    return part.iloc[[0, -1] if len(part) > 1 or alone else [0]].to_dict("records")


def _against(name: str, table: pd.DataFrame) -> list[str]:
    """Say on which rungs a further network differs from the first."""
    if table.empty:
        return []
    first = ModelRef.parse(str(table["against"].iloc[0])).short
    parts = {
        "reads better": table["gain_low"] > 0,
        "reads worse": table["gain_high"] < 0,
        "reads earlier": table["later_high"] < 0,
        "reads later": table["later_low"] > 0,
        "no longer reads": table["reached_against"] & ~table["reached"] & (table["gain_high"] < 0),
    }
    told = [f"{what} {listed(list(table.loc[which, 'rung']))}" for what, which in parts.items() if which.any()]
    return [
        f"Against {first}, {name} clearly {'; '.join(told)}."
        if told
        else f"No difference of {name} from {first} is shown."
    ]


def _pixels(table: pd.DataFrame) -> list[str]:
    thumbnails = table[table["control"] == "pixels"]
    above = list(thumbnails.loc[thumbnails["ci_low"] > 0.5, "rung"])
    if not above:
        return ["A probe of 8 × 8 thumbnails reads no rung."]
    return [f"A probe of 8 × 8 thumbnails reads only {listed(above)}."]
