"""What receptive fields show, in sentences that follow the numbers. Units are pictures and random starts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.experiments.number_text import NO_TWIN
from lab.stats.claims import Outcome, count, outcome
from lab.stats.intervals import Interval
from lab.stats.simultaneous import crossed_mean

ALIKE = 0.1  # fields whose sides differ by less than this share are alike


def findings(fields: pd.DataFrame, draws: pd.DataFrame, size: tuple[int, int]) -> list[str]:
    """Return what the fields show, a sentence each; they follow the numbers."""
    first = fields[fields["model"] == fields["model"].iloc[0]]
    pictures = int(draws["picture"].nunique())
    return [
        _contained(draws),
        _theory_and_effect(first, pictures),
        *_whole_picture(first, size),
        *_training(fields, draws, pictures),
    ]


def _contained(draws: pd.DataFrame) -> str:
    inside, all_of = int((draws["outside"] == 0).sum()), len(draws)
    if inside == all_of:
        return f"Outside the theoretical receptive field the gradient is zero in all {all_of} measurements."
    worst = draws.iloc[int(draws["outside"].to_numpy().argmax())]
    return (
        f"In {inside} of {all_of} measurements the gradient stays inside the theoretical receptive field; at "
        f"{worst.layer} {worst.outside:.2%} lies outside: the theory is wrong there."
    )


def _theory_and_effect(fields: pd.DataFrame, pictures: int) -> str:
    local = fields[fields["status"] == "exact"]
    row = (local if len(local) else fields).iloc[(len(local) or len(fields)) // 2]
    seen = max(row.bottom - row.top, row.right - row.left)
    holds = "as much as" if row.half_side >= seen else "only"
    sure = (
        f"{max(row.ci_low, 0):.0f} to {row.ci_high:.0f}, over {pictures} pictures"
        if np.isfinite(row.ci_high)
        else "one picture"
    )
    theory = _side(row.side_height, row.side_width, row.status)
    return (
        f"At {row.layer} one position can depend on {theory}; half of its gradient comes from {holds} "
        f"{row.half_side:.0f} × {row.half_side:.0f} ({sure})."
    )


def _whole_picture(fields: pd.DataFrame, size: tuple[int, int]) -> list[str]:
    whole = fields[(fields["bottom"] - fields["top"] >= size[0]) & (fields["right"] - fields["left"] >= size[1])]
    if whole.empty:
        return ["No layer's middle position sees the whole picture."]
    row = whole.iloc[0]
    return [
        f"From {row.layer} on (depth {row.depth:.2f}) the middle position can depend on the whole picture; half of its "
        f"gradient comes from {row.half_side:.0f} × {row.half_side:.0f} of {size[0]} × {size[1]} pixels there, "
        f"{fields.iloc[-1].half_side:.0f} × {fields.iloc[-1].half_side:.0f} at {fields.iloc[-1].layer}."
    ]


def _training(fields: pd.DataFrame, draws: pd.DataFrame, pictures: int) -> list[str]:
    if not (draws["twin"] >= 0).any():
        return [NO_TWIN]
    starts = int(draws["twin"].max()) + 1
    if min(pictures, starts) < 2:
        return [
            f"What training does to the field is not shown: {pictures} picture{'s' * (pictures > 1)} and {starts} "
            f"random start{'s' * (starts > 1)} are too few."
        ]
    ratios = trained_to_untrained(draws)
    found: list[Outcome] = [outcome(ratio, float(np.log1p(ALIKE))) for ratio in ratios.values()]
    last, ratio = list(ratios.items())[-1]
    own, twin = (
        draws.loc[(draws["layer"] == last) & ((draws["twin"] >= 0) == other), "half_side"].mean()
        for other in (False, True)
    )
    return [
        f"Training makes the effective field wider at {count(found, 'more')} of {len(found)} layers, narrower at "
        f"{count(found, 'less')}, alike at {count(found, 'same')}; at {last} it is {own:.0f} pixels, with random "
        f"weights {twin:.0f} (ratio "
        f"{np.exp(ratio.value):.2f}, {np.exp(ratio.low):.2f} to {np.exp(ratio.high):.2f})."
    ]


def trained_to_untrained(draws: pd.DataFrame) -> dict[str, Interval]:
    """Return by layer the log of the trained field's side over the untrained one's.

    Means over positions and directions first; pictures and random starts are random effects.
    """
    tests = draws["layer"].nunique()
    found = {}
    for layer, rows in draws.groupby("layer", sort=False):
        sides = rows.pivot_table(index="picture", columns="twin", values="half_side")
        own, twins = sides[-1].to_numpy(), sides.drop(columns=-1).to_numpy()
        gaps = np.log(np.maximum(own, 1))[:, None] - np.log(np.maximum(twins, 1))
        found[str(layer)] = crossed_mean(gaps, tests)
    return found


def _side(height: int, width: int, status: str) -> str:
    if status == "global":
        return "the whole picture"
    most = "at most " if status == "upper bound" else ""
    return f"{most}{height} × {width} pixels" if height and width else "an unknown part of the picture's pixels"
