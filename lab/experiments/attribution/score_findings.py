"""What the share of maps on the parts that differ says, in sentences that follow the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lab.attributions.methods import METHODS
from lab.experiments.number_text import interval_of
from lab.names import listed
from lab.stats.claims import count, outcome

SHARE_MARGIN = 0.02  # of a map's attribution
BARS = ("over_area", "over_edges", "over_untrained")
NAMES = {"over_area": "the parts' area", "over_edges": "an edge detector", "over_untrained": "an untrained network"}
UNTRAINED = BARS[-1]


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what was found."""
    trained = tables["summary"][tables["summary"]["role"] == "trained"]
    sentences = [_passing(trained), _best(trained), _no_target(trained), _probes(tables["probes"])]
    return [sentence for sentence in sentences if sentence]


def finds(row: Mapping[Any, Any]) -> bool:
    """Return whether a map's share is above everything it was compared with, each with its interval."""
    return not missed(row)


def compared(row: Mapping[Any, Any]) -> list[str]:
    """Return the bars a map was compared with: there may be no untrained twin, or no valid map of it."""
    return [bar for bar in BARS if not np.isnan(float(row[f"{bar}_low"]))]


def missed(row: Mapping[Any, Any]) -> list[str]:
    """Return which of the comparisons that were made a map is not above."""
    return [NAMES[bar] for bar in compared(row) if float(row[f"{bar}_low"]) <= 0]


def _probes(probes: pd.DataFrame) -> str:
    trained = probes[probes["role"] == "trained"]
    best = trained.iloc[int(trained["accuracy"].to_numpy().argmax())]
    return (
        f"The explained probes read {trained['accuracy'].iloc[0]:.0%} of held-out pictures at "
        f"{trained['layer'].iloc[0]}, at most {best['accuracy']:.0%} ({best['ci_low']:.0%} to {best['ci_high']:.0%}) "
        f"at {best['layer']}."
    )


def _best(trained: pd.DataFrame) -> str:
    best = trained.iloc[int(trained["over_area"].to_numpy().argmax())]
    short, made = missed(best.to_dict()), compared(best.to_dict())
    above = "all three" if len(made) == len(BARS) else _named(made)
    ends = f"Not clearly above {' and '.join(short)}." if short else f"Clearly above {above}."
    twin = best["share"] - best["over_untrained"]
    untrained = f", untrained networks {twin:.0%}" if np.isfinite(twin) else ""
    return (
        f"{METHODS[best['method']].title} at {best['layer']} puts most on the parts that differ: {best['share']:.0%} "
        f"on {best['area']:.0%} of the picture (difference {best['over_area']:.0%}, {best['over_area_low']:.0%} to "
        f"{best['over_area_high']:.0%}); an edge detector {best['edges']:.0%}{untrained}. {ends}"
    )


def _passing(trained: pd.DataFrame) -> str:
    passing = [row for row in trained.to_dict("records") if finds(row)]
    names = ", ".join(dict.fromkeys(METHODS[row["method"]].title for row in passing))
    who = f": {names}" if passing else ""
    made = [compared(row) for row in trained.to_dict("records")]
    bars = [bar for bar in BARS if any(bar in each for each in made)]
    alone = sum(UNTRAINED not in compared(row) for row in passing) if UNTRAINED in bars else 0
    less = f" ({alone} not compared with {NAMES[UNTRAINED]})" if alone else ""
    return (
        f"{len(passing)} of {len(trained)} pairs of method and layer find what differs: above "
        f"{_named(bars)}{less}{who}."
    )


def _named(bars: list[str]) -> str:
    return listed([NAMES[bar] for bar in bars])


def _no_target(trained: pd.DataFrame) -> str:
    """Compare Grad-CAM with the plain activation, which knows nothing of the decision."""
    rows = trained[(trained["method"] == "gradcam") & trained["over_activation_low"].notna()]
    if not len(rows):
        return ""
    found = [outcome(interval_of(row, "over_activation"), SHARE_MARGIN) for _, row in rows.iterrows()]
    return (
        f"Grad-CAM puts more there than plain activation at {count(found, 'more')} of {len(found)} layers, less at "
        f"{count(found, 'less')}."
    )
