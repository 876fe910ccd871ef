"""Charts of the ladder that hold one thing against another: labels saved, what changes cost, two checkpoints."""

from __future__ import annotations

import pandas as pd

from lab.charts.heat_map import NOT_SHOWN, heat_map, rung_axis
from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    CLASS_COLOURS,
    INK,
    MODEL_COLOURS,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    layered,
    legend_above,
    of_model,
    only_model,
    rows,
)
from lab.experiments.attribution.explanations import method_title

_SAVED, _SHARES, _SHARE_DARK = [NOT_SHOWN, "#05a16a", "#044a33"], (0.0, 0.5, 1.0), 0.45
_LESS_MORE = [MODEL_COLOURS[1], NOT_SHOWN, MODEL_COLOURS[0]]


def labels_saved_map(tables: Tables, *, model: str | None = None, numbers: bool = True) -> alt.LayerChart:
    """Return the share of labels that each layer saves on each rung, gray where none clearly; reads `labels`."""
    name = only_model(tables["labels"], model)
    table = of_model(tables["labels"], name)
    share = (table["labels_saved"] / table["images"]).where(table["saved_low"] > 0, 0.0)
    said = [f"{saved:.0f}" if more > 0 else "" for saved, more in zip(table["labels_saved"], share, strict=True)]
    cells = table.assign(
        value=share, shown=said if numbers else "", interval=interval_text(table["saved_low"], table["saved_high"], 0)
    )
    title = alt.Title(
        "Labels that a layer saves",
        subtitle=[f"Of {int(table['images'].iloc[0])} labels a rung, in bits not to be sent (online code length).",
                  "Gray: none is clearly saved against shuffled labels."],
    )  # fmt: skip
    tooltip = [
        "rung:N",
        "layer:N",
        alt.Tooltip("labels_saved:Q", format=".1f"),
        alt.Tooltip("interval:N", title="bits saved, 95 %"),
    ]
    return heat_map(
        _by_layer(cells), rung_axis(tables), (_SHARES, _SAVED), title, tooltip, dark=_SHARE_DARK, legend="share saved"
    )


def layer_differences_map(tables: Tables, *, model: str | None = None, numbers: bool = True) -> alt.LayerChart:
    """Return the accuracy of a further network less that of the first, by rung and layer; reads `layer_differences`."""
    name = only_model(tables["layer_differences"], model)
    table = of_model(tables["layer_differences"], name)
    clear = (table["difference_low"] > 0) | (table["difference_high"] < 0)
    said = [f"{gap:+.2f}" if sure else "" for gap, sure in zip(table["difference"], clear, strict=True)]
    cells = table.assign(
        value=table["difference"].where(clear, 0.0), shown=said if numbers else "",
        interval=interval_text(table["difference_low"], table["difference_high"], 2),
    )  # fmt: skip
    title = alt.Title(
        "What is read better, and worse", subtitle=[f"{name} less {table['against'].iloc[0]}.", "Gray: not shown."]
    )
    tooltip = [
        "rung:N",
        "layer:N",
        alt.Tooltip("difference:Q", format="+.2f"),
        alt.Tooltip("interval:N", title="95 %, all layers at once"),
    ]
    colours = ([-0.5, 0, 0.5], _LESS_MORE)
    return heat_map(_by_layer(cells), rung_axis(tables), colours, title, tooltip, dark=0.25, legend="difference")


def invariance_by_depth(tables: Tables, *, model: str | None = None) -> alt.LayerChart:
    """Return what each layer loses when tested on the other side of each change; reads `invariance`."""
    name = only_model(tables["invariance"], model)
    table = of_model(tables["invariance"], name)
    table = table.assign(interval=interval_text(table["loss_low"], table["loss_high"], 2))
    changes = list(dict.fromkeys(table["change"]))
    colours = alt.Scale(domain=changes, range=list(CLASS_COLOURS[: len(changes)]))
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"),
        alt.Y("loss:Q", title="accuracy lost"),
        alt.Color("change:N", scale=colours, legend=legend_above()),
        tooltip=["change:N", "layer:N", alt.Tooltip("loss:Q", format=".2f"), "interval:N", "rungs:Q",
                 alt.Tooltip("mixed:Q", format=".2f"), alt.Tooltip("moved:Q", format=".2f")],
    )  # fmt: skip
    return layered(
        alt.Chart(rows(pd.DataFrame({"zero": [0.0]}))).mark_rule(color=INK, strokeDash=[2, 3]).encode(alt.Y("zero:Q")),
        base.mark_errorband(opacity=0.12).encode(alt.Y("loss_low:Q", title="accuracy lost"), alt.Y2("loss_high:Q")),
        base.mark_line(strokeWidth=2),
        base.mark_point(filled=True, size=60, opacity=1),
        title=alt.Title(
            "What a change at test time costs",
            subtitle=["Mean over the rungs that a layer reads.", "0: as right as on random halves.",
                      "Bands: 95 %, for all layers at once."],
        ),
        width="container",
        height=320,
        description=f"Accuracy lost by layer of {name} when {', '.join(changes)} change between training and test.",
    )  # fmt: skip


def explanations_map(tables: Tables) -> alt.LayerChart:
    """Return on how many layers each explanation is right on each rung; reads `explanations`.

    Of the layers that read the rung and at which the method can be asked.
    """
    table = tables["explanations"].assign(method=tables["explanations"]["method"].map(method_title))
    read = table[table["ci_low"] > 0.5]
    found = read.groupby(["rung", "method"], sort=False)["right"].agg(["sum", "size"]).reset_index()
    found["share"] = found["sum"] / found["size"]
    found["text"] = [f"{right} of {asked}" for right, asked in zip(found["sum"], found["size"], strict=True)]
    methods = list(dict.fromkeys(table["method"]))
    return heat_map(
        found.assign(place=found["rung"], value=found["share"], shown=found["text"]),
        alt.Y("method:N", title=None, scale=in_order(methods), axis=alt.Axis(labelLimit=200, grid=False)),
        (_SHARES, _SAVED),
        alt.Title(
            "Each explanation on each rung",
            subtitle=["Layers at which it is, of those that read the rung.",
                      "Maps: above area, edges and untrained twins.", "Optimised images: a probe tells their class."],
        ),
        ["rung:N", "method:N", alt.Tooltip("text:N", title="right at layers")],
        dark=_SHARE_DARK,
        angle=0,
    )  # fmt: skip


def _by_layer(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.sort_values("depth", kind="stable").assign(place=lambda table: table["layer"])
