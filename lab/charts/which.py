"""Charts of a search for the best layer: what accuracy costs, and how the search got there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    SMALL_FONT,
    Tables,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    legend_above,
    model_colour,
    model_shape,
    models_of,
    rows,
)

DROPPED = "#a9adb2"


def accuracy_against_time(tables: Tables, *, height: int = HEIGHT) -> alt.LayerChart:
    """Return every confirmed layer: accuracy against milliseconds an image (operations where none were measured).

    The line joins those that nothing cheaper reads as well; faint ones are clearly worse than the best, which has a
    ring.
    """
    table = tables["confirmed"].copy()
    measured = bool(table["ms"].notna().all())
    table["cost"] = table["ms"] if measured else table["gflops"]
    table["shown"] = np.where(table["as_good"], 1.0, 0.45)
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    table["gap"] = interval_text(table["behind_low"], table["behind_high"])
    title = "milliseconds an image, here" if measured else "GFLOPs of an image"
    names = models_of(table)
    low = float(np.floor(table["ci_low"].min() * 20) / 20)
    axis = alt.Axis(labelFontSize=SMALL_FONT, grid=False, tickCount=6)
    x = alt.X("cost:Q", title=title, axis=axis, scale=alt.Scale(zero=True, nice=True))
    scale = alt.Scale(domain=[low, 1.0], nice=False)
    value = alt.Axis(format=".2f", labelFontSize=SMALL_FONT, tickCount=6)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="held-out accuracy (share of images)", scale=scale, axis=value)

    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"), interval_tooltip(),
        alt.Tooltip("behind:Q", title="behind the best", format=".3f"), alt.Tooltip("gap:N", title="its interval"),
        alt.Tooltip("ms:Q", format=".2f"), alt.Tooltip("gflops:Q", format=".3g"), alt.Tooltip("why:N"),
    ]  # fmt: skip
    faint = alt.Opacity("shown:Q", scale=None, legend=None)
    base = alt.Chart(rows(table)).encode(x, y("accuracy"), model_colour(names), faint, tooltip=tooltip)
    front = alt.Chart(rows(table[table["frontier"]].sort_values("cost"))).encode(x, y("accuracy"), tooltip=tooltip)
    named = table[table["frontier"]].sort_values("cost", ascending=False)  # above and below in turn: they lie close
    align = f"datum.cost > {0.7 * table['cost'].max()} ? 'right' : 'left'"
    best = alt.Chart(rows(table[table["best"]])).encode(x, y("accuracy"), tooltip=tooltip)
    return layered(
        front.mark_line(color=INK, interpolate="step-after", strokeDash=[6, 4]),
        base.mark_rule(strokeWidth=2).encode(y("ci_low"), alt.Y2("ci_high:Q")),
        base.mark_point(filled=True, size=110).encode(model_shape(names)),
        *(
            alt.Chart(rows(own))
            .mark_text(dy=dy, align=alt.expr(align), fontSize=SMALL_FONT, fontWeight=600)
            .encode(x, y("accuracy"), alt.Text("layer:N"))
            for own, dy in ((named[::2], -18), (named[1::2], 20))
        ),
        best.mark_point(size=460, strokeWidth=3, color=INK),
        title=alt.Title(
            "What accuracy costs",
            subtitle=["Ring: the best. Faint: clearly worse.", "Line: nothing cheaper reads as well."],
        ),
        width="container",
        height=height,
        description=_told(table),
    )


def halving_rounds(tables: Tables, *, height: int = 300) -> alt.LayerChart:
    """Return each round's layers by what ridge regression reads on its images: those that went on, and the rest."""
    table = tables["rounds"].copy()
    table["step"] = [f"{count} images" for count in table["images"]]
    table["fate"] = np.where(table["kept"], "went on", "dropped")
    order = list(dict.fromkeys(table["step"]))
    x = alt.X("step:N", title=None, scale=in_order(order), axis=alt.Axis(labelAngle=0, labelFontSize=SMALL_FONT))
    spread = alt.XOffset("jitter:Q", scale=alt.Scale(domain=[-1.6, 1.6]))
    table["jitter"] = np.random.default_rng(0).uniform(-1, 1, len(table))
    value = alt.Axis(format=".2f", labelFontSize=SMALL_FONT, tickCount=5)
    y = alt.Y("accuracy:Q", title="read by ridge regression", axis=value, scale=alt.Scale(zero=False))
    legend = legend_above(symbolSize=110)
    colour = alt.Color(
        "fate:N", scale=alt.Scale(domain=["went on", "dropped"], range=["#2474cf", DROPPED]), legend=legend
    )
    tooltip = [
        alt.Tooltip("model:N"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"),
        alt.Tooltip("evidence:Q", title="evidence (LogME)", format=".3f"), alt.Tooltip("fate:N"),
    ]  # fmt: skip
    points = alt.Chart(rows(table)).mark_circle(size=55, opacity=0.8).encode(x, spread, y, colour, tooltip=tooltip)
    told = [
        f"{len(own)} layers on {step}, {int(own['kept'].sum())} went on"
        for step, own in table.groupby("step", sort=False)
    ]
    return layered(
        points,
        title=alt.Title("How it was found", subtitle="Many layers on few images, ever fewer on more of them."),
        width="container",
        height=height,
        description=f"{'; '.join(told)}.",
    )


def _told(table: pd.DataFrame) -> str:
    best = next(table[table["best"]].itertuples())
    return (
        f"Accuracy against cost of {len(table)} layers. Best: {best.layer} of {best.model} with {best.accuracy:.3f}; "
        f"{int(table['as_good'].sum()) - 1} others are not clearly worse."
    )
