"""Charts of attributions: what random weights do to maps, what pixels are worth, what maps find on drawn pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lab.attributions.methods import METHODS
from lab.charts.lazy_altair import alt
from lab.charts.overlays import overlay_sheet
from lab.charts.theme import (
    INK,
    MODEL_COLOURS,
    NOT_PASSED,
    PASSED,
    SMALL_FONT,
    Tables,
    in_order,
    layer_axis,
    layered,
    legend_above,
    rows,
)
from lab.experiments.attribution.map_findings import ALIKE, RANDOM
from lab.experiments.attribution.score_findings import finds
from lab.experiments.result import Result

PIXELS = "the pixels"
INTACT = "none"
OWN = "the map"
WAYS = {"insertion": "put back", "deletion": "taken away"}
# From the first layer to the last; both ends stand out from a light and a dark page.
DEPTH_COLOURS = ("#8d9299", "#7b86b8", "#5f7fd0", "#2474cf", "#8250df", "#b23680", "#d9621f")
SHARES = {
    "share": "the map",
    "untrained": "the untrained network's map",
    "edges": "an edge detector",
    "area": "an even map (area)",
}


def randomisation(tables: Tables, *, method: str, score_at: str = "", height: int = 460) -> alt.LayerChart:
    """Return how alike a method's maps stay while weights are made random from the output on, one line per layer.

    Reads `randomised`; a score at a layer (`score_at`) has its own lines. Dotted: above it a map counts as the same.
    """
    table = tables["randomised"]
    table = table[(table["method"] == method) & _of_score(table, method, score_at)]
    mean = table.groupby(["layer", "step", "upto"], sort=False)["similarity"].mean().reset_index()
    start = pd.DataFrame({"layer": mean["layer"].unique(), "step": -1, "upto": INTACT, "similarity": 1.0})
    drawn = pd.concat([start, mean]).replace({"layer": {"": PIXELS}})
    names = list(drawn["layer"].unique())
    axis = alt.Axis(labelAngle=-50, labelLimit=160, labelOverlap=False, labelFontSize=12, grid=False)
    order = list(dict.fromkeys(drawn.sort_values("step")["upto"]))
    x = alt.X("upto:N", title="weights are random from here to the output", scale=in_order(order), axis=axis)
    y = alt.Y("similarity:Q", title="rank correlation with the map", axis=alt.Axis(tickCount=6))
    lines = alt.Chart(rows(drawn)).encode(
        x,
        y,
        _by_depth(names),
        alt.Order("step:Q"),
        tooltip=["layer:N", alt.Tooltip("upto:N", title="random from"), _number("similarity")],
    )
    bar = alt.Chart(rows(pd.DataFrame({"similarity": [ALIKE]}))).mark_rule(strokeDash=[2, 4], color=INK).encode(y)
    return layered(
        bar, lines.mark_line(strokeWidth=2), lines.mark_point(filled=True, size=36, opacity=1),
        title=alt.Title("Random weights", subtitle="A map of what was learned falls below the line."),
        width="container", height=height,
        description=f"Rank correlation of {METHODS[method].title} with its maps in networks made random step by step.",
    )  # fmt: skip


def insertion_deletion(
    tables: Tables, *, method: str, layer: str, score_at: str = "", height: int = 400
) -> alt.LayerChart:
    """Return the class's probability while a map's pixels come back into a blurred picture, or are blurred away.

    Reads `curves`; random squares are beside it, each draw a thin line.
    """
    here = tables["curves"][tables["curves"]["score_at"] == score_at]
    own = here[(here["method"] == method) & (here["layer"] == layer)].assign(order=OWN)
    long = pd.concat([own, here[here["method"] == RANDOM].assign(order=RANDOM)]).melt(
        ["order", "draw", "share"], list(WAYS), "way", "probability"
    )
    long["way"] = long["way"].map(WAYS)
    long["line"] = long["order"] + long["draw"].astype(str) + long["way"]
    x = alt.X(
        "share:Q", title="share of the picture, the map's strongest pixels first",
        axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1], grid=False, labelFontSize=SMALL_FONT),
    )  # fmt: skip
    y = alt.Y("probability:Q", title="probability of the class", axis=alt.Axis(tickCount=5, labelFontSize=SMALL_FONT))
    colours = alt.Scale(domain=[OWN, RANDOM], range=[MODEL_COLOURS[0], INK])
    dashes = alt.Scale(domain=list(WAYS.values()), range=[[1, 0], [6, 4]])
    base = alt.Chart(rows(long)).encode(
        x, y, alt.Color("order:N", scale=colours, legend=legend_above()),
        alt.StrokeDash("way:N", scale=dashes, legend=None),
        alt.Detail("line:N"), tooltip=["order:N", "way:N", _number("share"), _number("probability")],
    )  # fmt: skip
    thick, thin = (base.transform_filter(alt.FieldEqualPredicate(field="order", equal=one)) for one in (OWN, RANDOM))
    where = layer or PIXELS
    return layered(
        thin.mark_line(strokeWidth=1, opacity=0.6), thick.mark_line(strokeWidth=3),
        title=alt.Title(
            "Do its pixels matter?",
            subtitle=[
                f"{METHODS[method].title}, {where}, against random squares.",
                "Solid: shown on a blurred picture. Dashed: blurred.",
            ],
        ),
        width="container", height=height,
        description=f"Probability of the class by share of the picture, in the order of {METHODS[method].title} at "
        f"{where} and in random orders.",
    )  # fmt: skip


def shares_by_layer(tables: Tables, *, method: str, height: int = 460) -> alt.LayerChart:
    """Return a method's share on the parts that differ by layer, beside what knows nothing of them; reads `summary`."""
    table = tables["summary"]
    own = table[(table["method"] == method) & (table["role"] == "trained")].copy()
    own["untrained"] = own["share"] - own["over_untrained"]
    own["low"] = own["area"] + own["over_area_low"]
    own["high"] = own["area"] + own["over_area_high"]
    long = own.melt(["layer"], list(SHARES), "what", "value").dropna()
    long["what"] = long["what"].map(SHARES)
    names = list(own["layer"])
    x = layer_axis(names, "layer whose probe is explained")
    top = float(np.ceil(max(long["value"].max(), own["high"].max()) * 20) / 20)
    scale = alt.Scale(domain=[0, max(top, 0.05)], nice=False)
    axis = alt.Axis(format=".0%", tickCount=6, labelFontSize=SMALL_FONT)
    y = alt.Y("value:Q", title="share on the parts that differ", scale=scale, axis=axis)
    colours = [MODEL_COLOURS[0], MODEL_COLOURS[1], MODEL_COLOURS[3], INK]
    base = alt.Chart(rows(long)).encode(
        x, y,
        alt.Color(
            "what:N", scale=alt.Scale(domain=list(SHARES.values()), range=colours),
            legend=legend_above(columns=2, labelLimit=260),
        ),
        tooltip=["layer:N", "what:N", alt.Tooltip("value:Q", format=".1%")],
    )  # fmt: skip
    bars = alt.Chart(rows(own[["layer", "low", "high"]])).mark_rule(strokeWidth=2, color=MODEL_COLOURS[0])
    return layered(
        base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=46, opacity=1),
        bars.encode(x, alt.Y("low:Q", scale=scale, axis=axis), alt.Y2("high:Q")),
        title=alt.Title(
            f"Where {METHODS[method].title} points",
            subtitle=f"mean of {int(own['images'].iloc[0])} drawn pictures · bars: 95 % interval",
        ),
        width="container", height=height,
        description=f"Share of {METHODS[method].title} on the parts that differ between the classes, by layer.",
    )  # fmt: skip


def share_matrix(tables: Tables) -> alt.LayerChart:
    """Return every method at every layer: its share on the parts that differ as multiple of their area.

    Reads `summary`. Framed: above area, edges and the untrained network, each with its 95 % interval.
    """
    own = tables["summary"][tables["summary"]["role"] == "trained"].copy()
    own["name"] = own["method"].map(lambda name: METHODS[name].title)
    own["times"] = own["share"] / own["area"]
    own["text"] = own["times"].map("{:.1f}×".format)
    own["passes"] = ["yes" if finds(row) else "no" for row in own.to_dict("records")]
    framed = "framed: above" if (own["passes"] == "yes").any() else "none is above"
    layers, names = list(dict.fromkeys(own["layer"])), list(dict.fromkeys(own["name"]))
    most = max(2.0, float(own["times"].max()))
    axis = alt.Axis(labelLimit=240, labelFontSize=SMALL_FONT, grid=False)
    y = alt.Y("name:N", scale=in_order(names), title=None, axis=axis)
    base = alt.Chart(rows(own)).encode(layer_axis(layers, "layer whose probe is explained"), y)
    scale = alt.Scale(domain=[0, 1, most], range=[NOT_PASSED, "#c4c7ca", PASSED], clamp=True)
    cells = base.mark_rect(cornerRadius=2).encode(
        alt.Color("times:Q", scale=scale, legend=None),
        tooltip=[
            "name:N", "layer:N", alt.Tooltip("share:Q", format=".1%"), alt.Tooltip("area:Q", format=".1%"),
            alt.Tooltip("edges:Q", format=".1%"), alt.Tooltip("passes:N", title="above all comparisons"),
        ],
    )  # fmt: skip
    frames = base.transform_filter(alt.FieldEqualPredicate(field="passes", equal="yes")).mark_rect(
        fillOpacity=0, stroke="#16191c", strokeWidth=2.5, cornerRadius=2
    )
    text = base.mark_text(fontSize=12, color="#16191c").encode(alt.Text("text:N"))
    return layered(
        cells, frames, text,
        title=alt.Title(
            "Each method at each layer",
            subtitle=[
                "Times what an even map has there;", f"{framed} area, edges and untrained network, with 95 % interval.",
            ],
        ),
        width="container", height=44 * len(names) + 150,
        description=f"Share on the parts that differ, as multiple of their area, of {len(names)} methods at "
        f"{len(layers)} layers.",
    )  # fmt: skip


def attribute_charts(result: Result) -> dict[str, alt.TopLevelMixin]:
    """Return the charts of a result by file name."""
    methods = result["maps"].groupby("method", sort=False)
    charts: dict[str, alt.TopLevelMixin] = {
        f"maps-{name}": overlay_sheet(result.tables, method=str(name)) for name, _ in methods
    }
    for method, maps in methods if "randomised" in result.tables else ():
        last = maps.iloc[-1]
        at = str(last["score_at"])
        charts[f"random-weights-{method}"] = randomisation(result.tables, method=str(method), score_at=at)
        charts[f"places-{method}"] = insertion_deletion(
            result.tables, method=str(method), layer=str(last["layer"]), score_at=at
        )
    return charts


def score_charts(result: Result) -> dict[str, alt.TopLevelMixin]:
    """Return the charts of a result by file name."""
    methods = [str(method) for method in result["summary"]["method"].unique()]
    by_layer = {f"shares-{method}": shares_by_layer(result.tables, method=method) for method in methods}
    return {"matrix": share_matrix(result.tables), **by_layer}


def _of_score(table: pd.DataFrame, method: str, score_at: str) -> pd.Series:
    """Pick the rows of one score; maps at layers of their own probes are drawn together."""
    if METHODS[method].where == "layer" and table["score_at"].nunique() > 1:
        return pd.Series(True, index=table.index)
    return table["score_at"] == score_at


def _by_depth(names: Sequence[str]) -> alt.Color:
    steps = np.linspace(0, len(DEPTH_COLOURS) - 1, max(2, len(names)))
    colours = [DEPTH_COLOURS[round(float(step))] for step in steps][: len(names)]
    legend = legend_above(columns=3, labelLimit=140)
    return alt.Color("layer:N", scale=in_order(names, range=colours), legend=legend)


def _number(field: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", format=".3f")
