"""What the tables of `tail` show, a sentence each; every one follows from the numbers and can say the opposite."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from lab.experiments.number_text import SURE, ranged

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
        _verdict(best),
        f"{error.stage} expects {error.expects} and the image is {error.given}: {what}.",
        f"With the features of the stages before it, a reader behind {error.stage} is right in "
        f"{_share(real, 'carried')} of the images. Made to fit, the image leaves at best {_share(best, 'refitted')} "
        f"({best.adapter}; reader fitted anew) and {_share(fits.sort_values('carried').iloc[-1], 'carried')} for the "
        f"reader of the intact network; raw pixels read directly give {pixels:.2f}, chance is {chance:.2f}.",
    ]
    return [*said, *_stage_adds(fits), *_closest(fits)]


def _verdict(best: pd.Series) -> str:
    lost = f"{-best.refitted_gap:.2f} ({-best.refitted_gap_high:.2f} to {-best.refitted_gap_low:.2f})"
    if best.refitted_gap_high < 0:
        return f"y is not j(x): made to fit, the image stays {lost} behind what the stages before it provide."
    if best.refitted_gap_low > 0:
        return "On these images the image itself serves the stage better than the stages before it do."
    return (
        "On these images no difference to the real features is shown: for this task the stages before are not "
        f"needed, or the images are too few (difference {best.refitted_gap:+z.2f}, 95 % interval "
        f"{best.refitted_gap_low:+z.2f} to {best.refitted_gap_high:+z.2f})."
    )


def _stage_adds(fits: pd.DataFrame) -> list[str]:
    better = fits[fits["added_low"] > 0]
    if better.empty:
        return ["With none of the adapters does the stage make its input easier to read than it was before the stage."]
    row = better.sort_values("added").iloc[-1]
    return [
        f"With {row.adapter} the stage still helps: {row.refitted:.2f} behind it against {row.before:.2f} read off the "
        "adapter itself."
    ]


def _closest(fits: pd.DataFrame) -> list[str]:
    row = fits.sort_values("r2").iloc[-1]
    return [
        f"The closest that a linear map of each position's pixels comes to the real features is R² = {row.r2:.2f} "
        f"({row.adapter}, images it was not fitted on)."
    ]


def _control(controls: pd.DataFrame, name: str) -> float:
    return float(controls.loc[controls["control"] == name, "accuracy"].iloc[0])
