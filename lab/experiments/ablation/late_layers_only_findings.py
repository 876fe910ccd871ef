"""What the tables of `tail` show, a sentence each; every one follows from the numbers and can say the opposite.

Units are images; intervals of differences hold for all adapters at once, so that the best of them may be named.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from lab.experiments.number_text import interval_of, two, with_ends
from lab.stats.claims import ACCURACY_MARGIN, outcome

REAL = "real features"


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what was found, a sentence each, the answer first."""
    error, rows = tables["error"].iloc[0], tables["adapters"]
    real, fits = rows[rows["adapter"] == REAL].iloc[0], rows[rows["adapter"] != REAL]
    chance, pixels = (_control(tables["controls"], name) for name in ("chance", "pixels"))
    what = f"it stops: “{_short(error.message)}”" if error.kind else f"it does not stop ({error.message})"
    best = fits.sort_values("refitted").iloc[-1]
    said = [
        _verdict(best, len(fits)),
        f"{error.stage} expects {error.expects}, the image is {error.given}: {what}.",
        f"A probe behind {error.stage} reads {real.carried:.2f} of real features; of the adapted image at best "
        f"{best.refitted:.2f} (refit) and {fits['carried'].max():.2f} (frozen); "
        f"raw pixels {pixels:.2f}, chance {chance:.2f}.",
    ]
    return [*said, _stage_adds(fits), _closest(fits)]


def _verdict(best: pd.Series, adapters: int) -> str:
    gap = interval_of(best, "refitted_gap")
    numbers = f"{with_ends(gap)} with {best.adapter}, the best of {adapters} adapters"
    return {
        "less": f"The stage needs the stages before it: an adapted image serves it worse ({numbers}).",
        "more": f"An adapted image serves the stage better than the stages before it ({numbers}).",
        "same": f"The stages before are not needed, to within {ACCURACY_MARGIN:.2f} ({numbers}).",
        "open": f"Whether the stages before are needed is not shown ({numbers}).",
    }[outcome(gap, ACCURACY_MARGIN)]


def _stage_adds(fits: pd.DataFrame) -> str:
    found = {str(row.adapter): outcome(interval_of(row, "added"), ACCURACY_MARGIN) for _, row in fits.iterrows()}
    better = fits[fits["adapter"].map(found) == "more"]
    if better.empty:
        return "The stage is not shown to help any adapter's input."
    row = better.sort_values("added").iloc[-1]
    return (
        f"With {row.adapter} the stage still helps: {row.refitted:.2f} behind it, {row.before:.2f} before "
        f"(difference {with_ends(interval_of(row, 'added'))})."
    )


def _closest(fits: pd.DataFrame) -> str:
    row = fits.sort_values("r2").iloc[-1]
    beyond = interval_of(row, "r2_beyond")
    more = {
        "more": f"the pixels add {two(beyond.value)} ({two(beyond.low)} to {two(beyond.high)}) of the rest",
        "less": "the pixels give less",
        "same": "the pixels add nothing",
        "open": "the pixels are not shown to add anything",
    }[outcome(beyond, 0.0)]
    return (
        f"The closest adapter, {row.adapter}, predicts real features with R² {row.r2:.2f}; their mean reaches "
        f"{two(float(row.r2_mean_map))}, {more}."
    )


def _short(message: str) -> str:
    """Return what PyTorch says is wrong, without the sizes that stand before it."""
    return message.rpartition("expected ")[2] or message


def _control(controls: pd.DataFrame, name: str) -> float:
    return float(controls.loc[controls["control"] == name, "accuracy"].iloc[0])
