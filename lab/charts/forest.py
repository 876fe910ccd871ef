"""Accuracies of readers, as rows with intervals (`forest`) and as curves by depth (`curves`), beside their controls.

A forest's rows have a label and a group; a group's name stands above its rows, inside the plot, so that labels stay
short enough for a phone. Leaves out which tables are read: `lab.charts.ablation` does that.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    INK,
    MODEL_COLOURS,
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

Named = Sequence[tuple[str, str]]  # columns of a table, and what they are called on a page
FLOOR = {"chance": "chance", "pixels": "raw pixels", "untrained": "untrained network"}
COLOURS = (MODEL_COLOURS[1], MODEL_COLOURS[0], MODEL_COLOURS[3])
SHAPES = ("diamond", "circle", "square")
# From little to much of one thing; each stands out from light and dark pages.
RAMP = ("#b07d00", "#d9621f", "#cf052f", "#b23680", "#8250df")
MOST_BANDS = 4  # more of them hide each other


def long_rows(table: pd.DataFrame, label: str, readers: Named, group: str = "") -> pd.DataFrame:
    """Return one row per row of `table` and reader: group, label, name, value, low, high, and the interval as text."""
    parts = [
        pd.DataFrame(
            {
                "group": table[group] if group else "",
                "label": table[label],
                "name": name,
                "value": table[column],
                "low": table[f"{column}_low"],
                "high": table[f"{column}_high"],
            }
        )
        for column, name in readers
    ]
    return with_intervals(pd.concat(parts, ignore_index=True))


def with_intervals(found: pd.DataFrame) -> pd.DataFrame:
    """Return rows with `low` and `high` with their interval as text."""
    return found.assign(interval=interval_text(found["low"], found["high"]))


def forest(
    found: pd.DataFrame, names: Sequence[str], marks: pd.DataFrame, title: alt.Title, axis: str = "accuracy"
) -> alt.LayerChart:
    """Return a row per group and label with a mark and an interval per reader (`names`, in order)."""
    found = found.assign(row=found["group"] + "\t" + found["label"])
    order, headings = _places(found)
    legend = legend_above(direction="vertical", labelLimit=420)
    legend_or_none = legend if len(names) > 1 else None
    labels = alt.Axis(labelExpr="split(datum.label, '\\t')[1]", labelLimit=190, labelFontSize=SMALL_FONT, ticks=False)
    y = alt.Y("row:N", scale=in_order(order), title=None, axis=labels)
    base = alt.Chart(rows(found)).encode(
        y,
        alt.Color("name:N", scale=in_order(names, range=list(COLOURS[: len(names)])), legend=legend_or_none),
        alt.YOffset("name:N", scale=in_order(names)),
        tooltip=[alt.Tooltip("group:N", title="what"), alt.Tooltip("label:N", title="where"),
                 alt.Tooltip("name:N", title="read by"),
                 alt.Tooltip("value:Q", title=axis, format=".3f"), interval_tooltip()],
    )  # fmt: skip
    value = _share(axis)
    shape = alt.Shape("name:N", scale=in_order(names, range=list(SHAPES[: len(names)])), legend=legend_or_none)
    parts = rules(marks, value)
    if len(headings):
        text = alt.Chart(rows(headings)).mark_text(align="left", fontSize=SMALL_FONT, fontWeight=600, dy=5)
        parts.append(text.encode(y, alt.Text("text:N"), x=alt.value(6)))
    parts.append(base.mark_rule(strokeWidth=4, opacity=0.4, strokeCap="round").encode(_share(axis, "low"), x2="high:Q"))
    parts.append(base.mark_point(filled=True, size=85, opacity=1).encode(value, shape))
    # Per row, not per reader: what a step is for is the offset unless it is said.
    height = alt.Step(11 * len(names) + (10 if len(headings) else 18), **{"for": "position"})
    return layered(*parts, title=title, width="container", height=height, description=_forest_text(found, axis))


def curves(
    table: pd.DataFrame, names: Sequence[str], marks: pd.DataFrame, title: alt.Title, height: int, *, ramp: bool = False
) -> alt.LayerChart:
    """Return accuracy by depth, a curve per `change` in `names`, the first one thick.

    With `ramp` the others are an order from little to much. Few curves have bands, of many only the first one has.
    """
    kept = table[table["change"].isin(names)].copy()
    kept["interval"] = interval_text(kept["ci_low"], kept["ci_high"])
    others = _ramp(len(names) - 1) if ramp else [MODEL_COLOURS[1 + i % 5] for i in range(len(names) - 1)]
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=420, symbolOpacity=1, symbolStrokeWidth=3)
    colour = alt.Color("change:N", scale=in_order(names, range=[MODEL_COLOURS[0], *others]), legend=legend)
    encoded = (
        depth_axis("depth"), colour, alt.Detail("change:N"),
        [alt.Tooltip("change:N"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"),
         interval_tooltip(), alt.Tooltip("depth:Q", title="relative depth", format=".2f")],
    )  # fmt: skip
    base = alt.Chart(rows(kept)).encode(*encoded[:3], tooltip=encoded[3])
    banded = kept if len(names) <= MOST_BANDS else kept[kept["change"] == names[0]]
    bands = alt.Chart(rows(banded)).encode(*encoded[:3]).mark_area(opacity=0.1)
    scale = alt.Scale(zero=False, nice=False, padding=8)
    axis = alt.Axis(format=".1f", tickCount=6, labelFontSize=SMALL_FONT)
    y = alt.Y("accuracy:Q", title="accuracy", scale=scale, axis=axis)
    thick = alt.condition(alt.datum["change"] == names[0], alt.value(5), alt.value(2.2))
    parts = [
        bands.encode(alt.Y("ci_low:Q", title="accuracy", scale=scale, axis=axis), alt.Y2("ci_high:Q")),
        *rules(marks, alt.Y("value:Q", scale=scale, axis=axis)),
        base.mark_line().encode(y, strokeWidth=thick),
        base.mark_point(filled=True, size=55, opacity=1).encode(y),
    ]
    return layered(*parts, title=title, width="container", height=height, description=_curves_text(kept, names))


def rules(marks: pd.DataFrame, place: alt.X | alt.Y) -> list[alt.Chart]:
    """Return dashed lines at the values of `marks` (what, value)."""
    if marks.empty:
        return []
    tooltip = [alt.Tooltip("what:N", title="line"), alt.Tooltip("value:Q", format=".3f")]
    base = alt.Chart(rows(marks)).encode(place, tooltip=tooltip)
    return [base.mark_rule(color=INK, strokeWidth=1.6, strokeDash=[5, 4])]


def floor(tables: Tables) -> pd.DataFrame:
    """Return the controls of a run as lines."""
    controls = tables["controls"]
    return pd.DataFrame({"what": controls["control"].map(FLOOR), "value": controls["accuracy"]})


def chance_and(tables: Tables, what: str, value: float) -> pd.DataFrame:
    """Return chance and one more value as lines."""
    controls = tables["controls"]
    chance = float(controls.loc[controls["control"] == "chance", "accuracy"].iloc[0])
    return pd.DataFrame({"what": ["chance", what], "value": [chance, value]})


def _places(found: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Return the rows from top to bottom, a group's heading before its own, and the headings."""
    order: list[str] = []
    for row, group in zip(found["row"], found["group"], strict=True):
        order += [f"{group}\t", row] if group else [row]
    headings = [{"row": f"{group}\t", "text": group} for group in dict.fromkeys(found["group"]) if group]
    return list(dict.fromkeys(order)), pd.DataFrame(headings)


def _share(title: str, field: str = "value") -> alt.X:
    axis = alt.Axis(format=".1f", labelFontSize=SMALL_FONT, titleAnchor="end", tickCount=6)
    return alt.X(f"{field}:Q", title=title, scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)


def _ramp(count: int) -> list[str]:
    """Return `count` colours along `RAMP`."""
    found = []
    for number in range(count):
        at = number * (len(RAMP) - 1) / max(1, count - 1)
        low = min(int(at), len(RAMP) - 2)
        pair = [[int(RAMP[low + k][i : i + 2], 16) for i in (1, 3, 5)] for k in (0, 1)]
        mixed = [round(a + (b - a) * (at - low)) for a, b in zip(*pair, strict=True)]
        found.append("#" + "".join(f"{part:02x}" for part in mixed))
    return found


def _forest_text(found: pd.DataFrame, axis: str) -> str:
    parts = [f"{axis.capitalize()} with 95 % intervals."]
    for (group, label), part in found.groupby(["group", "label"], sort=False):
        values = ", ".join(f"{row['name']} {row['value']:.2f}" for _, row in part.iterrows())
        parts.append(f"{group}{' ' if group else ''}{label}: {values}.")
    return " ".join(parts)


def _curves_text(table: pd.DataFrame, names: Sequence[str]) -> str:
    parts = ["Accuracy against depth."]
    for name in names:
        curve = table[table["change"] == name]
        if not curve.empty:
            ends = [f"{row['accuracy']:.2f} at {row['layer']}" for _, row in curve.iloc[[0, -1]].iterrows()]
            parts.append(f"{name}: {', '.join(ends)}.")
    return " ".join(parts)
