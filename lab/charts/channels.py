"""Charts of channels: what visualizations reach, how classes excite a channel, what feeds it, what it does."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (  # fmt: skip
    CLASS_COLOURS,
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    layered,
    legend_above,
    names_axis,
    rows,
)
from lab.experiments.channels.optimised import LEAST

KINDS = {"random": "random images", "photographs": "photographs", "images": "the image set"}
MADE, NEGATIVE = "the image made for it", "its negative"
MOST_BARS = 12
BINS = 24


def reached_by_target(tables: Tables, *, height: int = 0) -> alt.LayerChart:
    """Return what each visualization reaches against random and natural images, in spreads of the natural ones.

    Reads `visualizations` and `references`. Boxes are the middle half of the images, whiskers 5 to 95 %.
    """
    points, parts = reach_rows(tables)
    names = list(points["name"].unique())
    what = [*KINDS.values(), *dict.fromkeys(points["what"])]
    colours = [INK, MODEL_COLOURS[3], MODEL_COLOURS[0], MODEL_COLOURS[1], MODEL_COLOURS[2]]
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=what, range=colours[: len(what)]),
        legend=legend_above(columns=2),
    )
    inside = alt.YOffset("what:N", scale=in_order(what))
    base = alt.Chart(rows(parts)).encode(names_axis("name", names), inside, colour)
    axis = alt.Axis(title="standard deviations of natural images", titleAnchor="end", labelFontSize=SMALL_FONT)
    about = [alt.Tooltip("name:N"), alt.Tooltip("what:N"), alt.Tooltip("p95:Q", format=".2f", title="95th percentile")]
    whiskers = base.mark_rule(strokeWidth=2).encode(alt.X("low:Q", axis=axis), alt.X2("high:Q"), tooltip=about)
    boxes = base.mark_bar(size=7).encode(alt.X("first:Q", axis=axis), alt.X2("third:Q"), tooltip=about)
    found = (
        alt.Chart(rows(points))
        .mark_point(shape="diamond", filled=True, size=130, opacity=1)
        .encode(
            alt.X("x:Q", axis=axis), names_axis("name", names), inside, colour,
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("value:Q", format=".2f")],
        )
    )  # fmt: skip
    return layered(
        whiskers, boxes, found,
        title=alt.Title("What the image reaches", subtitle="boxes: the middle half of the images, lines: 5 to 95 %"),
        width="container",
        height=height or 150 + 56 * len(names),
        description=f"Objective of {len(names)} visualizations against random and natural images.",
    )  # fmt: skip


def reach_rows(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per visualization, and one per kind of image it is held against, in spreads of natural images."""
    made, held = tables["visualizations"], tables["references"]
    points, parts = [], []
    for row in made[made["copy"] == 0].drop(columns="thumbnail").to_dict("records"):
        mine = held[(held["layer"] == row["layer"]) & (held["target"] == row["target"])]
        natural = mine.loc[mine["kind"] != "random", "value"]
        mean, spread = float(natural.mean()), float(natural.std()) or 1.0
        name, lowers = f"{row['layer']} · {row['target']}", row.get("end") == LEAST
        value = -row["value"] if lowers else row["value"]
        what = NEGATIVE if lowers else MADE
        points.append({"name": name, "what": what, "x": (value - mean) / spread, "value": value})
        for kind, values in mine.groupby("kind")["value"] if not lowers else ():
            shares = np.percentile(values, [5, 25, 75, 95])
            marks = dict(zip(("low", "first", "third", "high"), (shares - mean) / spread, strict=True))
            parts.append({"name": name, "what": KINDS[str(kind)], "p95": float(shares[3]), **marks})
    return pd.DataFrame(points), pd.DataFrame(parts)


def class_histogram(tables: Tables, *, height: int = 380) -> alt.Chart:
    """Return how strongly the images of each class excite a channel: a histogram of its largest value in each."""
    table = tables["activations"]
    classes = sorted(str(name) for name in table["class"].unique())
    edges = np.linspace(float(table["peak"].min()), float(table["peak"].max()) + 1e-9, BINS + 1)
    parts = []
    for name, values in table.groupby("class")["peak"]:
        counts, _ = np.histogram(values, edges)
        parts += [
            {"class": name, "from": edges[i], "to": edges[i + 1], "share": counts[i] / len(values), "images": counts[i]}
            for i in range(BINS)
        ]
    colours = [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in range(len(classes))]
    chart = (
        alt.Chart(rows(pd.DataFrame(parts)))
        .mark_rect(opacity=0.55)
        .encode(
            alt.X("from:Q", title="largest value in an image", axis=alt.Axis(labelFontSize=SMALL_FONT, grid=False)),
            alt.X2("to:Q"),
            alt.Y(
                "share:Q", title="share of the class", stack=None, axis=alt.Axis(format="%", labelFontSize=SMALL_FONT)
            ),
            alt.Y2(datum=0),
            alt.Color(
                "class:N",
                scale=alt.Scale(domain=classes, range=colours),
                legend=legend_above() if len(classes) <= 12 else None,
            ),
            tooltip=[alt.Tooltip("class:N"), alt.Tooltip("images:Q"), alt.Tooltip("from:Q", format=".2f")],
        )
    )
    return chart.properties(
        title="Which classes excite it",
        width="container",
        height=height,
        description=f"Histogram of the channel's largest value in each image, by {len(classes)} classes.",
    )


def contributions_to_channel(tables: Tables, *, height: int = 0) -> alt.LayerChart:
    """Return the channels below that matter most: what they add at the exemplars, and at ordinary places (gray)."""
    table = tables["contributions"].head(MOST_BARS).copy()
    table["name"] = [f"{row.source} · {row.channel}" for row in table.itertuples()]
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 2)
    table["sign"] = np.where(table["contribution"] >= 0, "raises it", "lowers it")
    names = table["name"].tolist()
    colour = alt.Color(
        "sign:N",
        scale=alt.Scale(domain=["raises it", "lowers it"], range=[MODEL_COLOURS[1], MODEL_COLOURS[0]]),
        legend=legend_above(),
    )
    axis = alt.Axis(title="added to its value", titleAnchor="end", labelFontSize=SMALL_FONT)
    about = [
        alt.Tooltip("name:N", title="channel below"),
        alt.Tooltip("contribution:Q", format="+.3f"),
        alt.Tooltip("interval:N", title="95 % interval over exemplars"),
        alt.Tooltip("usual:Q", format="+.3f", title="at ordinary places"),
    ]
    base = alt.Chart(rows(table)).encode(names_axis("name", names), tooltip=about)
    return layered(
        base.mark_bar(height={"band": 0.6}).encode(alt.X("contribution:Q", axis=axis), colour),
        base.mark_rule(strokeWidth=2, color=INK).encode(alt.X("ci_low:Q", axis=axis), alt.X2("ci_high:Q")),
        base.mark_tick(thickness=3, color=INK, size=18).encode(alt.X("usual:Q", axis=axis)),
        title=alt.Title("What feeds it", subtitle="bars: at its exemplars, lines: 95 %, ticks: at ordinary places"),
        width="container",
        height=height or 160 + 28 * len(names),
        description=f"Contributions of the {len(names)} channels below that matter most.",
    )


def ablation_effects(tables: Tables, *, height: int = 0) -> alt.LayerChart:
    """Return the change of the probe's logit when a channel is off: the one asked for, and others to compare with."""
    table = tables["effects"].copy()
    table["name"] = [f"channel {row.channel}" for row in table.itertuples()]
    table["what"] = np.where(table["asked"], "this channel", "others of the layer")
    table["interval"] = interval_text(table["ci_low"], table["ci_high"], 3)
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=["this channel", "others of the layer"], range=[MODEL_COLOURS[1], INK]),
        legend=legend_above(),
    )
    title = f"change of the logit for {table['class'].iloc[0]}"
    axis = alt.Axis(title=title, titleAnchor="end", labelFontSize=SMALL_FONT)
    about = [alt.Tooltip("name:N"), alt.Tooltip("change:Q", format="+.3f"), alt.Tooltip("interval:N", title="95 %")]
    base = alt.Chart(rows(table)).encode(names_axis("name", table["name"].tolist()), colour, tooltip=about)
    return layered(
        base.mark_rule(strokeWidth=3).encode(alt.X("ci_low:Q", axis=axis), alt.X2("ci_high:Q")),
        base.mark_point(filled=True, size=90, opacity=1).encode(alt.X("change:Q", axis=axis)),
        title=alt.Title("What it does", subtitle="held at its average instead; lines: 95 % over images"),
        width="container",
        height=height or 170 + 28 * len(table),
        description="Change of a probe's logit when channels are switched off, one by one.",
    )


def selectivity_by_depth(tables: Tables, *, height: int = 380) -> alt.LayerChart:
    """Return how well the best single channel of each layer tells each class from the rest, held out, with 95 %."""
    table = tables["strip"].copy()
    table["interval"] = interval_text(table["ci_low"], table["ci_high"])
    classes = list(dict.fromkeys(table["class"]))
    colour = alt.Color(
        "class:N",
        scale=alt.Scale(domain=classes, range=list(CLASS_COLOURS[: len(classes)])),
        legend=legend_above(),
    )
    scale = alt.Scale(domain=[min(0.3, float(table["ci_low"].min())), 1], nice=False)
    axis = alt.Axis(labelFontSize=SMALL_FONT, tickCount=6)
    base = alt.Chart(rows(table.drop(columns="thumbnail"))).encode(depth_axis("depth"), colour)
    about = [alt.Tooltip("layer:N"), alt.Tooltip("channel:Q"), alt.Tooltip("auc:Q", format=".3f"), "interval:N"]
    low = alt.Y("ci_low:Q", title="area under ROC", scale=scale, axis=axis)
    chance = alt.Chart(rows(pd.DataFrame([{"y": 0.5}]))).mark_rule(strokeDash=[5, 4], color=INK)
    return layered(
        chance.encode(alt.Y("y:Q", scale=scale, axis=axis)),
        base.mark_rule(strokeWidth=2).encode(low, alt.Y2("ci_high:Q")),
        base.mark_line(strokeWidth=2).encode(alt.Y("auc:Q", scale=scale, axis=axis)),
        base.mark_point(filled=True, size=80, opacity=1).encode(alt.Y("auc:Q", scale=scale, axis=axis), tooltip=about),
        title=alt.Title("The best channel for each class", subtitle="on images it was not chosen on; dashed: chance"),
        width="container",
        height=height,
        description=f"Selectivity of the best channel for {' and '.join(classes)} at each layer.",
    )  # fmt: skip
