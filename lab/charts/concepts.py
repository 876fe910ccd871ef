"""Charts of concepts that are given by examples: which layer knows them, and which class they speak for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import CLASS_COLOURS, HEIGHT, INK, Tables, depth_axis, interval_text, layered, legend_above, rows


def concepts_by_depth(tables: Tables) -> alt.LayerChart:
    """Return how well each concept is told apart by depth, filled where it is known; reads `concepts`."""
    table = tables["concepts"]
    return _by_depth(
        table.assign(series=_series(table, table["concept"]), low=0.5, high=table["luck_most"]),
        "accuracy", "told apart", 0.5, "known", [
            "concept:N", "against:N", "layer:N", alt.Tooltip("accuracy:Q", format=".2f"),
            alt.Tooltip("luck_most:Q", format=".2f", title="95 % of random concepts below"),
            alt.Tooltip("q:Q", format=".4f"), "known:N",
        ],
        alt.Title("Which layer knows which concept",
                  subtitle=["Images of a concept told from others along its vector.",
                            "Filled: known, luck allowed for.", "Shaded: 95 % of random concepts stay below."]),
    )  # fmt: skip


def concept_changes(tables: Tables) -> alt.LayerChart:
    """Return what each concept adds to the log-odds of each class by depth, filled where clear; reads `speaks`."""
    table = tables["speaks"]
    names = table["concept"].astype(str) + " → " + table["class"].astype(str)
    luck = interval_text(table["luck_low"], table["luck_high"], 2)
    return _by_depth(
        table.assign(series=_series(table, names), luck=luck, low=table["luck_low"], high=table["luck_high"]),
        "change", "added to the class's log-odds", 0.0, "clear", [
            "concept:N", "class:N", "layer:N", alt.Tooltip("change:Q", format="+.2f"),
            alt.Tooltip("luck:N", title="random concepts, 95 %"), alt.Tooltip("q:Q", format=".4f"), "clear:N",
        ],
        alt.Title("Which class a concept speaks for",
                  subtitle=["What a step along its vector adds to the class's log-odds.",
                            "Filled: clear, luck allowed for.", "Shaded: 95 % of random concepts."]),
    )  # fmt: skip


def _by_depth(
    table: pd.DataFrame, column: str, title: str, nothing: float, filled: str, tooltip: list[Any], heading: alt.Title
) -> alt.LayerChart:
    """Return a line a `series`, filled where `filled` says so, over the shade of random concepts, `low` to `high`; a
    dashed line stands where there is `nothing`."""
    names = list(dict.fromkeys(table["series"]))
    colours = [CLASS_COLOURS[number % len(CLASS_COLOURS)] for number in range(len(names))]
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"),
        alt.Y(f"{column}:Q", title=title, scale=alt.Scale(zero=False)),
        alt.Color("series:N", scale=alt.Scale(domain=names, range=colours),
                  legend=legend_above(labelLimit=220, columns=4)),
        tooltip=tooltip,
    )  # fmt: skip
    line = alt.Chart(rows(pd.DataFrame({"nothing": [nothing]})))
    return layered(
        base.mark_area(opacity=0.1).encode(alt.Y("low:Q", title=title), alt.Y2("high:Q")),
        line.mark_rule(color=INK, strokeDash=[2, 3]).encode(alt.Y("nothing:Q")),
        base.mark_line(strokeWidth=2),
        base.mark_point(size=60, opacity=1, strokeWidth=1.5),
        base.transform_filter(f"datum.{filled}").mark_point(size=60, opacity=1, filled=True),
        title=heading,
        width="container",
        height=HEIGHT,
        description=f"{title.capitalize()} of {len(names)} concepts or their pairs with classes, by depth.",
    )


def _series(table: pd.DataFrame, names: pd.Series) -> pd.Series:
    """Return names, with their set where two sets have concepts of one name."""
    sets = table.assign(name=names).groupby("name")["set"].transform("nunique")
    return names.where(sets == 1, names + " (" + table["set"] + ")")
