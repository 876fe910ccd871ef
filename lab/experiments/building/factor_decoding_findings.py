"""What the readings of factors show, in sentences that follow the numbers.

The unit is images; of the comparison with untrained twins also random starts. Differences of one kind hold for all
factors at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.experiments.number_text import NO_TWIN, interval_of, two
from lab.stats.claims import R2_MARGIN, Outcome, outcome

NAMED = 2


def findings(tables: Mapping[str, pd.DataFrame], images: int) -> list[str]:
    """Return what the tables of `factors` show, a sentence each."""
    readings, contrasts = tables["readings"], tables["contrasts"]
    real = readings[readings["control"] == "real"]
    order = list(dict.fromkeys(real["layer"]))
    return [
        _still_there(contrasts, images, order[-1]),
        _movement(contrasts, order),
        *_at_equal_widths(contrasts),
        _against_pixels(contrasts, order[-1]),
        *_learning(contrasts, order[-1]),
        *_joined(tables["factors"]),
        _against_twins(contrasts, order[-1]),
        _shuffled(readings),
    ]


def sorted_out(contrasts: pd.DataFrame, kind: str) -> dict[Outcome, pd.DataFrame]:
    """Return the factors of one kind of difference by what their interval shows, the largest differences first."""
    rows = contrasts[contrasts["contrast"] == kind]
    found = [outcome(interval_of(row, "gap"), R2_MARGIN) for _, row in rows.iterrows()]
    ordered = rows.assign(found=found, size=rows["gap"].abs()).sort_values("size", ascending=False)
    return {which: ordered[ordered["found"] == which] for which in ("more", "less", "same", "open")}


def _still_there(contrasts: pd.DataFrame, images: int, layer: str) -> str:
    by = sorted_out(contrasts, "last")
    there, whole = by["more"], sum(map(len, by.values()))
    if there.empty:
        return f"No factor of {images} drawings is shown to be readable at the last layer, {layer}."
    strongest = ", ".join(f"{row.factor} ({row.gap:.2f})" for _, row in there.head(NAMED).iterrows())
    return (
        f"{len(there)} of {whole} factors of {images} drawings can be read at the last layer, {layer}, best "
        f"{strongest}; {len(by['same'])} cannot, to within R² {R2_MARGIN:.2f}."
    )


def _movement(contrasts: pd.DataFrame, order: list[str]) -> str:
    if len(order) < 2:
        return "One layer alone shows no change with depth."
    by = sorted_out(contrasts, "last - first")
    parts = []
    for which, how in (("more", "rise"), ("less", "fall")):
        rows = by[which]  # type: ignore[index]
        if len(rows):
            listed = ", ".join(
                f"{row.factor} ({two(row.other)} → {two(row.one)})" for _, row in rows.head(NAMED).iterrows()
            )
            parts.append(f"{len(rows)} {how}, most {listed}")
    rest = f"of {len(by['same']) + len(by['open'])} no change is shown"
    return f"From {order[0]} to {order[-1]}: {'; '.join([*parts, rest])}."


def _at_equal_widths(contrasts: pd.DataFrame) -> list[str]:
    if "matched last - first" not in set(contrasts["contrast"]):
        return []
    by = sorted_out(contrasts, "matched last - first")
    return [f"At equal widths {len(by['more'])} rise and {len(by['less'])} fall."]


def _against_pixels(contrasts: pd.DataFrame, layer: str) -> str:
    by = sorted_out(contrasts, "last - pixels")
    return f"Raw pixels read {len(by['less'])} better than {layer} and {len(by['more'])} worse."


def _learning(contrasts: pd.DataFrame, layer: str) -> list[str]:
    by = sorted_out(contrasts, "last - half of the images")
    whole = sum(map(len, by.values()))
    if not whole:
        return []
    means = ": more images may show more" if len(by["more"]) else ""
    return [f"Half of the images read {len(by['more'])} of {whole} factors worse at {layer}{means}."]


def _joined(factors: pd.DataFrame) -> list[str]:
    joined = factors[factors["same"] != ""]
    return [f"{row.factor} and {row.same} always go together and are one row." for row in joined.itertuples()]


def _against_twins(contrasts: pd.DataFrame, layer: str) -> str:
    rows = contrasts[contrasts["contrast"] == "trained - untrained"]
    if rows.empty:
        return NO_TWIN
    starts = int(rows["starts"].iloc[0])
    if starts < 2:
        return "One random start is too few to show what training adds."
    by = sorted_out(contrasts, "trained - untrained")
    return (
        f"Against {starts} networks with random weights, {layer} reads {len(by['more'])} better and "
        f"{len(by['less'])} worse."
    )


def _shuffled(readings: pd.DataFrame) -> str:
    most = float(readings.loc[readings["control"] == "shuffled", "ci_high"].max())
    if most < R2_MARGIN:
        return f"Shuffled factors give R² {most:.2f} at most."
    return f"Shuffled factors still give R² {most:.2f}: trust only what is clearly above that."
