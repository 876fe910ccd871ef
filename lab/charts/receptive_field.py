"""Charts of receptive fields: how wide a position sees by depth, in theory and in effect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    interval_text,
    layered,
    legend_above,
    rows,
)
from lab.models import ModelRef

IN_THEORY = "in theory"
EXPLAINED = [
    "Dashed: what it can depend on. Lines: the square that holds half of its gradient,",
    "mean over pictures (and untrained twins), 95 % intervals for all layers at once.",
]


def field_by_depth(tables: Tables, *, height: int = 340) -> alt.LayerChart:
    """Return the side of the field by depth: the theoretical one, and the square that holds half of the gradient.

    Reads the table `fields` of a receptive-field run; networks are trained and untrained ones. Log scale.
    """
    table = tables["fields"].drop(columns=["thumbnail"], errors="ignore")
    names = [str(name) for name in table["model"].unique()]
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 0)
    table["ci_low"] = np.maximum(table["ci_low"], 1)
    labels = {name: _trained(name) for name in names}
    table["what"] = table["model"].map(labels)
    theory = table[(table["model"] == names[0]) & (table["side"] > 0)].assign(what=IN_THEORY)
    colours = alt.Scale(domain=[IN_THEORY, *labels.values()], range=[INK, *MODEL_COLOURS[: len(names)]])
    colour = alt.Color("what:N", scale=colours, legend=legend_above())
    scale = alt.Scale(type="log", base=2, nice=False, padding=8)
    axis = alt.Axis(values=_sides(table), labelFontSize=SMALL_FONT)
    about = [alt.Tooltip("layer:N"), alt.Tooltip("status:N", title="theoretical field")]
    line = alt.Chart(rows(theory)).encode(
        depth_axis("depth"),
        alt.Y("side:Q", title="side in pixels (log scale)", scale=scale, axis=axis),
        colour,
        tooltip=[*about, alt.Tooltip("side:Q", title="side")],
    )
    found = alt.Chart(rows(table)).encode(
        depth_axis("depth"),
        alt.Y("half_side:Q", scale=scale, axis=axis),
        colour,
        tooltip=[*about, "model:N", alt.Tooltip("half_side:Q", format=".0f"), alt.Tooltip("interval:N")],
    )
    return layered(
        line.mark_line(strokeDash=[6, 4], point={"size": 40}),
        found.mark_rule(strokeWidth=2).encode(alt.Y("ci_low:Q", scale=scale, axis=axis), alt.Y2("ci_high:Q")),
        found.mark_line(strokeWidth=2),
        found.mark_point(filled=True, size=70, opacity=1),
        title=alt.Title("How wide one position sees", subtitle=EXPLAINED),
        width="container",
        height=height,
        description=f"Side of the receptive field at {table['layer'].nunique()} layers, theoretical and effective.",
    )


def _trained(name: str) -> str:
    return "untrained" if ModelRef.parse(name).untrained else "trained"


def _sides(table: pd.DataFrame) -> list[int]:
    """Return powers of two over the range of sides."""
    most = float(max(table["side"].max(), table["half_side"].max(), 2))
    return [2**power for power in range(int(np.ceil(np.log2(most))) + 1)]
