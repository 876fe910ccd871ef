"""Charts of how edges become shapes: a small network's orientation sums and answers, a real one's tuning by depth."""

from __future__ import annotations

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    layered,
    legend_above,
    rows,
)
from lab.experiments.building.edges_findings import GROUPS, group_sums
from lab.stats.intervals import mean_interval

CONDITION_COLOURS = {"two layers": MODEL_COLOURS[0], "one layer": MODEL_COLOURS[1], "shuffled labels": INK}
PROPERTY_COLOURS = {"orientation": MODEL_COLOURS[0], "shape": MODEL_COLOURS[1]}
STATES = {"real": "trained", "untrained": "untrained", "shuffled": "labels shuffled"}
DASHES = {"trained": [1, 0], "untrained": [6, 4], "labels shuffled": [2, 3]}


def part_responses(tables: Tables, *, height: int = 360) -> alt.LayerChart:
    """Return what the rectangle channel answers to a rectangle's parts, of two layers and of one.

    Reads the table `responses` of an edges run; points are means over networks, lines 95 % intervals.
    """
    table = _means(tables["responses"], ["condition", "stimulus"], "share")
    order = list(dict.fromkeys(tables["responses"]["stimulus"]))
    return _intervals(
        table, alt.Y("stimulus:N", title=None, scale=in_order(order), axis=alt.Axis(labelLimit=240)),
        "share of the answer to the whole rectangle", "condition", CONDITION_COLOURS,
        title="What the rectangle channel answers", subtitle="Mean over networks and 95 % interval.", height=height,
    )  # fmt: skip


def orientation_sums(tables: Tables, *, height: int = 360) -> alt.LayerChart:
    """Return what horizontal, vertical and diagonal filters add to the channels for rectangles and for diamonds.

    Reads the table `combinations` of an edges run.
    """
    table = _means(group_sums(tables["combinations"]), ["class", "group"], "on_own")
    colours = {"rectangle": MODEL_COLOURS[0], "diamond": MODEL_COLOURS[1]}
    return _intervals(
        table, alt.Y("group:N", title="first-layer filters", scale=in_order(GROUPS)),
        "what they add at the channel's largest response", "class", colours,
        title="Who makes a rectangle, who a diamond", subtitle="Mean over networks and 95 % interval.", height=height,
    )  # fmt: skip


def tuning_by_depth(tables: Tables, *, which: str = "best", height: int = 420) -> alt.LayerChart:
    """Return how much of a channel's variance orientation and shape explain by depth, trained, untrained and shuffled.

    Reads the table `tuning` of a tuning run; `which` is "best" (the best of equally many channels) or "mean" (over
    channels).
    """
    table = tables["tuning"].copy()
    table["weights"] = table["control"].map(STATES)
    table["value"], table["low"], table["high"] = table[which], table[f"{which}_low"], table[f"{which}_high"]
    table["interval"] = interval_text(table["low"], table["high"], 2)
    scale = alt.Scale(domain=list(PROPERTY_COLOURS), range=list(PROPERTY_COLOURS.values()))
    dashes = alt.Scale(domain=list(DASHES), range=list(DASHES.values()))
    colour = alt.Color("kind:N", scale=scale, legend=legend_above())
    dash = alt.StrokeDash(
        "weights:N", scale=dashes, legend=alt.Legend(title=None, orient="bottom", symbolSize=400, columns=2)
    )
    limits = [min(0.0, float(table["low"].min())), 1.0]
    height_scale = alt.Scale(domain=limits)
    y = alt.Y("value:Q", title="share of variance explained", scale=height_scale)
    about = [alt.Tooltip(f"{name}:N") for name in ("layer", "kind", "weights", "interval")]
    base = alt.Chart(rows(table)).encode(depth_axis("depth"), y, colour, tooltip=[*about, alt.Tooltip("value:Q")])
    bars = base.mark_rule(strokeWidth=2, opacity=0.7).encode(alt.Y("low:Q", scale=height_scale), alt.Y2("high:Q"))
    best = f"The best of {table['width'].iloc[0]} channels of each layer, the mean over all subsets of so many"
    who = best if which == "best" else "All channels of a layer, on average"
    return layered(
        base.mark_line(strokeWidth=2).encode(dash, detail="control:N"),
        bars,
        base.mark_point(filled=True, size=60, opacity=1),
        title=alt.Title(
            "What channels are tuned to, by depth",
            subtitle=[
                f"{who}.",
                "95 % intervals over draws of stimuli, for all layers at once. 0: the property explains nothing.",
            ],
        ),
        width="container",
        height=height,
        description=f"Share of variance that orientation and shape explain at {table['layer'].nunique()} layers.",
    )


def tuning_curve(tables: Tables, *, kind: str, model: str, layer: str, height: int = 280) -> alt.LayerChart:
    """Return the answers of one layer's best channel to each orientation or shape. Reads the table `curves`."""
    table = tables["curves"]
    here = table[(table["kind"] == kind) & (table["model"] == model) & (table["layer"] == layer)]
    colour = PROPERTY_COLOURS[kind]
    axis = alt.Axis(labelAngle=0, labelFontSize=SMALL_FONT, grid=False, labelOverlap=False)
    x = alt.X("level:N", title=None, scale=in_order(list(here["level"])), axis=axis)
    y = alt.Y("response:Q", title="answer (deviations)", scale=alt.Scale(domain=[-2.2, 2.2], clamp=True))
    base = alt.Chart(rows(here)).encode(x, y, tooltip=["level:N", alt.Tooltip("response:Q", format="+.2f")])
    zero = (
        alt.Chart(rows(pd.DataFrame([{"zero": 0.0}]))).mark_rule(color=INK, strokeDash=[3, 3]).encode(alt.Y("zero:Q"))
    )
    channel = here["channel"].iloc[0] if len(here) else ""
    return layered(
        zero,
        base.mark_line(color=colour, strokeWidth=2) if kind == "orientation" else base.mark_bar(color=colour, size=3),
        base.mark_rule(color=colour, strokeWidth=2).encode(alt.Y("ci_low:Q"), alt.Y2("ci_high:Q")),
        base.mark_point(color=colour, filled=True, size=70, opacity=1),
        title=alt.Title(f"{layer}, channel {channel}", subtitle=f"Best channel for {kind}."),
        width="container",
        height=height,
        description=f"Answers of channel {channel} of {layer} to {len(here)} levels of {kind}.",
    )


def _means(table: pd.DataFrame, by: list[str], value: str) -> pd.DataFrame:
    found = []
    for where, part in table.groupby(by, sort=False):
        interval = mean_interval(part[value].to_numpy())
        limits = {"mean": interval.value, "low": interval.low, "high": interval.high}
        found.append({**dict(zip(by, where, strict=True)), **limits})
    means = pd.DataFrame(found)
    means["interval"] = interval_text(means["low"], means["high"], 2)
    return means


def _intervals(
    table: pd.DataFrame, y: alt.Y, along: str, series: str, colours: dict[str, str], *, title: str, subtitle: str,
    height: int,
) -> alt.LayerChart:  # fmt: skip
    present = [name for name in colours if name in set(table[series])]
    scale = alt.Scale(domain=present, range=[colours[name] for name in present])
    colour = alt.Color(f"{series}:N", scale=scale, legend=legend_above())
    about = [alt.Tooltip(f"{series}:N"), alt.Tooltip("mean:Q", format=".2f"), alt.Tooltip("interval:N")]
    offset = alt.YOffset(f"{series}:N", scale=in_order(present))
    base = alt.Chart(rows(table)).encode(y, colour, offset, tooltip=about)
    zero = alt.Chart(rows(pd.DataFrame([{"zero": 0.0}]))).mark_rule(color=INK).encode(alt.X("zero:Q"))
    return layered(
        zero,
        base.mark_rule(strokeWidth=3).encode(
            alt.X("low:Q", title=along, axis=alt.Axis(titleAnchor="end", tickCount=6)), alt.X2("high:Q")
        ),
        base.mark_point(filled=True, size=110, opacity=1).encode(alt.X("mean:Q")),
        title=alt.Title(title, subtitle=subtitle),
        width="container",
        height=height,
        description=f"{title}: {len(table)} means with intervals.",
    )
