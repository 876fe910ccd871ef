"""From one share per picture to means with intervals: differences are paired by picture."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lab.stats.intervals import Interval, mean_interval

TRAINED, UNTRAINED = "trained", "untrained"
KNOW_NOTHING = ("area", "edges", "middle")


def summary(shares: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, method and layer: mean share, what knows nothing, and how far it is above each.

    `over_area`, `over_edges`, `over_untrained` are mean paired differences with `_low` and `_high`; maps that are zero
    everywhere count as an even one, since they point nowhere.
    """
    shares = shares.assign(share=shares["share"].fillna(shares["area"]))
    images = list(dict.fromkeys(shares["image"]))
    rows = []
    for (role, method, layer), group in shares.groupby(["role", "method", "layer"], sort=False):
        own = group.set_index("image").loc[images]
        row: dict[str, Any] = {
            "role": role, "method": method, "layer": layer, "depth": float(own["depth"].iloc[0]),
            "images": len(images), "share": float(own["share"].mean()), "ideal": float(own["ideal"].mean()),
            **{name: float(own[name].mean()) for name in KNOW_NOTHING},
        }  # fmt: skip
        for name in KNOW_NOTHING[:2]:
            row |= mean_interval((own["share"] - own[name]).to_numpy()).columns(f"over_{name}")
        row |= _over_untrained(shares, images, own, str(role), str(method), str(layer))
        rows.append(row)
    return pd.DataFrame(rows)


def _over_untrained(
    shares: pd.DataFrame, images: list[str], own: pd.DataFrame, role: str, method: str, layer: str
) -> dict[str, float]:
    twin = shares[(shares["role"] == UNTRAINED) & (shares["method"] == method) & (shares["layer"] == layer)]
    if role != TRAINED or not len(twin):
        return Interval(*[float("nan")] * 3).columns("over_untrained")
    other = twin.set_index("image").loc[images]["share"]
    return mean_interval((own["share"] - other).to_numpy()).columns("over_untrained")
