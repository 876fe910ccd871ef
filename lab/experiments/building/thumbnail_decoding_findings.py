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
        *_learning(contrasts),
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
        "same": "and nothing is left",
        "less": "and nothing is left",
        "open": "and nothing is shown to be left",
    }[_one(contrasts, "last")[1]]
    return (
        f"{change}, {left}: rebuilt thumbnails have R² {two(first.r2)} from {first.layer}, {two(last.r2)} from "
        f"{last.layer} "
        f"(difference {with_ends(interval_of(gap, 'gap'))}, {images} images)."
    )


def _at_equal_widths(matched: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    if "matched last - first" not in set(contrasts["contrast"]):
        return []
    gap, found = _one(contrasts, "matched last - first")
    change = {"less": "the last layer gives less", "more": "the last layer gives more", "same": "both ends give alike"}
    return [
        f"At equal widths ({int(matched.iloc[0].dim):,}) {change.get(found, 'no difference is shown')} "
        f"({with_ends(interval_of(gap, 'gap'))})."
    ]


def _against_pixels(grid: pd.DataFrame, rebuilt: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    pixels, colour = (rebuilt[rebuilt["control"] == name].iloc[0] for name in ("pixels", "mean colour"))
    gap, found = _one(contrasts, "last - mean colour")
    beyond = {
        "more": "gives more",
        "less": "gives less",
        "same": "gives no more",
        "open": "is not shown to give more",
    }[found]
    return (
        f"The mean colour alone gives {two(colour.r2)}, raw pixels {two(pixels.r2)}; the last layer {beyond} than the "
        f"colour ({with_ends(interval_of(gap, 'gap'))})."
    )


def _learning(contrasts: pd.DataFrame) -> list[str]:
    if "all images - half" not in set(contrasts["contrast"]):
        return []
    gap, found = _one(contrasts, "all images - half")
    more = {
        "same": f"Twice the images add less than {R2_MARGIN:.2f}",
        "more": "More images would give more",
        "less": "More images do not help",
        "open": "Whether more images would give more is not shown",
    }[found]
    return [f"{more}: all minus half {with_ends(interval_of(gap, 'gap'))}."]


def _without_places(real: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    rows = contrasts[contrasts["contrast"] == "grid - average"]
    averaged = real[real["pooling"] == "avg"]
    if rows.empty or averaged.empty:
        return []
    best = averaged.iloc[int(averaged["r2"].to_numpy().argmax())]
    found = [outcome(interval_of(row, "gap"), R2_MARGIN) for _, row in rows.iterrows()]
    adds = "a grid of positions is not shown to add anything"
    if "more" in found:  # a larger difference of a wider interval may lie elsewhere
        most = rows[[one == "more" for one in found]].sort_values("gap").iloc[-1]
        adds = f"a grid of positions adds up to {with_ends(interval_of(most, 'gap'))} (at {most.layer})"
    elif set(found) <= {"same", "less"}:
        adds = f"a grid of positions adds no more than {R2_MARGIN:.2f}"
    return [f"Averaged over positions, layers give at most {two(best.r2)} ({best.layer}); {adds}."]


def _against_twins(contrasts: pd.DataFrame) -> str:
    rows = contrasts[contrasts["contrast"] == "trained - untrained"]
    if rows.empty:
        return NO_TWIN
    last = rows.iloc[-1]
    if last.starts < 2:
        return (
            f"The weights before training give {two(last.other)} at {last.layer} against {two(last.one)}: one random "
            "start shows nothing."
        )
    found = [outcome(interval_of(row, "gap"), R2_MARGIN) for _, row in rows.iterrows()]
    return (
        f"Against {int(last.starts)} networks with random weights, training keeps more at {count(found, 'more')} of "
        f"{len(found)} layers, less at {count(found, 'less')}; at {last.layer} {two(last.one)} against "
        f"{two(last.other)} (difference {with_ends(interval_of(last, 'gap'))})."
    )


def _shuffled(rebuilt: pd.DataFrame, contrasts: pd.DataFrame) -> str:
    shuffled = rebuilt[rebuilt["control"] == "shuffled"]
    rows = contrasts[contrasts["contrast"] == "shuffled"]
    above = rows[[outcome(interval_of(row, "gap"), R2_MARGIN) == "more" for _, row in rows.iterrows()]]
    most = shuffled.iloc[int(shuffled["r2"].to_numpy().argmax())]
    if above.empty:
        return f"Shuffled images give R² {two(most.r2)} at most."
    return f"Shuffled images still give R² {_of(most)} in {len(above)} readouts: distrust them."
