"""What rebuilt pictures show, in sentences that follow the numbers."""

from __future__ import annotations

from functools import partial

import pandas as pd

from lab.experiments.number_text import NO_TWIN, ranged

_of = partial(ranged, name="likeness")


def findings(summary: pd.DataFrame, starts: int) -> list[str]:
    """Return what the table `summary` of inversions shows, a sentence each."""
    real = summary[~summary["twin"].astype(bool)]
    return [_pictures(real, starts), _activations(real), _twin(summary)]


def _pictures(real: pd.DataFrame, starts: int) -> str:
    first, last = real.iloc[0], real.iloc[-1]
    if last.likeness_high < first.likeness_low:
        change = "the deeper the layer, the more different pictures look alike to it"
    elif last.likeness_low > first.likeness_high:
        change = "here the deeper layer gives more of the picture back"
    else:
        change = f"with {starts} starts no difference between them is shown"
    return (
        f"Rebuilt from {first.layer} the picture's thumbnail comes back with a likeness of {_of(first)}, from "
        f"{last.layer} of {_of(last)} (correlation of pixels, 1 is the same; interval over {starts} starts): {change}."
    )


def _activations(real: pd.DataFrame) -> str:
    worst = real.iloc[int(real["error"].to_numpy().argmax())]
    if worst.error < 0.1:
        return (
            f"The activations themselves were matched everywhere, to within {worst.error:.1%}, so what is missing "
            "from a picture is what its layer does not notice."
        )
    return (
        f"At {worst.layer} the search left {worst.error:.0%} of the activations unmatched: a part of what is missing "
        "there may be the search's fault, and more steps would tell."
    )


def _twin(summary: pd.DataFrame) -> str:
    twin = summary[summary["twin"].astype(bool)]
    if twin.empty:
        return NO_TWIN
    both = summary[~summary["twin"].astype(bool)].merge(twin, on="layer", suffixes=("", "_twin"))
    more = int((both["likeness_low"] > both["likeness_high_twin"]).sum())
    less = int((both["likeness_high"] < both["likeness_low_twin"]).sum())
    last = both.iloc[-1]
    return (
        f"With random weights instead, the picture comes back worse at {more} of {len(both)} layers and better at "
        f"{less}; from {last.layer} with {last.likeness_twin:.2f} against {last.likeness:.2f}: that a picture can be "
        "rebuilt does not show that a layer has learnt anything."
    )
