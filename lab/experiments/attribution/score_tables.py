"""From one share per picture to means with intervals: differences are paired by picture."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lab.stats.intervals import Interval
from lab.stats.simultaneous import crossed_mean, mean_of_many

TRAINED, UNTRAINED = "trained", "untrained"
KNOW_NOTHING = ("area", "edges", "middle")


def summary(shares: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, method and layer: mean share, what knows nothing, and how far it is above each.

    `over_area`, `over_edges`, `over_untrained`, `over_activation` are mean paired differences with `_low` and `_high`,
    each for all methods and layers at once, since those that are clear are picked among them; `over_untrained` is also
    for other random starts (twins and pictures are crossed random effects). Maps that are zero everywhere count as an
    even one, since they point nowhere.
    """
    tests = len(shares[["method", "layer"]].drop_duplicates())
    shares = shares.assign(share=shares["share"].fillna(shares["area"]))
    images = list(dict.fromkeys(shares["image"]))
    rows = []
    for (role, method, layer), group in shares.groupby(["role", "method", "layer"], sort=False):
        own = group.groupby("image").mean(numeric_only=True).loc[images]  # over twins
        row: dict[str, Any] = {
            "role": role, "method": method, "layer": layer, "depth": float(own["depth"].iloc[0]),
            "images": len(images), "share": float(own["share"].mean()), "ideal": float(own["ideal"].mean()),
            **{name: float(own[name].mean()) for name in KNOW_NOTHING},
        }  # fmt: skip
        for name in KNOW_NOTHING[:2]:
            row |= mean_of_many((own["share"] - own[name]).to_numpy(), tests).columns(f"over_{name}")
        here = shares[shares["layer"] == layer]
        same = here[(here["role"] == UNTRAINED) & (here["method"] == method)]
        plain = here[(here["role"] == role) & (here["method"] == "activation")]
        plain = plain.groupby("image", as_index=False)[["share"]].mean().assign(twin=-1)
        row |= _over(own, same if role == TRAINED else same.iloc[:0], images, tests).columns("over_untrained")
        row |= _over(own, plain if method != "activation" else plain.iloc[:0], images, tests).columns("over_activation")
        rows.append(row)
    return pd.DataFrame(rows)


def _over(own: pd.DataFrame, other: pd.DataFrame, images: list[str], tests: int) -> Interval:
    """Return how far the own maps are above others, paired by picture, over twins if there are several; nan without."""
    if not len(other):
        return Interval(*[float("nan")] * 3)
    others = other.pivot(index="image", columns="twin", values="share").loc[images].to_numpy()
    gaps = own["share"].to_numpy()[:, None] - others
    return crossed_mean(gaps, tests) if gaps.shape[1] > 1 else mean_of_many(gaps[:, 0], tests)
