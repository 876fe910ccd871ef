"""Charts of concepts that are given by examples: which layer knows them, and which class they speak for."""

from __future__ import annotations

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import CLASS_COLOURS, HEIGHT, INK, Tables, depth_axis, interval_text, layered, legend_above, rows


def concepts_by_depth(tables: Tables) -> alt.LayerChart:
    """Return how well each concept is told apart by depth, filled where it is known; reads `concepts`."""
    table = tables["concepts"]
    table = table.assign(series=_series(table, table["concept"]))
    base = _lines(table).encode(
        alt.Y("accuracy:Q", title="told apart", scale=alt.Scale(zero=False)),
        tooltip=["concept:N", "against:N", "layer:N", alt.Tooltip("accuracy:Q", format=".2f"),
                 alt.Tooltip("luck_most:Q", format=".2f", title="95 % of random concepts below"),
                 alt.Tooltip("q:Q", format=".4f"), "known:N"],
    )  # fmt: skip
    return layered(
        _at(0.5),
        base.mark_line(strokeDash=[3, 3], opacity=0.6).encode(alt.Y("luck_most:Q", title="told apart")),
        base.mark_line(strokeWidth=2),
        base.mark_point(size=60, opacity=1, strokeWidth=1.5),
        base.transform_filter("datum.known").mark_point(size=60, opacity=1, filled=True),
        title=alt.Title(
            "Which layer knows which concept",
            subtitle=["Images of a concept told from others along its vector.", "Filled: known, luck allowed for.",
                      "Dashed: 95 % of random concepts stay below."],
        ),
        width="container",
        height=HEIGHT,
        description=f"Accuracy of {table['series'].nunique()} concepts at {table['layer'].nunique()} layers.",
    )  # fmt: skip


def concept_changes(tables: Tables) -> alt.LayerChart:
    """Return what each concept adds to the log-odds of each class by depth, filled where clear; reads `speaks`."""
    table = tables["speaks"]
    table = table.assign(
        series=_series(table, table["concept"].astype(str) + " → " + table["class"].astype(str)),
        luck=interval_text(table["luck_low"], table["luck_high"], 2),
    )
    title = "added to the class's log-odds"
    base = _lines(table).encode(
        alt.Y("change:Q", title=title),
        tooltip=["concept:N", "class:N", "layer:N", alt.Tooltip("change:Q", format="+.2f"),
                 alt.Tooltip("luck:N", title="random concepts, 95 %"), alt.Tooltip("q:Q", format=".4f"), "clear:N"],
    )  # fmt: skip
    return layered(
        base.mark_area(opacity=0.1).encode(alt.Y("luck_low:Q", title=title), alt.Y2("luck_high:Q")),
        _at(0.0),
        base.mark_line(strokeWidth=2),
        base.mark_point(size=60, opacity=1, strokeWidth=1.5),
        base.transform_filter("datum.clear").mark_point(size=60, opacity=1, filled=True),
        title=alt.Title(
            "Which class a concept speaks for",
            subtitle=["What a step along its vector adds to the class's log-odds.", "Filled: clear, luck allowed for.",
                      "Shaded: 95 % of random concepts."],
        ),
        width="container",
        height=HEIGHT,
        description=f"Change of log-odds by {table['series'].nunique()} pairs of concept and class, by depth.",
    )  # fmt: skip


def _lines(table: pd.DataFrame) -> alt.Chart:
    """Return a chart of one line a series, in the order in which they stand."""
    names = list(dict.fromkeys(table["series"]))
    colours = [CLASS_COLOURS[number % len(CLASS_COLOURS)] for number in range(len(names))]
    scale = alt.Scale(domain=names, range=colours)
    colour = alt.Color("series:N", scale=scale, legend=legend_above(labelLimit=220, columns=4))
    return alt.Chart(rows(table)).encode(depth_axis("depth"), colour)


def _at(value: float) -> alt.Chart:
    line = alt.Chart(rows(pd.DataFrame({"zero": [value]})))
    return line.mark_rule(color=INK, strokeDash=[2, 3]).encode(alt.Y("zero:Q"))


def _series(table: pd.DataFrame, names: pd.Series) -> pd.Series:
    """Return names, with their set where two sets have concepts of one name."""
    sets = table.assign(name=names).groupby("name")["set"].transform("nunique")
    return names.where(sets == 1, names + " (" + table["set"] + ")")
