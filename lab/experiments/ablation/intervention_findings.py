"""What the tables of `changes` show, a sentence each; every one follows from the numbers and can say the opposite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.number_text import SURE, ranged

# An accuracy has fallen when the 95 % interval of its paired difference to the intact network lies below 0.
SHORTCUT, PLAIN = ("drop",), ("cut", "skip")
_with_interval = partial(ranged, called=SURE)


def findings(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> list[str]:
    """Return what the changes did, for people, the answer first."""
    changes, controls = tables["changes"], tables["controls"]
    intact = changes[changes["intervention"] == INTACT].iloc[0]
    broken = changes[(changes["intervention"] != INTACT) & (changes["problem"] == "")]
    chance = float(controls.loc[controls["control"] == "chance", "accuracy"].iloc[0])
    if intact["carried_low"] <= chance:
        return [
            _intact(intact, controls, classes),
            "That is not better than chance, so there is nothing to break: use more images, a trained network, or "
            "classes that it tells apart.",
        ]
    if broken.empty:
        nothing = _lost(changes) or ["No intervention is possible in this network."]
        return [_intact(intact, controls, classes), *nothing]
    return [
        _most_harm(broken, chance),
        _intact(intact, controls, classes),
        *_shortcuts(broken),
        *_permuted(broken, tables["curve"]),
        *_still_there(broken),
        *_lost(changes),
    ]


def _intact(intact: pd.Series, controls: pd.DataFrame, classes: Sequence[str]) -> str:
    what = f"{classes[0]} from {classes[1]}" if len(classes) == 2 else f"{len(classes)} classes apart"
    pairs = zip(controls["control"], controls["accuracy"], strict=True)
    floor = ", ".join(f"{_CONTROL[str(name)]} {value:.2f}" for name, value in pairs)
    return (
        f"In the intact network a reader of the last layer tells {what} with accuracy "
        f"{_with_interval(intact, 'carried')}; the floor: {floor}."
    )


def _most_harm(broken: pd.DataFrame, chance: float) -> str:
    fallen = broken[broken["carried_gap_high"] < 0]
    if fallen.empty:
        return (
            f"None of the {len(broken)} changes lowers what a reader of the intact network gets right by more than its "
            "95 % interval allows."
        )
    ordered = fallen.sort_values("carried")
    worst, best = ordered.iloc[0], ordered.iloc[-1]
    at_chance = int((fallen["carried_low"] <= chance).sum())
    least = f"from {_with_interval(best, 'carried')} after {_named(best)} down " if len(fallen) > 1 else ""
    return (
        f"A reader of the intact network gets fewer images right in {len(fallen)} of {len(broken)} changed networks "
        f"(in {at_chance} no more than chance would): {least}"
        f"to {_with_interval(worst, 'carried')} after {_named(worst)}."
    )


def _shortcuts(broken: pd.DataFrame) -> list[str]:
    """Compare blocks with a shortcut to parts without one; residual networks are said to mind less (Veit 2016)."""
    light, heavy = (broken[broken["intervention"].isin(names)] for names in (SHORTCUT, PLAIN))
    if light.empty or heavy.empty:
        return []
    mine, theirs = light["carried_gap"], heavy["carried_gap"]
    numbers = (
        f"on average {_change(mine.mean())} after dropping one of {len(light)} residual blocks "
        f"({_change(mine.min())} at worst) against {_change(theirs.mean())} after leaving out one of {len(heavy)} "
        "parts that nothing leads around"
    )
    gap = mine.mean() - theirs.mean()
    low = light["carried_gap_low"].mean() - heavy["carried_gap_high"].mean()
    if low > 0:
        return [f"Where a shortcut leads around a part, losing it matters less: {numbers}."]
    if gap > 0:
        return [f"Losing a part that a shortcut leads around tends to matter less, within the intervals: {numbers}."]
    return [f"A shortcut around a lost part does not help here: {numbers}."]


def _permuted(broken: pd.DataFrame, curve: pd.DataFrame) -> list[str]:
    rows = broken[broken["intervention"] == "permute"]
    if rows.empty:
        return []
    # Places whose own curve is known can show that nothing is lost right there.
    known = rows[rows["place"].str.removeprefix("after ").isin(set(curve["layer"]))]
    worst = (rows if known.empty else known).sort_values("carried").iloc[0]
    said = (
        f"Permuting the channels {worst.place} takes no number away, it only mixes up which is which: the accuracy at "
        f"the end becomes {_with_interval(worst, 'carried')}"
    )
    here = curve[(curve["intervention"] == "permute") & (curve["place"] == worst.place)]
    at = here[here["layer"] == str(worst.place).removeprefix("after ")]
    before = curve[curve["intervention"] == INTACT].merge(at[["layer"]], on="layer")
    if at.empty or before.empty:
        return [f"{said}."]
    there, then = float(at["accuracy"].iloc[0]), float(before["accuracy"].iloc[0])
    found = f"{said}. Right there a new reader finds {there:.2f}"
    if abs(there - then) >= 0.01:
        return [f"{found}, not as before."]
    if worst.carried_gap_high >= 0:
        return [f"{found}, as before."]
    return [
        f"{found} ({then:.2f} in the intact network, so as before): what a layer makes is of use only to a next layer "
        "that knows its order."
    ]


def _still_there(broken: pd.DataFrame) -> list[str]:
    """Say where a new reader finds what the old one missed: information that is there, in another form."""
    recovered = broken[(broken["refitted_low"] > broken["carried_high"])]
    if recovered.empty:
        return ["Nowhere does a reader that is fitted anew find more than the old one, beyond the intervals."]
    row = recovered.assign(more=recovered["refitted"] - recovered["carried"]).sort_values("more").iloc[-1]
    return [
        f"In {len(recovered)} of {len(broken)} changes a reader that is fitted anew finds more than the old one: after "
        f"{_named(row)} {_with_interval(row, 'refitted')} instead of {row.carried:.2f}. There the "
        "information is not gone; it no longer has the form that the old reader had learnt."
    ]


def _lost(changes: pd.DataFrame) -> list[str]:
    lost = list(changes.loc[changes["problem"] != "", "change"])
    many = "1 change" if len(lost) == 1 else f"{len(lost)} changes"
    return [f"{many} gave no usable numbers: {'; '.join(lost)}."] if lost else []


_CONTROL = {"chance": "chance", "pixels": "raw pixels", "untrained": "the untrained network"}


def _named(row: pd.Series) -> str:
    return f"“{row.change}”"


def _change(value: float) -> str:
    return "no change" if np.isclose(value, 0, atol=5e-3) else f"{value:+z.2f}".replace("-", "−")
