"""What rebuilt pictures show, in sentences that follow the numbers.

A picture that came back unlike shows what its layer does not notice only if its activations are those of the original:
from a search that did not get there no conclusion is drawn. Units are starts, of the untrained network with weights of
their own; all of one picture.
"""

from __future__ import annotations

from functools import partial

import pandas as pd

from lab.experiments.number_text import NO_TWIN, interval_of, ranged, signed
from lab.stats.claims import Outcome, count

MATCHED = 0.1  # the part of the activations that a search may leave unmatched
_of = partial(ranged, name="likeness")


def findings(summary: pd.DataFrame, starts: int) -> list[str]:
    """Return what the table `summary` of inversions shows, a sentence each."""
    real = summary[~summary["twin"].astype(bool)]
    return [_pictures(real, starts), _activations(real), _twin(summary, starts)]


def matched(rows: pd.DataFrame) -> pd.Series:
    """Return for each layer whether the search surely came to the picture's activations."""
    return rows["error_high"] < MATCHED


def _pictures(real: pd.DataFrame, starts: int) -> str:
    reached = real[matched(real)]
    if len(reached) < 2:
        return (
            f"The search matched the picture's activations, to within {MATCHED:.0%}, at {len(reached)} of {len(real)} "
            "layers: what the others do not notice is not shown. More steps may get there."
        )
    first, last = reached.iloc[0], reached.iloc[-1]
    found = _compared(last, first)
    change = {
        "less": "more that differs looks the same to the deeper one",
        "more": "the deeper one gives more back",
    }.get(found, "no difference is shown")
    skipped = "" if len(reached) == len(real) else f" of the {len(reached)} layers whose activations were matched"
    return (
        f"Rebuilt from {first.layer}, the first{skipped}, the thumbnail has likeness {_of(first)}, from {last.layer}, "
        f"the last, {_of(last)} (correlation of pixels; {starts} starts): {change}."
    )


def _activations(real: pd.DataFrame) -> str:
    worst = real.iloc[int(real["error"].to_numpy().argmax())]
    if matched(real).all():
        return (
            f"Activations were matched everywhere, to within {worst.error:.1%}: what is missing is what the layer does "
            "not notice."
        )
    return (
        f"At {', '.join(real.loc[~matched(real), 'layer'])} the search did not clearly match the activations (at "
        f"{worst.layer} it left {worst.error:.0%}): what is missing there may be its fault."
    )


def _twin(summary: pd.DataFrame, starts: int) -> str:
    twin = summary[summary["twin"].astype(bool)]
    if twin.empty:
        return NO_TWIN
    both = summary[~summary["twin"].astype(bool)].merge(twin, on="layer", suffixes=("", "_twin"))
    both = both[(both["error_high"] < MATCHED) & (both["error_high_twin"] < MATCHED)]
    if both.empty:
        return "No layer was matched with and without training, so the two are not compared."
    twins = twin.set_index("layer")
    found = [_compared(twins.loc[row.layer], row) for _, row in both.iterrows()]
    last = both.iloc[-1]
    return (
        f"With random weights ({starts} starts) the picture comes back worse at {count(found, 'less')} and better at "
        f"{count(found, 'more')} of the {len(both)} layers matched by both; from {last.layer} with "
        f"{last.likeness_twin:.2f} against {last.likeness:.2f} ({signed(last.likeness_twin - last.likeness)})."
    )


def _compared(one: pd.Series, other: pd.Series) -> Outcome:
    """Return whether one likeness is more than another; both intervals hold at once, so apart is apart."""
    mine, theirs = interval_of(one, "likeness"), interval_of(other, "likeness")
    if mine.low > theirs.high:
        return "more"
    return "less" if mine.high < theirs.low else "open"
