"""What the tables of `tail` show, a sentence each; every one follows from the numbers and can say the opposite.

Units are images; intervals of differences hold for all adapters at once, so that the best of them may be named.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from lab.experiments.number_text import SURE, interval_of, ranged, two, with_ends
from lab.stats.claims import ACCURACY_MARGIN, outcome

REAL = "real features"

_share = partial(ranged, called=SURE)


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what was found, a sentence each, the answer first."""
    error, rows = tables["error"].iloc[0], tables["adapters"]
    real, fits = rows[rows["adapter"] == REAL].iloc[0], rows[rows["adapter"] != REAL]
    chance, pixels = (_control(tables["controls"], name) for name in ("chance", "pixels"))
    what = f"it stops: “{error.message}”" if error.kind else f"it does not stop, by chance of shapes ({error.message})"
    best = fits.sort_values("refitted").iloc[-1]
    said = [
        _verdict(best, len(fits)),
        f"{error.stage} expects {error.expects} and the image is {error.given}: {what}.",
        f"With the features of the stages before it, a probe behind {error.stage} is right in "
        f"{_share(real, 'carried')} of the images. Made to fit, the image leaves at best {_share(best, 'refitted')} "
        f"({best.adapter}; refit probe) and {_share(fits.sort_values('carried').iloc[-1], 'carried')} for the probe of "
        f"the intact network; raw pixels read directly give {pixels:.2f}, chance is {chance:.2f}.",
    ]
    return [*said, _stage_adds(fits), _closest(fits)]


def _verdict(best: pd.Series, adapters: int) -> str:
    gap = interval_of(best, "refitted_gap")
    numbers = f"{with_ends(gap, SURE)} to the real features for {best.adapter}, the best of {adapters} adapters"
    return {
        "less": f"y is not j(x): made to fit, the image stays behind what the stages before it provide ({numbers}).",
        "more": f"On these images the image itself serves the stage better than the stages before it do ({numbers}).",
        "same": f"On these images the stages before are not needed: to within {ACCURACY_MARGIN:.2f} the image itself "
        f"serves the stage as well ({numbers}).",
        "open": f"Whether the stages before are needed for this task is not shown on these images ({numbers}).",
    }[outcome(gap, ACCURACY_MARGIN)]


def _stage_adds(fits: pd.DataFrame) -> str:
    found = {str(row.adapter): outcome(interval_of(row, "added"), ACCURACY_MARGIN) for _, row in fits.iterrows()}
    better = fits[fits["adapter"].map(found) == "more"]
    if better.empty:
        none = [name for name, one in found.items() if one == "open"]
        unsure = f"; with {', '.join(none)} neither is shown" if none else ""
        return f"With none of the adapters is the stage shown to make its input easier to read than it was{unsure}."
    row = better.sort_values("added").iloc[-1]
    return (
        f"With {row.adapter} the stage still helps: {row.refitted:.2f} behind it against {row.before:.2f} read off the "
        f"adapter itself (difference {with_ends(interval_of(row, 'added'), SURE)})."
    )


def _closest(fits: pd.DataFrame) -> str:
    row = fits.sort_values("r2").iloc[-1]
    beyond = interval_of(row, "r2_beyond")
    more = {
        "more": f"so the pixels give {two(beyond.value)} ({two(beyond.low)} to {two(beyond.high)}) of what that leaves",
        "less": "so the pixels give less than that",
        "same": "so the pixels give nothing beyond that",
        "open": "so the pixels are not shown to give anything beyond that",
    }[outcome(beyond, 0.0)]
    return (
        f"Of the adapters tried, {row.adapter} comes closest to the real features with R² {_share(row, 'r2')} on "
        f"images it was not fitted on; their mean at each position, without looking at the image, reaches "
        f"{two(float(row.r2_mean_map))}, {more}."
    )


def _control(controls: pd.DataFrame, name: str) -> float:
    return float(controls.loc[controls["control"] == name, "accuracy"].iloc[0])
