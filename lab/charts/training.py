"""Charts of a training: its curve, what each layer knows at every checkpoint, and the last layer's maps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.heat_map import ACCURACY_COLOURS
from lab.charts.lazy_altair import alt
from lab.charts.map_rows import centred
from lab.charts.theme import (  # fmt: skip
    HEIGHT,
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    checked_tables,
    class_colour,
    class_shape,
    depth_axis,
    in_order,
    interval_text,
    layered,
    legend_above,
    rows,
)

CURVES = {"training_accuracy": "training images", "validation_accuracy": "validation images"}
# From the first checkpoint to the last; both ends stand out by 3:1 from a light and a dark page.
TIME_COLOURS = ("#8d9299", "#7b86b8", "#5f7fd0", "#2474cf", "#8250df", "#b23680", "#d9621f")
MOST_LABELLED = 9


def learning_curve(tables: Tables, *, height: int = 360) -> alt.LayerChart:
    """Return accuracy by epoch on the training and the validation images; reads `history`, and `test` for chance.

    The rule marks the epoch whose weights are kept.
    """
    table = tables["history"]
    long = table.melt(["epoch", "step", "ci_low", "ci_high"], list(CURVES), "curve", "accuracy")
    long["images"] = long["curve"].map(CURVES)
    band = table.assign(images=CURVES["validation_accuracy"])
    lowest = float(np.nanmin([long["accuracy"].min(), table["ci_low"].min(), _chance(tables)]))
    y = alt.Scale(domain=[np.floor(lowest * 20) / 20, 1.0], nice=False)
    axis = alt.Axis(format=".2f", tickCount=6, labelFontSize=SMALL_FONT)
    colour = alt.Color(
        "images:N",
        scale=alt.Scale(domain=list(CURVES.values()), range=[INK, MODEL_COLOURS[0]]),
        legend=legend_above(),
    )
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(grid=False, tickMinStep=1, format="d", labelFontSize=SMALL_FONT))
    top = alt.Y("accuracy:Q", title="accuracy (share of images)", scale=y, axis=axis)
    lines = alt.Chart(rows(long)).encode(
        x, top, colour, tooltip=["images:N", "epoch:Q", alt.Tooltip("accuracy:Q", format=".3f")]
    )
    area = (
        alt.Chart(rows(band)).mark_area(opacity=0.18).encode(x, alt.Y("ci_low:Q", scale=y), alt.Y2("ci_high:Q"), colour)
    )
    kept = table.iloc[[int(table["validation_loss"].argmin())]][["epoch"]]
    rule = alt.Chart(rows(kept)).mark_rule(strokeDash=[2, 4], strokeWidth=2, color=INK).encode(x)
    by_chance = alt.Chart(rows(pd.DataFrame({"accuracy": [_chance(tables)]}).dropna())).mark_rule(
        strokeDash=[1, 3], color=INK
    )
    return layered(
        area, by_chance.encode(top), rule, lines.mark_line(strokeWidth=2.5), lines.mark_point(filled=True, size=40),
        title=alt.Title(
            "Accuracy while it learns", subtitle=["Band: 95 % interval.", "Dotted: chance, and the epoch that is kept."]
        ),
        width="container", height=height,
        description=f"Accuracy on training and validation images over {len(table)} epochs.",
    )  # fmt: skip


def checkpoint_probes(tables: Tables, *, height: int = HEIGHT) -> alt.LayerChart:
    """Return probe accuracy by depth, one line per checkpoint; the first and the last with their intervals.

    Reads `probes` of a watched training.
    """
    table = _probe_rows(tables)
    names = _moments(table)
    ends = table[table["moment"].isin([names[0], names[-1]])]
    pixels = tables["probes"].query("control == 'pixels'").assign(text="raw pixels")
    low = min(float(ends["ci_low"].min()), float(table["accuracy"].min()))
    y = alt.Scale(domain=[np.floor(low * 20) / 20, 1.0], nice=False)
    axis = alt.Axis(format=".2f", tickCount=6, labelFontSize=SMALL_FONT)
    value = alt.Y("accuracy:Q", title="held-out accuracy (share of images)", scale=y, axis=axis)
    colour = alt.Color(
        "moment:N", scale=in_order(names, range=_times(len(names))),
        legend=alt.Legend(title="training so far", orient="right", symbolOpacity=1, symbolStrokeWidth=3),
    )  # fmt: skip
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"), value, colour,
        tooltip=[
            "layer:N", "moment:N", "step:Q", alt.Tooltip("accuracy:Q", format=".3f"),
            alt.Tooltip("interval:N", title="95 % interval"), alt.Tooltip("shuffled:Q", format=".3f"),
        ],
    )  # fmt: skip
    band = alt.Chart(rows(ends)).mark_area(opacity=0.16).encode(
        depth_axis("depth"), alt.Y("ci_low:Q", scale=y), alt.Y2("ci_high:Q"), colour
    )  # fmt: skip
    rule = (
        alt.Chart(rows(pixels)).mark_rule(strokeDash=[10, 4], color=INK).encode(value, tooltip=["text:N", "accuracy:Q"])
    )
    return layered(
        band, rule, base.mark_line(strokeWidth=2.5), base.mark_point(filled=True, size=60, opacity=1),
        title=alt.Title(
            "What each layer knows while it learns",
            subtitle=["Lines: checkpoints. Dashed: raw pixels.", "Bands: 95 % intervals of the first and the last."],
        ),
        width="container", height=height,
        description=f"Probe accuracy by depth at {len(names)} moments of training.",
    )  # fmt: skip


def checkpoint_layers(tables: Tables, *, height: int = 300) -> alt.LayerChart:
    """Return a heat map of probe accuracy: layers from input to output against moments of training."""
    table = _probe_rows(tables)
    names, layers = _moments(table), list(dict.fromkeys(table.sort_values("depth")["layer"]))
    table["text"] = table["accuracy"].map("{:.2f}".format)
    x = alt.X("moment:N", scale=in_order(names), title="training so far", axis=alt.Axis(labelAngle=0, labelFontSize=12))
    y = alt.Y("layer:N", scale=in_order(layers[::-1]), title=None, axis=alt.Axis(labelLimit=160, labelFontSize=12))
    low = 0.5 if table["accuracy"].min() >= 0.4 else 0.0
    values = [low, (1 + low) / 2, 1]
    scale = alt.Scale(domain=values, range=ACCURACY_COLOURS, interpolate="rgb", clamp=True)
    base = alt.Chart(rows(table)).encode(x, y)
    cells = base.mark_rect().encode(
        alt.Color("accuracy:Q", scale=scale, legend=None),
        tooltip=["layer:N", "moment:N", alt.Tooltip("accuracy:Q", format=".3f"), alt.Tooltip("interval:N")],
    )
    ink = alt.condition(f"datum.accuracy > {low + 0.36 * (1 - low)}", alt.value("#fff"), alt.value("#111"))
    return layered(
        cells, base.mark_text(fontSize=12).encode(text="text:N", color=ink),
        title=alt.Title("Layer by layer", subtitle="Top: the last layer. Left: before training."),
        width="container", height=max(height, 24 * len(layers)),
        description=f"Probe accuracy of {len(layers)} layers at {len(names)} moments of training.",
    )  # fmt: skip


def checkpoint_maps(tables: Tables, *, columns: int = 4, size: int = 200) -> alt.ConcatChart:
    """Return one t-SNE map of the last layer per checkpoint, the same images in each; reads `maps`, `map_quality`."""
    table, quality = tables["maps"], tables["map_quality"].set_index("step")
    classes = sorted(table["class"].unique())
    drawn = []
    for step, part in table.groupby("step", sort=True):
        points = part.copy()
        points[["x", "y"]] = centred(part[["x", "y"]].to_numpy(dtype=float))
        figures = quality.loc[step]
        told = f"k-NN {figures.knn_embedding:.2f} · trust {figures.trustworthiness:.2f}"
        chart = alt.Chart(rows(points, 3), width=size, height=size).mark_point(filled=True, size=30, opacity=0.8)
        drawn.append(
            chart.encode(
                alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-1.05, 1.05], nice=False)),
                alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-1.05, 1.05], nice=False)),
                class_colour(classes), class_shape(classes), tooltip=["image:N", "class:N"],
            ).properties(title=alt.Title([_moment(float(part["epoch"].iloc[0])), told], fontSize=13, anchor="middle"))
        )  # fmt: skip
    return alt.concat(*drawn, columns=columns).properties(
        title=alt.Title("The last layer's map while it learns", subtitle="The same images; t-SNE, so look at k-NN."),
        description=f"Maps of {table['image'].nunique()} images at {len(drawn)} moments of training.",
    )


def _probe_rows(tables: Tables) -> pd.DataFrame:
    every = checked_tables(tables, "probes")["probes"]
    table = every[every["control"] == "probe"].copy()
    shuffled = every[every["control"] == "shuffled"].set_index(["step", "layer"])["accuracy"]
    table["shuffled"] = [float(shuffled.get((r.step, r.layer), np.nan)) for r in table.itertuples()]
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    table["moment"] = [
        _moment(epoch) if np.isfinite(epoch) else f"step {step:,}"
        for epoch, step in zip(table["epoch"], table["step"], strict=True)
    ]
    return table


def _moments(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table.sort_values("step")["moment"]))


def _moment(epoch: float) -> str:
    """Return how long training had gone on, in words."""
    if epoch == 0:
        return "before"
    return f"{epoch:.0f} epoch{'s' if round(epoch) != 1 else ''}" if epoch >= 0.95 else f"{epoch:.2f} epochs"


def _times(count: int) -> list[str]:
    """Return colours from the first moment to the last, evenly out of `TIME_COLOURS`."""
    places = np.linspace(0, len(TIME_COLOURS) - 1, count) if count > 1 else [len(TIME_COLOURS) - 1]
    return [TIME_COLOURS[round(float(place))] for place in places]


def _chance(tables: Tables) -> float:
    return float(tables["test"]["chance"].iloc[0]) if "test" in tables else float("nan")
