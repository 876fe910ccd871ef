"""Charts of size arithmetic: the map's side after every window, and how many weights sharing saves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import INK, NOT_PASSED, PASSED, SMALL_FONT, Tables, layered, legend_above, rows

MOST_TICKS = 9
COUNTS = {
    "shared": ("as it is: local, shared", "#10829a", "circle"),
    "local": ("local only", "#b07d00", "triangle-up"),
    "connected": ("fully connected", "#b7385d", "square"),
}


def map_sizes(tables: Tables, *, height: int = 300) -> alt.LayerChart:
    """Return the height of the map after every window: the formula as a line, the real size as points."""
    table = tables["windows"].reset_index(names="step")
    table["verdict"] = np.where(table["agrees"], "formula = real size", "formula ≠ real size")
    table["size"] = [f"{h} × {w}" for h, w in zip(table["real_height"], table["real_width"], strict=True)]
    table["window"] = [
        f"{r.kind}, kernel {r.kernel_height} × {r.kernel_width}, stride {r.stride_y}" for r in table.itertuples()
    ]
    base = alt.Chart(rows(table)).encode(_steps(table))
    answers = {"formula = real size": (PASSED, "circle"), "formula ≠ real size": (NOT_PASSED, "cross")}
    there = [answer for answer in answers if answer in set(table["verdict"])]
    colours, shapes = zip(*(answers[answer] for answer in there), strict=True) if there else ((), ())
    colour = alt.Scale(domain=there, range=list(colours))
    y = alt.Scale(type="log", base=2, nice=False, padding=12)
    sides = sorted({int(side) for side in table["real_height"]})
    axis = alt.Axis(values=sides[:: -(-len(sides) // MOST_TICKS)], labelFontSize=SMALL_FONT)
    line = base.mark_line(interpolate="step-after", color=INK, strokeWidth=1.5).encode(
        alt.Y("formula_height:Q", title="rows of the output (log scale)", scale=y, axis=axis)
    )
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        alt.Y("real_height:Q", scale=y, axis=axis),
        alt.Color("verdict:N", scale=colour, legend=legend_above()),
        alt.Shape("verdict:N", scale=alt.Scale(domain=there, range=list(shapes))),
        tooltip=["layer:N", "window:N", alt.Tooltip("size:N", title="real size"), alt.Tooltip("formula_height:Q")],
    )
    return layered(
        line,
        points,
        title=alt.Title("The map after every window", subtitle="Line: the formula. Points: what the tensors are."),
        width="container",
        height=height,
        description=f"Rows of the output of {len(table)} windows in order, by the formula and as they are.",
    )


def weight_counts(tables: Tables, *, height: int = 320) -> alt.Chart:
    """Return, for every convolution, its weights as they are, without sharing, and fully connected (log scale)."""
    table = tables["weights"].reset_index(names="step")
    long = table.melt(["step", "layer"], list(COUNTS), "count", "weights")
    long["weights"] = long["weights"].astype(float)
    long["how"] = long["count"].map({name: row[0] for name, row in COUNTS.items()})
    names, colours, shapes = (list(part) for part in zip(*COUNTS.values(), strict=True))
    legend = legend_above(columns=2, labelLimit=260)
    return (
        alt.Chart(rows(long))
        .mark_point(filled=True, size=60, opacity=0.95)
        .encode(
            _steps(table),
            alt.Y("weights:Q", title="weights (log scale)", scale=alt.Scale(type="log"), axis=_powers(long)),
            alt.Color("how:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
            alt.Shape("how:N", scale=alt.Scale(domain=names, range=shapes), legend=legend),
            tooltip=["layer:N", "how:N", alt.Tooltip("weights:Q", format=",.0f")],
        )
        .properties(
            title=alt.Title("Weights of every convolution", subtitle="What looking locally and sharing saves."),
            width="container",
            height=height,
            description="Weights per convolution: as they are, without sharing between places, and fully connected.",
        )
    )


def _steps(table: pd.DataFrame) -> alt.X:
    axis = alt.Axis(grid=False, tickMinStep=1, labelFontSize=SMALL_FONT, format="d")
    scale = alt.Scale(domain=[-0.5, len(table) - 0.5], nice=False)
    return alt.X("step:Q", title="window, from input to output", axis=axis, scale=scale)


def _powers(long: pd.DataFrame) -> alt.Axis:
    """Return an axis with a tick every three powers of ten."""
    top = int(np.ceil(np.log10(max(float(long["weights"].max()), 10))))
    values = [10.0**power for power in range(0, top + 1, 3)]
    return alt.Axis(values=values, format="~s", labelExpr="replace(datum.label, 'G', 'B')", labelFontSize=SMALL_FONT)
