"""What the tables of `linear` show, a sentence each; every one follows from the numbers and can say the opposite.

Units are images; intervals of differences hold for all depths at once. "Nothing is left" and "not needed" are said only
where the interval lies within a margin.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.experiments.number_text import interval_of, with_ends
from lab.stats.claims import ACCURACY_MARGIN, outcome

COLOURS = 0.8  # from this share on, average colours are nearly all that varies
AFFINE = 1e-3  # a bend below this is float32 rounding through a deep network, not a non-linearity


def findings(tables: Mapping[str, pd.DataFrame], activations: int) -> list[str]:
    """Return what is left without the network's `activations`, for people."""
    rows, controls = tables["depths"], tables["controls"]
    intact, bare = rows.iloc[0], rows.iloc[-1]
    floor = {str(name): float(value) for name, value in zip(controls["control"], controls["accuracy"], strict=True)}
    if len(rows) < 2:
        return ["No network without activations gave usable numbers."]
    if bare.removed < activations:  # the deeper ones gave no usable numbers
        return [*_so_far(intact, bare, floor, activations), *_on_the_way(rows)]
    return [_affine(bare), _left(intact, bare, floor), *_on_the_way(rows), _few_directions(intact, bare)]


def _so_far(intact: pd.Series, bare: pd.Series, floor: Mapping[str, float], activations: int) -> list[str]:
    return [
        f"Only {int(bare.removed)} of {activations} activations, those up to {bare.up_to}, could be taken out: with "
        "more the network gave no usable numbers.",
        f"Without these {int(bare.removed)}, {_numbers(intact, bare, floor)}.",
    ]


def _affine(bare: pd.Series) -> str:
    taken = f"Without its {int(bare.removed)} activations"
    if bare.bend < AFFINE:
        return (
            f"{taken} the network is one affine map: halfway between two images its output is halfway (off by "
            f"{bare.bend:.1e})."
        )
    return (
        f"{taken} the network is still not linear (off by {bare.bend:.2f}): normalisation, attention, gates or pooling "
        "bend it too."
    )


def _left(intact: pd.Series, bare: pd.Series, floor: Mapping[str, float]) -> str:
    numbers = _numbers(intact, bare, floor)
    if outcome(interval_of(intact, "above_chance"), 0) != "more":
        return f"The intact network is not clearly above chance, so nothing can be lost: {numbers}."
    lost = outcome(interval_of(bare, "refitted_gap"), ACCURACY_MARGIN)
    if lost == "same":
        return f"These classes need no activations, to within {ACCURACY_MARGIN:.2f}: {numbers}."
    if lost == "more":
        return f"The network does better without activations: {numbers}."
    if lost == "open":
        return f"Whether these classes need activations is not shown: {numbers}."
    control = "pixels" if floor["pixels"] > floor["chance"] else "chance"
    beyond = interval_of(bare, f"above_{control}")
    name = {"pixels": "raw pixels", "chance": "chance"}[control]
    by = with_ends(beyond)
    return {
        "more": f"Something is left beyond {name} ({by}): {numbers}.",
        "less": f"Less than {name} is left ({by}): {numbers}.",
        "same": f"Nothing is left beyond {name}, to within {ACCURACY_MARGIN:.2f} ({by}): {numbers}.",
        "open": f"Accuracy is lost; nothing is shown to be left beyond {name} ({by}): {numbers}.",
    }[outcome(beyond, ACCURACY_MARGIN)]


def _numbers(intact: pd.Series, bare: pd.Series, floor: Mapping[str, float]) -> str:
    return (
        f"a refit probe reads {bare.refitted:.2f}, intact {intact.refitted:.2f}; raw "
        f"pixels {floor['pixels']:.2f}, chance {floor['chance']:.2f}"
    )


def _on_the_way(rows: pd.DataFrame) -> list[str]:
    """Say how deep activations can go before it shows."""
    cut = rows[rows["removed"] > 0]
    found = {row.up_to: outcome(interval_of(row, "refitted_gap"), ACCURACY_MARGIN) for _, row in cut.iterrows()}
    fallen = cut[cut["up_to"].map(found) == "less"]
    if fallen.empty:
        if set(found.values()) == {"same"}:
            return [f"At every depth the loss is within {ACCURACY_MARGIN:.2f}."]
        return ["At no depth is a loss shown."]
    first = fallen.iloc[0]
    held = cut[cut["depth"] < first.depth]
    within = f"the loss is within {ACCURACY_MARGIN:.2f}"
    shown = within if set(held["up_to"].map(found)) <= {"same"} else "no loss is shown"
    until = f"Up to {held.iloc[-1].up_to} {shown}; up" if len(held) else "Already up"
    return [
        f"{until} to {first.up_to} ({int(first.removed)} activations) it changes by "
        f"{with_ends(interval_of(first, 'refitted_gap'))}."
    ]


def _few_directions(intact: pd.Series, bare: pd.Series) -> str:
    now, before = int(bare.directions), int(intact.directions)
    means = ": little more than average colours" if bare.colours_low >= COLOURS else ""
    return (
        f"{now} {'direction holds' if now == 1 else 'directions hold'} 99 % of the last layer's variance, intact "
        f"{before}; average colours explain {bare.colours:.2f}, intact {intact.colours:.2f}{means}."
    )
