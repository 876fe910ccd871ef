"""Charts of a check: what training changed over depth, in what can be read and in the embeddings themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.picking import pickable, ring
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    MODEL_COLOURS,
    NOT_PASSED,
    SMALL_FONT,
    Tables,
    depth_axis,
    interval_text,
    interval_tooltip,
    layered,
    rows,
)
from lab.experiments.equivalence.measure import measure_in


def change_by_depth(tables: Tables, *, height: int = HEIGHT, chosen: bool = False) -> alt.LayerChart:
    """Return, layer by layer, how much better or worse the new network's layers read the target than before.

    The band holds for all layers at once; the dashed line is the largest drop that is allowed. `chosen` is for a page,
    where a layer is picked by a click and marked (`charts.picking`).
    """
    table = tables["differences"]
    measure, allowed = measure_in(table.columns), -float(tables["decision"]["max_drop"].iloc[0])
    shown = table.assign(interval=interval_text(table["all_low"], table["all_high"]))
    ends = [min(float(table["all_low"].min()), allowed), max(float(table["all_high"].max()), 0.0)]
    domain = [float(np.floor(ends[0] * 10) / 10), float(np.ceil(ends[1] * 10) / 10)]
    axis = alt.Axis(format="+.2f", labelFontSize=SMALL_FONT, tickCount=6)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=f"{measure.name}, new minus before", axis=axis,
                     scale=alt.Scale(domain=domain, nice=False))  # fmt: skip

    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("difference:Q", format="+.3f"), interval_tooltip(),
        *(alt.Tooltip(f"{name}:Q", title=f"images {name}") for name in ("lost", "gained") if name in table),
        alt.Tooltip("cka:Q", title="CKA", format=".2f"), alt.Tooltip("depth:Q", format=".2f"),
    ]  # fmt: skip
    base = alt.Chart(rows(shown)).encode(depth_axis("depth"), y("difference"), tooltip=tooltip)
    colour = alt.value(MODEL_COLOURS[0])
    points = base.mark_point(filled=True, size=85, opacity=1, cursor="pointer").encode(color=colour)
    picked = [ring(depth_axis("depth"), y("difference")), pickable(points, "layer")] if chosen else [points]
    return layered(
        base.mark_area(opacity=0.18).encode(y("all_low"), alt.Y2("all_high:Q"), color=colour),
        _level(0.0, y("difference")).mark_rule(color=INK),
        _level(allowed, y("difference")).mark_rule(color=NOT_PASSED, strokeDash=[6, 4], strokeWidth=2),
        base.mark_line(strokeWidth=3).encode(color=colour),
        *picked,
        title=alt.Title(
            "What training changed, layer by layer",
            subtitle=["Band: 95 % for all layers at once.", f"Dashed: the drop that is allowed ({allowed:g})."],
        ),
        width="container",
        height=height,
        description=_text(table, allowed),
    )


def alikeness_by_depth(tables: Tables, *, height: int = 340) -> alt.LayerChart:
    """Return how alike the embeddings before and after are at every layer (debiased CKA), beside shuffled images."""
    table = tables["differences"]
    shown = table.assign(interval=interval_text(table["cka_low"], table["cka_high"]))
    lowest = float(np.nanmin([0.0, *table["cka_low"], *table["cka"]]))
    scale = alt.Scale(domain=[float(np.floor(lowest * 5) / 5), 1.0], nice=False, clamp=True)
    axis = alt.Axis(format=".1f", labelFontSize=SMALL_FONT, tickCount=6)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="CKA of before and new", scale=scale, axis=axis)

    tooltip = [
        alt.Tooltip("layer:N"), alt.Tooltip("cka:Q", title="CKA", format=".3f"), interval_tooltip(),
        alt.Tooltip("cka_null_95:Q", title="shuffled images below", format=".3f"),
    ]  # fmt: skip
    base = alt.Chart(rows(shown)).encode(depth_axis("depth"), y("cka"), tooltip=tooltip)
    colour = alt.value(MODEL_COLOURS[1])
    least = table.iloc[int(table["cka"].argmin())] if table["cka"].notna().any() else None
    told = "" if least is None else f" Least alike: {least['layer']}, {least['cka']:.2f}."
    return layered(
        base.mark_rule(strokeWidth=2, opacity=0.5).encode(y("cka_low"), alt.Y2("cka_high:Q"), color=colour),
        base.mark_line(color=INK, strokeDash=[4, 4]).encode(y("cka_null_95")),
        base.mark_line(strokeWidth=3).encode(color=colour),
        base.mark_point(filled=True, size=85, opacity=1).encode(color=colour),
        title=alt.Title("How alike the embeddings still are", subtitle="1: no change. Dashed: shuffled images, 95 %."),
        width="container",
        height=height,
        description=f"Debiased CKA of both networks at {len(table)} layers.{told}",
    )


def _level(value: float, y: alt.Y) -> alt.Chart:
    return alt.Chart(rows(pd.DataFrame([{"difference": value}]))).encode(y)


def _text(table: pd.DataFrame, allowed: float) -> str:
    rose, fell = int((table["all_low"] > 0).sum()), int((table["all_high"] < 0).sum())
    below = int((table["difference"] < allowed).sum())
    name = measure_in(table.columns).name
    return (
        f"{name[0].upper()}{name[1:]} of the new network minus that before at {len(table)} layers: "
        f"clearly higher at {rose}, lower at "
        f"{fell}; {below} lie below the allowed {allowed:g}."
    )
