"""What the readings of factors show, in sentences that follow the numbers.

The unit is images; of the comparison with untrained twins also random starts. Differences of one kind hold for all
factors at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.experiments.number_text import NO_TWIN, interval_of, two, with_ends
from lab.stats.claims import R2_MARGIN, Outcome, outcome

NAMED = 3


def findings(tables: Mapping[str, pd.DataFrame], images: int) -> list[str]:
    """Return what the tables of `factors` show, a sentence each."""
    readings, contrasts = tables["readings"], tables["contrasts"]
    real = readings[readings["control"] == "real"]
    order = list(dict.fromkeys(real["layer"]))
    last = real[real["layer"] == order[-1]].set_index("factor")
    return [
        _still_there(contrasts, images, order[-1]),
        _movement(contrasts, order),
        *_at_equal_widths(contrasts),
        _against_pixels(contrasts, order[-1]),
        *_learning(contrasts, order[-1]),
        *_joined(last, tables["factors"], order[-1]),
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
        return f"At {layer}, the last of these layers, no factor of {images} drawings is shown to be readable."
    strongest = ", ".join(f"{row.factor} ({row.gap:.2f})" for _, row in there.head(NAMED).iterrows())
    return (
        f"At the last layer, {layer}, {len(there)} of {whole} factors of {images} drawings can still be read, "
        f"{len(by['same'])} cannot, to within R² {R2_MARGIN:.2f}; of the others neither is shown. Best are {strongest}."
    )


def _movement(contrasts: pd.DataFrame, order: list[str]) -> str:
    if len(order) < 2:
        return "One layer alone shows no change with depth."
    by = sorted_out(contrasts, "last - first")
    parts = []
    for which, how in (("more", "more readable"), ("less", "less readable")):
        rows = by[which]  # type: ignore[index]
        if len(rows):
            many = "1 factor becomes" if len(rows) == 1 else f"{len(rows)} factors become"
            listed = ", ".join(
                f"{row.factor} ({two(row.other)} → {two(row.one)})" for _, row in rows.head(NAMED).iterrows()
            )
            parts.append(f"{many} {how}, most of all {listed}")
    between = f"Between {order[0]} and {order[-1]}"
    rest = f"{len(by['same'])} stay alike to within {R2_MARGIN:.2f}, of {len(by['open'])} no change is shown"
    return f"{between}, {'; '.join([*parts, rest])}."


def _at_equal_widths(contrasts: pd.DataFrame) -> list[str]:
    if "matched last - first" not in set(contrasts["contrast"]):
        return []
    all_of, by = sorted_out(contrasts, "last - first"), sorted_out(contrasts, "matched last - first")
    kept = set(all_of["more"]["factor"]) & set(by["more"]["factor"])
    return [
        f"At equal widths {len(by['more'])} factors are more and {len(by['less'])} less readable at the last layer, "
        f"{len(kept)} of those {len(all_of['more'])} among them."
    ]


def _against_pixels(contrasts: pd.DataFrame, layer: str) -> str:
    by = sorted_out(contrasts, "last - pixels")
    listed = ", ".join(by["more"]["factor"].head(NAMED))
    return (
        f"Raw pixels tell {len(by['less'])} factors better than {layer} does and {len(by['more'])} worse"
        f"{f' (most of all {listed})' if listed else ''}; of {len(by['same']) + len(by['open'])} no difference is "
        "shown."
    )


def _learning(contrasts: pd.DataFrame, layer: str) -> list[str]:
    by = sorted_out(contrasts, "last - half of the images")
    whole = sum(map(len, by.values()))
    if not whole:
        return []
    more = by["more"]
    listed = ", ".join(f"{row.factor} ({with_ends(interval_of(row, 'gap'))})" for _, row in more.head(NAMED).iterrows())
    means = "more images may show more" if len(more) else "a rise with the images is not shown"
    return [
        f"With half of the images to learn from, {len(more)} of {whole} factors are read worse at {layer}"
        f"{f', most of all {listed}' if listed else ''}, {len(by['same'])} as well to within {R2_MARGIN:.2f}: {means}."
    ]


def _joined(last: pd.DataFrame, factors: pd.DataFrame, layer: str) -> list[str]:
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


def _against_twins(contrasts: pd.DataFrame, layer: str) -> str:
    rows = contrasts[contrasts["contrast"] == "trained - untrained"]
    if rows.empty:
        return NO_TWIN
    starts = int(rows["starts"].iloc[0])
    if starts < 2:
        return "One network with random weights is one random start: what training adds is not shown from it."
    by = sorted_out(contrasts, "trained - untrained")
    more, less = (", ".join(by[which]["factor"]) for which in ("more", "less"))  # type: ignore[index]
    return (
        f"Against {starts} networks with random weights, {len(by['more'])} factors are more readable at {layer}"
        f"{f' ({more})' if more else ''} and {len(by['less'])} less{f' ({less})' if less else ''}, {len(by['same'])} "
        f"alike; of {len(by['open'])} neither is shown."
    )


def _shuffled(readings: pd.DataFrame) -> str:
    most = float(readings.loc[readings["control"] == "shuffled", "ci_high"].max())
    if most < R2_MARGIN:
        return f"With factors shuffled among the drawings nothing can be read: R² is {most:.2f} at most."
    return f"With factors shuffled among the drawings R² still reaches {most:.2f}; differ from that before you believe."
