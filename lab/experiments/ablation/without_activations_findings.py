"""What the tables of `linear` show, a sentence each; every one follows from the numbers and can say the opposite."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from lab.experiments.number_text import SURE, ranged

AFFINE = 1e-3  # a bend below this is float32 rounding through a deep network, not a non-linearity

_share = partial(ranged, called=SURE)


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
        "more the network gave no usable numbers, so what is left without any is not known.",
        f"Without these {int(bare.removed)}, {_numbers(intact, bare, floor)}.",
    ]


def _affine(bare: pd.Series) -> str:
    taken = f"With all {int(bare.removed)} activations taken out"
    if bare.bend < AFFINE:
        return (
            f"{taken} the whole network is one affine map of the image: halfway between two images it puts out what "
            f"lies halfway between their outputs (off by {bare.bend:.1e} of the distance)."
        )
    return (
        f"{taken} the network is still not linear (off by {bare.bend:.2f} of the distance): normalisation, attention, "
        "gates or maximum pooling bend it too."
    )


def _left(intact: pd.Series, bare: pd.Series, floor: Mapping[str, float]) -> str:
    numbers = _numbers(intact, bare, floor)
    if intact.refitted_low <= floor["chance"]:
        return f"The intact network is not shown to beat chance here, so nothing can be lost: {numbers}."
    if bare.refitted_gap_high >= 0:
        return f"For these classes the activations are not needed: {numbers}."
    if bare.refitted_low <= max(floor["chance"], floor["pixels"]):
        return f"Nothing is left of what depth had added: {numbers}."
    return f"Something is left: {numbers}."


def _numbers(intact: pd.Series, bare: pd.Series, floor: Mapping[str, float]) -> str:
    return (
        f"a reader fitted anew to its last layer is right in {_share(bare, 'refitted')} of the images, against "
        f"{_share(intact, 'refitted')} in the intact network, {floor['pixels']:.2f} from raw pixels and "
        f"{floor['chance']:.2f} by chance"
    )


def _on_the_way(rows: pd.DataFrame) -> list[str]:
    """Say how deep activations can go before it shows."""
    fallen = rows[rows["refitted_gap_high"] < 0]
    if fallen.empty:
        return ["At no depth does taking out the activations before it show beyond the intervals."]
    first = fallen.iloc[0]
    held = rows[(rows["depth"] < first.depth) & (rows["removed"] > 0)]
    until = f"Up to {held.iloc[-1].up_to} the loss stays within the intervals; up" if len(held) else "Already up"
    return [
        f"{until} to {first.up_to} ({int(first.removed)} activations, depth {first.depth:.2f}) the reader of the last "
        f"layer falls by {-first.refitted_gap:.2f} ({-first.refitted_gap_high:.2f} to {-first.refitted_gap_low:.2f})."
    ]


def _few_directions(intact: pd.Series, bare: pd.Series) -> str:
    now, before = int(bare.directions), int(intact.directions)
    numbers = f"{now} {'direction holds' if now == 1 else 'directions hold'} 99 % of what the images differ in at the "
    numbers += f"last layer, against {before} in the intact network"
    if now * 2 <= before:
        return f"{numbers}: averaged over positions, a linear stack keeps little more than average colours."
    return f"{numbers}."
