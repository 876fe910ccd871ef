"""Charts of a comparison: paired gaps by depth, cost beside quality.

The curves themselves are `accuracy.accuracy_by_depth`, which reads the same tables; what networks share is in
`charts.sharing`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    SMALL_FONT,
    Tables,
    depth_axis,
    interval_text,
    interval_tooltip,
    layered,
    model_colour,
    model_shape,
    models_of,
    only_model,
    rows,
)


def gaps_by_depth(tables: Tables, *, reference: str | None = None, height: int = HEIGHT) -> alt.LayerChart:
    """Return, at equal relative depth, how far every other network is above or below `reference` (default: the first).

    Bands hold for all depths of a pair at once.
    """
    names = models_of(tables["models"])
    against = only_model(tables["models"], reference)
    table = gap_rows(tables["matched"], against)
    title = f"accuracy minus that of {against}"
    axis = alt.Axis(format="+.2f", labelFontSize=SMALL_FONT, tickCount=6)
    scale = alt.Scale(domain=_around_zero(table), nice=False)
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("depth:Q", format=".1f"), alt.Tooltip("gap:Q", format="+.3f"),
        interval_tooltip(),
    ]  # fmt: skip
    y = alt.Y("gap:Q", title=title, scale=scale, axis=axis)
    others = [name for name in names if name != against]
    colour = model_colour(names, others)
    base = alt.Chart(rows(table)).encode(depth_axis("depth"), y, colour, tooltip=tooltip)
    band = base.mark_area(opacity=0.18).encode(alt.Y("low:Q", title=title, scale=scale, axis=axis), alt.Y2("high:Q"))
    zero = alt.Chart(rows(pd.DataFrame([{"gap": 0.0}]))).mark_rule(color=INK, strokeDash=[4, 4])
    return layered(
        band,
        zero.encode(alt.Y("gap:Q", title=title, scale=scale, axis=axis)),
        base.mark_line(strokeWidth=3),
        base.mark_point(filled=True, size=85, opacity=1).encode(colour, model_shape(names, others)),
        title=alt.Title(
            "Ahead or behind, image by image", subtitle="Band: 95 % interval, for all depths at once. 0: level."
        ),
        width="container",
        height=height,
        description=_gaps_text(table, against),
    )


def cost_and_quality(tables: Tables, *, height: int = HEIGHT) -> alt.LayerChart:
    """Return every layer of every network as a place to cut it: accuracy against operations (log scale).

    The ring marks the cut that is recommended, the dashed line the best accuracy of all.
    """
    names = models_of(tables["models"])
    table = tables["cuts"][tables["cuts"]["gflops"] > 0].copy()
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    table["size"] = [f"{number / 1e6:.2f} million" for number in table["parameters"]]
    axis = alt.Axis(labelFontSize=SMALL_FONT, grid=False, values=_powers(table["gflops"]), format="~g")
    x = alt.X("gflops:Q", title="GFLOPs of an image up to the cut (log scale)", axis=axis,
              scale=alt.Scale(type="log", nice=False, padding=14))  # fmt: skip
    low, high = float(table["ci_low"].min()), float(table["ci_high"].max())
    scale = alt.Scale(domain=[np.floor(low * 20) / 20, min(1.0, np.ceil(high * 20) / 20)], nice=False, zero=False)
    value = alt.Axis(format=".2f", labelFontSize=SMALL_FONT, tickCount=6)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="held-out accuracy (share of images)", scale=scale, axis=value)

    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"), interval_tooltip(),
        alt.Tooltip("gflops:Q", title="GFLOPs", format=".3g"), alt.Tooltip("size:N", title="parameters"),
        alt.Tooltip("depth:Q", title="relative depth", format=".2f"),
    ]  # fmt: skip
    base = alt.Chart(rows(table)).encode(x, y("accuracy"), model_colour(names), tooltip=tooltip)
    chosen = alt.Chart(rows(table[table["chosen"]])).encode(x, y("accuracy"), tooltip=tooltip)
    best = alt.Chart(rows(pd.DataFrame([{"accuracy": float(table["accuracy"].max())}])))
    return layered(
        best.mark_rule(color=INK, strokeDash=[6, 4]).encode(y("accuracy")),
        base.mark_rule(strokeWidth=1.5, opacity=0.45).encode(y("ci_low"), alt.Y2("ci_high:Q")),
        base.mark_line(strokeWidth=1.5, opacity=0.6).encode(alt.Order("gflops:Q")),
        base.mark_point(filled=True, size=80, opacity=1).encode(model_colour(names), model_shape(names)),
        chosen.mark_point(size=420, strokeWidth=3, color=INK),
        chosen.mark_text(align="left", dx=20, dy=16, fontSize=SMALL_FONT, fontWeight=600).encode(alt.Text("layer:N")),
        title=alt.Title("Where to cut", subtitle="Ring: the cheapest layer that the best one is not clearly above."),
        width="container",
        height=height,
        description=_cuts_text(table),
    )


def gap_rows(pairs: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return model, depth, gap, low, high, interval: every pair that holds `reference`, turned to face it."""
    facing = {"model_a": -1.0, "model_b": 1.0}
    parts = []
    for own, sign in facing.items():
        other = "model_b" if own == "model_a" else "model_a"
        here = pairs[pairs[own] == reference]
        ends = np.sort(np.stack([sign * here["ci_low"], sign * here["ci_high"]]), axis=0)
        parts.append(
            pd.DataFrame(
                {"model": here[other], "depth": here["depth"], "gap": sign * here["difference"],
                 "low": ends[0], "high": ends[1]}
            )
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table.assign(interval=interval_text(table["low"], table["high"]))


def _around_zero(table: pd.DataFrame) -> list[float]:
    ends = [float(np.nanmin([*table["low"], 0.0])), float(np.nanmax([*table["high"], 0.0]))]
    return [float(np.floor(ends[0] * 10) / 10), float(np.ceil(ends[1] * 10) / 10)]


def _powers(values: pd.Series) -> list[float]:
    low, high = np.log10(float(values.min())), np.log10(float(values.max()))
    powers: Sequence[int] = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    return [factor * 10.0**power for power in powers for factor in (1, 2, 5)]


def _gaps_text(table: pd.DataFrame, against: str) -> str:
    parts = []
    for model, gaps in table.groupby("model", sort=False):
        ahead, behind = int((gaps["low"] > 0).sum()), int((gaps["high"] < 0).sum())
        parts.append(f"{model}: clearly above at {ahead} and below at {behind} of {len(gaps)} depths.")
    return f"Accuracy minus that of {against} at equal depth. {' '.join(parts)}"


def _cuts_text(table: pd.DataFrame) -> str:
    chosen = table[table["chosen"]]
    where = "".join(f" Recommended: {row.layer} of {row.model}." for row in chosen.itertuples())
    return f"Accuracy against operations of {len(table)} layers.{where}"
