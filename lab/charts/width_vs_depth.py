"""Charts of side by side against stacked: accuracy by budget of training, and how far the stack is ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    INK,
    MODEL_COLOURS,
    MODEL_SHAPES,
    SMALL_FONT,
    Tables,
    in_order,
    interval_text,
    layered,
    legend_above,
    rows,
)
from lab.experiments.width_vs_depth.tasks import TASKS


def accuracy_by_budget(tables: Tables, *, columns: int = 2, size: int = 400, height: int = 230) -> alt.ConcatChart:
    """Return accuracy on new images against images seen in training, a panel per task and a line per network.

    Reads `summary` and `networks`; bands are 95 % intervals over seeds and test images.
    """
    table = _named(tables, tables["summary"])
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 2)
    low = float(np.floor(min(table["ci_low"].min(), 0.45) * 20) / 20)
    y = alt.Scale(domain=[low, 1.0], nice=False)
    value = alt.Y("accuracy:Q", title="accuracy", scale=y, axis=alt.Axis(format=".1f", tickCount=6))
    x = alt.X("seen:Q", title="images seen in training", axis=alt.Axis(grid=False, tickCount=5, format="~s"))
    colour, shape = _colour(tables), _shape(tables)
    panels = []
    for task in tables["summary"]["task"].unique():
        here = table[table["task"] == task]
        base = alt.Chart(rows(here), width=size, height=height).encode(
            x, value, colour,
            tooltip=["title:N", "seen:Q", alt.Tooltip("accuracy:Q", format=".3f"), alt.Tooltip("interval:N")],
        )  # fmt: skip
        chance = alt.Chart(rows(pd.DataFrame({"accuracy": [0.5]}))).mark_rule(strokeDash=[1, 3], color=INK)
        band = base.mark_area(opacity=0.12).encode(alt.Y("ci_low:Q", scale=y), alt.Y2("ci_high:Q"))
        points = base.mark_point(filled=True, size=55, opacity=1).encode(shape)
        panels.append(
            layered(band, chance.encode(value), base.mark_line(strokeWidth=2.5), points, title=f"To tell {TASKS[task]}")
        )
    subtitle = "Bands: 95 % intervals over seeds and images. Dotted: chance."
    return alt.concat(*panels, columns=columns).properties(
        title=alt.Title("Accuracy by budget of training", subtitle=subtitle),
        description=f"Accuracy of {tables['networks'].shape[0]} networks of equal size in {len(panels)} tasks.",
    )


def stack_leads(tables: Tables, *, height: int = 420) -> alt.LayerChart:
    """Return by how much the stack is ahead of each other network at the end, with interval; reads `leads`."""
    table = _named(tables, tables["leads"])
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 2)
    tasks = list(tables["leads"]["task"].unique())
    others = [title for title in _titles(tables) if title in set(table["title"])]
    x = alt.X(
        "lead:Q",
        title="accuracy of the stack minus the other's",
        axis=alt.Axis(format="+.1f", tickCount=6, titleAnchor="end"),
    )
    y = alt.Y("task:N", scale=in_order(tasks), title=None, axis=alt.Axis(labelFontSize=SMALL_FONT, grid=True))
    base = alt.Chart(rows(table)).encode(
        y, _colour(tables, others), alt.YOffset("title:N", scale=in_order(others)),
        tooltip=["task:N", "title:N", alt.Tooltip("lead:Q", format="+.3f"), alt.Tooltip("interval:N")],
    )  # fmt: skip
    zero = alt.Chart(rows(pd.DataFrame({"lead": [0.0]}))).mark_rule(color=INK, strokeDash=[4, 3]).encode(x)
    return layered(
        zero, base.mark_rule(strokeWidth=2).encode(alt.X("ci_low:Q"), alt.X2("ci_high:Q")),
        base.mark_point(filled=True, size=75, opacity=1).encode(x, _shape(tables, others)),
        title=alt.Title("How far the stack is ahead", subtitle="Right of zero: stacking helps. Bars: 95 % intervals."),
        width="container", height=height,
        description=f"Lead of the stack over {len(others)} other networks in {len(tasks)} tasks.",
    )  # fmt: skip


def _named(tables: Tables, table: pd.DataFrame) -> pd.DataFrame:
    titles = {row.network: row.title for row in tables["networks"].itertuples()}
    return table.assign(title=table["network"].map(titles))


def _titles(tables: Tables) -> list[str]:
    return [str(title) for title in tables["networks"]["title"]]


def _colour(tables: Tables, shown: Sequence[str] = ()) -> alt.Color:
    titles = _titles(tables)
    scale = alt.Scale(domain=titles, range=list(MODEL_COLOURS[: len(titles)]))
    return alt.Color("title:N", scale=scale, legend=_legend(shown or titles))


def _shape(tables: Tables, shown: Sequence[str] = ()) -> alt.Shape:
    titles = _titles(tables)
    scale = alt.Scale(domain=titles, range=list(MODEL_SHAPES[: len(titles)]))
    return alt.Shape("title:N", scale=scale, legend=_legend(shown or titles))


def _legend(shown: Sequence[str]) -> alt.Legend:
    return legend_above(columns=3 if len(shown) > 4 else 2, values=list(shown))
