"""Accuracy by depth as several kinds of probe see it."""

from __future__ import annotations

import numpy as np

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    MODEL_COLOURS,
    MODEL_SHAPES,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    legend_above,
    rows,
)
from lab.probing.kinds import PROBES


def accuracy_by_probe(tables: Tables, *, height: int = HEIGHT) -> alt.LayerChart:
    """Return one line per kind of probe over the layers; the ring marks the layer that each reads best."""
    table = tables["accuracies"].copy()
    table["kind"] = [PROBES[name].title for name in table["probe"]]
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    names = list(dict.fromkeys(table["kind"]))
    best = table.loc[table.groupby("kind", sort=False)["accuracy"].idxmax()]
    low = float(np.floor(min(table["ci_low"].min(), tables["controls"]["accuracy"].min()) * 20) / 20)
    scale = alt.Scale(domain=[low, 1.0], nice=False)
    axis = alt.Axis(format=".2f", labelFontSize=SMALL_FONT, tickCount=6)
    y = alt.Y("accuracy:Q", title="held-out accuracy (share of images)", scale=scale, axis=axis)
    legend = legend_above(symbolSize=110)
    colour = alt.Color("kind:N", scale=in_order(names, range=list(MODEL_COLOURS[: len(names)])), legend=legend)
    shape = alt.Shape("kind:N", scale=in_order(names, range=list(MODEL_SHAPES[: len(names)])), legend=legend)
    tooltip = [
        alt.Tooltip("kind:N", title="probe"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"),
        interval_tooltip(), alt.Tooltip("numbers:Q", format=","), alt.Tooltip("seconds:Q", format=".2f"),
    ]  # fmt: skip
    base = alt.Chart(rows(table)).encode(depth_axis("depth"), y, colour, tooltip=tooltip)
    ring = alt.Chart(rows(best)).mark_point(size=320, strokeWidth=2.5).encode(depth_axis("depth"), y, colour)
    chance = alt.Chart(rows(tables["controls"])).mark_rule(strokeDash=[1, 3], color=INK).encode(y)
    told = "; ".join(f"{kind}: {layer}" for kind, layer in zip(best["kind"], best["layer"], strict=True))
    title = "What other probes read" if len(names) > 1 else f"What a {names[0]} probe reads"
    return layered(
        chance, base.mark_line(strokeWidth=2.5), base.mark_point(filled=True, size=80, opacity=1).encode(shape), ring,
        title=alt.Title(title, subtitle="Ring: the layer that each reads best. Dotted: chance."),
        width="container", height=height,
        description=f"Accuracy by depth of {len(names)} kinds of probe. Best layers: {told}.",
    )  # fmt: skip
