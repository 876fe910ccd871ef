"""Accuracy by depth: the probe of every layer with its interval, between its controls.

The depth at which two classes come apart is marked when the run has one pair of classes, or for the pair that is asked
for; all pairs are in `decisions.emergence_by_pair`. What is drawn comes from `curves`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lab.charts.curves import (  # fmt: skip
    NUMBER_METRICS,
    Metric,
    curve_rows,
    emergence_rows,
    end_labels,
    metric_named,
    of_kind,
    value_domain,
)
from lab.charts.lazy_altair import alt
from lab.charts.nicknames import clipped, nicknames
from lab.charts.picking import pickable, ring
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    SMALL_FONT,
    Tables,
    depth_axis,
    interval_tooltip,
    layer_axis,
    layered,
    layers_of,
    model_colour,
    model_shape,
    models_of,
    rows,
)
from lab.errors import LabError
from lab.probing.controls import CONTROLS
from lab.stats.depth import EARLY, LATE

LABELLED_MODELS = 4  # with more models, labels at the curves' ends would find no room; a legend takes their place
THIRDS = (("early", 0.0, EARLY), ("late", LATE, 1.0))  # what the checks call early and late layers
LANE, NAMED = 34, 180  # pixels of the marks of emergence, and of a plot whose marks have names
MIDDLE = 0.6  # beyond this depth there is more room to the left of a mark
XAxis = Literal["depth", "layer"]
Labels = Literal["ends", "legend"]


def accuracy_by_depth(
    tables: Tables,
    *,
    metric: str = "accuracy",
    models: Sequence[str] | None = None,
    controls: Sequence[str] | None = None,
    x: XAxis = "depth",
    pair: tuple[str, str] | None = None,
    labels: Labels | None = None,
    height: int = HEIGHT,
    chosen: bool = False,
) -> alt.LayerChart:
    """Return lines of `metric` over depth for each model, with the controls as quieter dashed lines.

    `controls` None shows all the run has. `x="layer"` names the layers of one model instead of relative depth.
    `labels` are at the curves' "ends", which needs some 120 pixels, or in a "legend" below; None chooses by the
    number of models. With several models the ends have their short names, and a legend the rest. The early and the
    late third of depth are shaded. `chosen` is for a page, where a click picks a layer and it is marked
    (`charts.picking`). Raises LabError for an unknown name.
    """
    names = models_of(tables["layers"], models)
    if x == "layer" and len(names) > 1:
        raise LabError(f"layers can be named on the axis for one model, not for {len(names)}; pick one, or use depth")
    table = curve_rows(tables, metric=metric, models=names, controls=controls)
    marks = emergence_rows(tables, names, pair)
    domain = value_domain(table, lane=lane_of(marks, height))
    where = labels or ("ends" if len(names) <= LABELLED_MODELS else "legend")
    axes = _Axes(metric_named(metric), names, x, layers_of(tables["layers"], names[0]), domain, where)
    parts = [
        *_thirds(axes), *_band(axes, table), *_controls(axes, table), *_rules(axes, table),
        *_emergence(axes, marks, height), *_probe(axes, table, chosen), *_labels(axes, table, height),
    ]  # fmt: skip
    return layered(
        *parts,
        title=alt.Title(f"{axes.metric.title} by layer", subtitle=_legend_text(axes, table, marks)),
        height=height,
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),  # the height is the plot's own: labels need it
        description=_description(axes, table, marks),
    )


@dataclass(frozen=True)
class _Axes:
    """The encodings that all parts of the chart share."""

    metric: Metric
    models: list[str]
    kind: XAxis
    layers: list[str]
    domain: tuple[float, float]
    labels: Labels

    def x(self, field: str = "depth") -> alt.X:
        return layer_axis(self.layers) if self.kind == "layer" else depth_axis(field)

    def y(self, field: str = "value") -> alt.Y:
        axis: Any = {"format": ".2f", "tickCount": 6, "labelFontSize": SMALL_FONT}
        scale: Any = {"domain": list(self.domain), "nice": False, "zero": False}
        return alt.Y(f"{field}:Q", title=self.metric.axis, scale=scale, axis=axis)

    def colour(self) -> alt.Color:
        return model_colour(self.models)

    def tooltip(self, *first: str) -> list[alt.Tooltip]:
        interval = [interval_tooltip()] if self.metric.low else []
        value = alt.Tooltip("value:Q", title=self.metric.title.split(" of ")[0].lower(), format=".3f")
        return [
            alt.Tooltip("layer:N"), alt.Tooltip("model:N"), *(alt.Tooltip(name) for name in first), value, *interval,
            alt.Tooltip("depth:Q", title="relative depth", format=".2f"), alt.Tooltip("dim:Q", title="dimensions"),
        ]  # fmt: skip


def _thirds(axes: _Axes) -> list[alt.Chart]:
    """The early and the late third of depth, shaded, with their names at the bottom, where there is room."""
    if axes.kind == "layer":
        return []
    base = alt.Chart(rows(pd.DataFrame(THIRDS, columns=["third", "start", "end"])))
    names = base.mark_text(align="left", dx=6, dy=-9, fontSize=SMALL_FONT - 1).encode(
        axes.x("start"), alt.Text("third:N"), y=alt.value("height")
    )
    return [base.mark_rect(color=INK, opacity=0.07).encode(axes.x("start"), alt.X2("end:Q")), names]


def _band(axes: _Axes, table: pd.DataFrame) -> list[alt.Chart]:
    probe = table[table["control"] == "probe"].dropna(subset=["low", "high"])
    if probe.empty:
        return []
    chart = alt.Chart(rows(probe)).mark_area(opacity=0.18)
    return [chart.encode(axes.x(), axes.y("low"), alt.Y2("high:Q"), axes.colour())]


def _probe(axes: _Axes, table: pd.DataFrame, chosen: bool) -> list[alt.Chart]:
    base = alt.Chart(rows(table[table["control"] == "probe"])).encode(axes.x(), axes.y(), axes.colour())
    points = base.mark_point(filled=True, opacity=1, cursor="pointer", size=85).encode(
        axes.colour(), model_shape(axes.models), tooltip=axes.tooltip()
    )
    line = base.mark_line(strokeWidth=3.5)
    return [line, ring(axes.x(), axes.y()), pickable(points, "model", "layer")] if chosen else [line, points]


def _controls(axes: _Axes, table: pd.DataFrame) -> list[alt.Chart]:
    curves = of_kind(table, rule=False)
    if curves.empty:
        return []
    base = alt.Chart(rows(curves)).encode(axes.x(), axes.y(), axes.colour(), alt.Detail("control:N"))
    return [
        base.mark_line(strokeWidth=2, opacity=0.85).encode(_dash(axes, table)),
        base.mark_point(filled=True, size=22, opacity=0.85).encode(tooltip=axes.tooltip("control:N")),
    ]


def _rules(axes: _Axes, table: pd.DataFrame) -> list[alt.Chart]:
    rules = of_kind(table, rule=True)
    if rules.empty:
        return []
    tooltip = [alt.Tooltip("control:N"), alt.Tooltip("value:Q", format=".3f"), interval_tooltip()]
    chart = alt.Chart(rows(rules)).mark_rule(strokeWidth=1.8, color=INK)
    return [chart.encode(axes.y(), _dash(axes, table), tooltip=tooltip)]


def _dash(axes: _Axes, table: pd.DataFrame) -> alt.StrokeDash:
    scale = alt.Scale(domain=[c.label for c in CONTROLS.values()], range=[list(c.dash) for c in CONTROLS.values()])
    shown = [control.label for name, control in CONTROLS.items() if name in set(table["control"])]
    legend = alt.Legend(
        title=None,
        orient="bottom",
        columns=2,
        values=shown,
        symbolType="stroke",
        symbolSize=250,
        labelFontSize=12,
        symbolStrokeColor=INK,
    )
    named_at_ends = axes.labels == "ends" and len(axes.models) == 1
    return alt.StrokeDash("control:N", scale=scale, legend=None if named_at_ends else legend)


def lane_of(marks: pd.DataFrame, height: int) -> float:
    """Return the share of a plot of this height that the marks of emergence need at its bottom."""
    if marks.empty:
        return 0.0
    return (LANE if height >= NAMED else LANE / 2) / height


def _emergence(axes: _Axes, marks: pd.DataFrame, height: int) -> list[alt.Chart]:
    """A dotted line at each model's emergence depth and, in a lane at the bottom, the interval it lies in; a low plot
    has no room for the layer's name."""
    tooltip = [
        alt.Tooltip("pair:N", title="come apart"), alt.Tooltip("model:N"), alt.Tooltip("layer:N"),
        alt.Tooltip("depth:Q", title="emergence depth", format=".3f"), interval_tooltip(),
    ]  # fmt: skip
    charts = []
    for lane, (_, row) in enumerate(marks.groupby("model", sort=False)):
        base = alt.Chart(rows(row)).encode(axes.x(), axes.colour(), tooltip=tooltip)
        bottom: dict[str, Any] = {"y": alt.value("height")}
        lift = -11 - 14 * lane
        charts.append(base.mark_rule(strokeWidth=1.5, strokeDash=[1, 4]))
        if axes.kind == "depth":
            span = base.mark_rule(strokeWidth=5, opacity=0.45, yOffset=lift, y2Offset=lift, strokeCap="round")
            charts.append(span.encode(axes.x("ci_low"), alt.X2("ci_high:Q"), **bottom))
        charts.append(
            base.mark_point(filled=True, shape="triangle-up", size=140, opacity=1, yOffset=lift).encode(**bottom)
        )
        if axes.kind == "depth" and height >= NAMED:
            what = "read from " if axes.metric.column in NUMBER_METRICS else "apart from "
            named = alt.Chart(rows(row.assign(said=what + row["layer"]))).encode(axes.x(), alt.Text("said:N"))
            side: dict[str, Any] = {"align": "left", "dx": 8}
            if row["depth"].iloc[0] > MIDDLE:
                side = {"align": "right", "dx": -8}
            charts.append(named.mark_text(dy=lift - 14, fontSize=SMALL_FONT, **side).encode(**bottom))
    return charts


def _labels(axes: _Axes, table: pd.DataFrame, height: int) -> list[alt.Chart]:
    if axes.labels == "legend" or table.empty:
        return []
    several = len(axes.models) > 1
    named = nicknames(axes.models) if several else {}
    ends = end_labels(table[table["control"] == "probe"] if several else table, axes.domain, height, axes.metric.curve)
    ends["text"] = [clipped(named.get(model, text)) for model, text in zip(ends["model"], ends["text"], strict=True)]
    text = alt.Chart(rows(ends)).mark_text(align="left", dx=15, fontSize=SMALL_FONT, fontWeight=600)
    return [text.encode(axes.y("place"), x=alt.value("width"), text=alt.Text("text:N"))]


def _legend_text(axes: _Axes, table: pd.DataFrame, marks: pd.DataFrame) -> list[str]:
    band = "Band: 95 % interval. " if axes.metric.low else ""
    dashed = "Dashed: controls." if (table["control"] != "probe").any() else ""
    what = "the number is read" if axes.metric.column in NUMBER_METRICS else "the classes come apart"
    apart = f"Triangle: where {what}." if not marks.empty else ""
    return [line for line in (band + dashed, apart) if line]  # two lines, so that a phone shows them whole


def _description(axes: _Axes, table: pd.DataFrame, marks: pd.DataFrame) -> str:
    parts = [f"Lines of {axes.metric.axis} against depth in the network."]
    for (model, control), curve in table[table["layer"] != ""].groupby(["model", "control"], sort=False):
        first, last = curve.iloc[0], curve.iloc[-1]
        ends = f"{first['value']:.2f} at {first['layer']} to {last['value']:.2f} at {last['layer']}"
        named = axes.metric.curve if control == "probe" else CONTROLS[str(control)].label
        parts.append(f"{model}, {named}: {ends}.")
    parts += [f"{row['control']}: {row['value']:.2f}." for _, row in of_kind(table, rule=True).iterrows()]
    what = "number is read from" if axes.metric.column in NUMBER_METRICS else "classes come apart at"
    parts += [f"{row['model']}: {what} depth {row['depth']:.2f}." for _, row in marks.iterrows()]
    return " ".join(parts)
