"""What the readouts of thumbnails show, in sentences that follow the numbers.

The unit is images; of the comparison with untrained twins also random starts. Differences hold at once for each kind,
and "no loss" or "nothing" is said only where the interval lies within a margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from lab.experiments.number_text import NO_TWIN, interval_of, ranged, two, with_ends
from lab.stats.claims import R2_MARGIN, Outcome, count, outcome

_of = partial(ranged, name="r2", ends="ci")


def findings(tables: Mapping[str, pd.DataFrame], images: int) -> list[str]:
    """Return what the tables of `thumbnail` show, a sentence each."""
    rebuilt, contrasts = tables["rebuilt"], tables["contrasts"]
    real = rebuilt[rebuilt["control"] == "real"]
    grid = real[real["pooling"] != "avg"]
    grid = grid if len(grid) else real
    return [
        _by_depth(grid, contrasts, images),
        *_at_equal_widths(tables["matched"], contrasts),
        _against_pixels(grid, rebuilt, contrasts),
        *_learning(tables["learning"], contrasts, images),
        *_without_places(real, contrasts),
        _against_twins(contrasts),
        _shuffled(rebuilt, contrasts),
    ]


def _one(contrasts: pd.DataFrame, kind: str) -> tuple[pd.Series, Outcome]:
    row = contrasts[contrasts["contrast"] == kind].iloc[0]
    return row, outcome(interval_of(row, "gap"), R2_MARGIN)


def _by_depth(grid: pd.DataFrame, contrasts: pd.DataFrame, images: int) -> str:
    first, last = grid.iloc[0], grid.iloc[-1]
    gap, found = _one(contrasts, "last - first")
    change = {
        "less": f"{'Much' if last.r2 < first.r2 / 2 else 'Some'} of the image fades with depth",
        "more": "Nothing fades, later layers even give more",
        "same": f"Nothing fades, to within {R2_MARGIN:.2f}",
        "open": "No loss with depth is shown",
    }[found]
    left = {
        "more": "and some is left at the end",
        "same": "and nothing worth naming is left",
        "less": "and nothing is left",
        "open": "and nothing is shown to be left",
    }[_one(contrasts, "last")[1]]
    return (
        f"{change}, {left}: a linear readout of {last.model} rebuilds thumbnails of new images with R² {_of(first)} "
        f"from {first.layer}, {_of(last)} from {last.layer} (difference {with_ends(interval_of(gap, 'gap'))}, {images} "
        "images)."
    )


def _at_equal_widths(matched: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    if "matched last - first" not in set(contrasts["contrast"]):
        return []
    first, last = matched.iloc[0], matched.iloc[-1]
    gap, found = _one(contrasts, "matched last - first")
    change = {"less": "the last gives less", "more": "the last gives more", "same": "both give alike"}
    return [
        f"With {int(first.dim):,} random numbers of each layer it is {_of(first)} from {first.layer}, {_of(last)} from "
        f"{last.layer}: "
        f"{change.get(found, 'no difference is shown')} ({with_ends(interval_of(gap, 'gap'))})."
    ]


def _against_pixels(grid: pd.DataFrame, rebuilt: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    pixels, colour = (rebuilt[rebuilt["control"] == name].iloc[0] for name in ("pixels", "mean colour"))
    gap, found = _one(contrasts, "last - mean colour")
    beyond = {
        "more": "gives more",
        "less": "gives less",
        "same": "gives as much",
        "open": "is not shown to give more",
    }[found]
    return (
        f"Raw pixels reach {_of(pixels)}, the mean colour alone {_of(colour)}: against the mean colour the last layer "
        f"{beyond} ({with_ends(interval_of(gap, 'gap'))})."
    )


def _learning(learning: pd.DataFrame, contrasts: pd.DataFrame, images: int) -> list[str]:
    if "all images - half" not in set(contrasts["contrast"]):
        return []
    gap, found = _one(contrasts, "all images - half")
    rows = learning[learning["layer"] == gap.layer]
    curve = ", ".join(f"{two(row.r2)} with {row.share:.0%}" for _, row in rows.iterrows())
    more = {
        "same": f"Twice the images add less than {R2_MARGIN:.2f}",
        "more": "More images would give more",
        "less": "More images do not help",
        "open": "Whether more images would give more is not shown",
    }[found]
    return [
        f"{more}: from {gap.layer} R² is {curve} of the images (all minus half {with_ends(interval_of(gap, 'gap'))})."
    ]


def _without_places(real: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    rows = contrasts[contrasts["contrast"] == "grid - average"]
    averaged = real[real["pooling"] == "avg"]
    if rows.empty or averaged.empty:
        return []
    best = averaged.iloc[int(averaged["r2"].to_numpy().argmax())]
    found = [outcome(interval_of(row, "gap"), R2_MARGIN) for _, row in rows.iterrows()]
    adds = "that a grid of positions adds anything is not shown"
    if "more" in found:  # a larger difference of a wider interval may lie elsewhere
        most = rows[[one == "more" for one in found]].sort_values("gap").iloc[-1]
        adds = f"a grid of positions adds up to {with_ends(interval_of(most, 'gap'))} (at {most.layer})"
    elif set(found) <= {"same", "less"}:
        adds = f"at no layer does a grid of positions add more than {R2_MARGIN:.2f}"
    return [f"Averaged over all positions, layers give at most {_of(best)} ({best.layer}); {adds}."]


def _against_twins(contrasts: pd.DataFrame) -> str:
    rows = contrasts[contrasts["contrast"] == "trained - untrained"]
    if rows.empty:
        return NO_TWIN
    last = rows.iloc[-1]
    if last.starts < 2:
        return (
            f"The network with the weights that training began with gives {two(last.other)} at {last.layer} against "
            f"{two(last.one)}: one random start, from which nothing is concluded."
        )
    found = [outcome(interval_of(row, "gap"), R2_MARGIN) for _, row in rows.iterrows()]
    return (
        f"Against {int(last.starts)} networks with random weights, the trained one keeps more at "
        f"{count(found, 'more')} of {len(found)} layers, less at {count(found, 'less')}, as much at "
        f"{count(found, 'same')}; at {last.layer} {two(last.one)} against {two(last.other)} (difference "
        f"{with_ends(interval_of(last, 'gap'))})."
    )


def _shuffled(rebuilt: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    shuffled = rebuilt[rebuilt["control"] == "shuffled"]
    rows = contrasts[contrasts["contrast"] == "shuffled"]
    above = rows[[outcome(interval_of(row, "gap"), R2_MARGIN) == "more" for _, row in rows.iterrows()]]
    most = shuffled.iloc[int(shuffled["r2"].to_numpy().argmax())]
    if above.empty:
        return f"With shuffled images nothing is read (at most R² {two(most.r2)})."
    return f"With shuffled images {len(above)} readouts still seem to find something, R² {_of(most)}: distrust them."
