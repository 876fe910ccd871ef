"""Which images and which classes come apart where: confusions, depth of decision, emergence per pair of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.picking import CHOSEN
from lab.charts.tables import LUCK, NEVER, confusion, decided_at
from lab.charts.theme import (  # fmt: skip
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    class_colour,
    classes_of,
    depth_axis,
    in_order,
    interval_text,
    interval_tooltip,
    layer_axis,
    layered,
    layers_of,
    legend_above,
    model_colour,
    models_of,
    names_axis,
    of_model,
    only_model,
    rows,
    side_by_side,
)
from lab.errors import LabError

DECIDED_PICK = "decided_pick"  # the selection a page reads: field layer
MOST_PAIRS = 40
LEAST_SIDE = 320  # pixels of a confusion matrix: its labels and numbers are read from the back of a room
MOST_WRITTEN = 12  # classes up to which a confusion cell holds its number
_TICK: dict[str, Any] = {
    "color": INK,
    "thickness": 4,
    "stroke": "#ffffff",
    "strokeWidth": 0.8,
}  # seen on bars and on the paper
_CELLS = ("#e9eef6", "#123f7a")  # none to all of a class: dark text on the lighter half, white on the darker


def confusion_matrix(
    tables: Tables, model: str | None = None, layer: str | None = None, side: int = 0, moving: bool = False
) -> alt.LayerChart:
    """Return the confusion matrix of the probe on `layer` (None: the last): counts of images, shaded by row share.

    `side` is the matrix's, in pixels; 0 lets it grow with the classes. `moving` is for a page that gives it the rows of
    one layer after the other, as `CHOSEN`: nothing else in it says which layer it is of.
    Raises LabError for an unknown model or layer.
    """
    name = only_model(tables["predictions"], model)
    where = layer or layers_of(tables["predictions"], name)[-1]
    table = confusion_rows(tables, name, where)
    classes = classes_of(tables)
    side = side or min(max(62 * len(classes), LEAST_SIDE), 560)
    turned = -50 if max(map(len, classes)) * 8 > side / len(classes) else 0
    base = alt.Chart(alt.NamedData(CHOSEN) if moving else rows(table)).encode(
        alt.X("predicted:N", title="predicted class", **_cells(classes, turned)),
        alt.Y("class:N", title="true class", **_cells(classes, 0)),
    )
    tooltip = [
        alt.Tooltip("class:N", title="true class"), alt.Tooltip("predicted:N"), alt.Tooltip("images:Q"),
        alt.Tooltip("share:Q", title="share of the true class", format=".3f"),
    ]  # fmt: skip
    shade = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=list(_CELLS)), legend=None)
    parts = [base.mark_rect(cornerRadius=3).encode(shade, tooltip=tooltip)]
    if len(classes) <= MOST_WRITTEN:
        ink = alt.condition("datum.share > 0.5", alt.value("#ffffff"), alt.value("#1c2733"))
        parts.append(
            base.mark_text(fontSize=20 if len(classes) <= 6 else 15, fontWeight=600).encode(
                alt.Text("images:Q"), color=ink
            )
        )
    whole = layered(*parts, width=side, height=side, description=f"Confusion matrix of {name}.")
    if moving:
        return whole
    right = int(table.loc[table["class"] == table["predicted"], "images"].sum())
    told = f"{right} of {table['images'].sum()} images right"
    return whole.properties(
        title=alt.Title(f"Held-out predictions at {where}", subtitle=told),
        description=f"Confusion matrix of {name} at {where}: {told}.",
    )


def depth_of_decision(tables: Tables, model: str | None = None) -> alt.LayerChart:
    """Return, per layer, how many images are decided there beyond luck, stacked by class; ticks: luck included.

    A click on a bar sets the selection `decided_pick` (field layer).
    """
    name = only_model(tables["decisions"], model)
    order = [*layers_of(tables["layers"], name), LUCK, NEVER]
    table = decision_counts(tables, name)
    count = int(table["images"].sum())
    never, lucky = (int(table.loc[table["layer"] == which, "images"].sum()) for which in (NEVER, LUCK))
    y = alt.Y("images:Q", title="images", axis=alt.Axis(tickMinStep=1, labelFontSize=SMALL_FONT))
    pick = alt.selection_point(name=DECIDED_PICK, fields=["layer"], empty=False)
    bars = alt.Chart(rows(table)).mark_bar(cornerRadiusEnd=2, cursor="pointer").add_params(pick).encode(
        layer_axis(order, "layer at which an image is decided"),
        y,
        class_colour(classes_of(tables)),
        tooltip=[alt.Tooltip("layer:N", title="decided at"), alt.Tooltip("class:N"), alt.Tooltip("images:Q")],
    )  # fmt: skip
    ticks = alt.Chart(rows(luck_rows(tables, name))).mark_tick(**_TICK).encode(
        layer_axis(order, "layer at which an image is decided"),
        alt.Y("starting:Q"),
        tooltip=[
            alt.Tooltip("layer:N"), alt.Tooltip("starting:Q", title="right for good from here, luck included"),
            alt.Tooltip("right_from_here:Q", title="from here or before"),
            alt.Tooltip("by_luck:Q", title="of these by luck alone", format=".1f"),
        ],
    )  # fmt: skip
    return layered(
        bars,
        ticks,
        title=alt.Title(
            "Depth of decision",
            subtitle=[  # lines that a phone shows whole
                "Bar: decided beyond luck.",
                "Tick: right for good from here, luck included.",
                f"{never} of {count} never right in every repeat at the end.",
            ],
        ),
        width="container",
        height=320,
        description=f"Bars per layer of {name}: images decided there beyond luck; {lucky} of {count} are right at the "
        f"end within luck, {never} never.",
    )


def image_by_depth(tables: Tables, model: str | None = None, *, image: str, height: int = 190) -> alt.LayerChart:
    """Return how probable the probe of each layer finds one image's own class; hollow where it names another.

    Raises LabError for an unknown model or image.
    """
    name = only_model(tables["predictions"], model)
    table = of_model(tables["predictions"], name)
    table = table[table["image"] == image].sort_values("depth", kind="stable")
    if table.empty:
        raise LabError(f"this run has no image {image!r}; the table images lists those it has")
    own = str(table["class"].iloc[0])
    table = table.assign(right=np.where(table["predicted"] == own, "right", "another class"))
    y = alt.Y(
        "p_true:Q", title=f"probability of {own}", scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format=".1f", tickCount=3, labelFontSize=SMALL_FONT),
    )  # fmt: skip
    taken = alt.Tooltip("predicted:N", title="taken for")
    tooltip = [alt.Tooltip("layer:N"), taken, alt.Tooltip("p_true:Q", format=".2f")]
    fill = alt.Scale(domain=["right", "another class"], range=[MODEL_COLOURS[0], "transparent"])
    base = alt.Chart(rows(table[["layer", "depth", "predicted", "p_true", "right"]])).encode(depth_axis("depth"), y)
    return layered(
        base.mark_line(strokeWidth=2.5, color=MODEL_COLOURS[0]),
        base.mark_point(size=90, stroke=MODEL_COLOURS[0], strokeWidth=2, opacity=1).encode(
            fill=alt.Fill("right:N", scale=fill, legend=legend_above()), tooltip=tooltip
        ),
        title=alt.Title("One image through all layers", subtitle=image),
        width="container",
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),  # the height is the plot's own
        height=height,
        description=f"Probability that the probe of each layer of {name} gives to {own}, the class of {image}.",
    )  # fmt: skip


def emergence_by_pair(tables: Tables, models: Sequence[str] | None = None) -> alt.LayerChart:
    """Return, per pair of classes, the depth at which it comes apart with its 95 % interval; hollow: not reached."""
    names = models_of(tables["emergence"], models)
    table, order = pair_rows(tables, names)
    shown = list(dict.fromkeys(table["pair"]))
    tooltip = [
        alt.Tooltip("pair:N", title="classes"), alt.Tooltip("model:N"), alt.Tooltip("layer:N"),
        alt.Tooltip("depth:Q", title="emergence depth", format=".3f"), interval_tooltip(), alt.Tooltip("reached:N"),
    ]  # fmt: skip
    colour = model_colour(names)
    base = alt.Chart(rows(table)).encode(names_axis("pair", shown), colour, *side_by_side(names), tooltip=tooltip)
    spans = base.transform_filter("datum.reached").mark_rule(strokeWidth=5, opacity=0.45, strokeCap="round")
    filled = alt.condition("datum.reached", alt.value(1), alt.value(0))
    fill = alt.Fill("model:N", scale=colour["scale"], legend=None)
    some = f"The {len(shown)} earliest and latest of {order} pairs. " if len(shown) < order else ""
    return layered(
        spans.encode(depth_axis("ci_low", titleAnchor="end"), alt.X2("ci_high:Q")),
        base.mark_point(size=130, strokeWidth=2, opacity=1).encode(
            depth_axis("at", titleAnchor="end"), fill, fillOpacity=filled
        ),
        title=alt.Title(
            "Where each pair of classes comes apart", subtitle=f"{some}Bar: 95 % interval. Hollow: not reached."
        ),
        width="container",
        height=alt.Step(26 if len(names) == 1 else 20),
        description=_emergence_text(table),
    )


def confusion_rows(tables: Tables, model: str, layer: str) -> pd.DataFrame:
    """Return class, predicted, images, share (of the true class): a row per cell of the matrix."""
    counts = confusion(tables, model, layer).to_dict("index")
    return pd.DataFrame(
        [
            {"class": true, "predicted": guess, "images": images, "share": images / max(sum(row.values()), 1)}
            for true, row in counts.items()
            for guess, images in row.items()
        ]
    )


def decision_counts(tables: Tables, model: str) -> pd.DataFrame:
    """Return layer, class, images: how many images of each class are decided at each layer, or `LUCK`, or `NEVER`."""
    here = of_model(tables["decisions"], model)
    return here.assign(layer=decided_at(here)).groupby(["layer", "class"], sort=False).size().reset_index(name="images")


def luck_rows(tables: Tables, model: str) -> pd.DataFrame:
    """Return the rows of `decision_luck` with `starting`: images right for good from exactly there, luck included."""
    here = of_model(tables["decision_luck"], model).sort_values("depth", kind="stable")
    before = here["right_from_here"].shift(fill_value=0)
    return here.assign(starting=here["right_from_here"] - before)


def pair_rows(tables: Tables, models: Sequence[str]) -> tuple[pd.DataFrame, int]:
    """Return the emergence table by pair, earliest first, and how many pairs there are in all.

    Added columns: pair, interval, at (the depth, or 1 where it was not reached). Of more than `MOST_PAIRS` pairs, the
    earliest and the latest are kept.
    """
    table = tables["emergence"]
    table = table[table["model"].isin(models)]
    table = table.assign(
        pair=table["class_a"] + " / " + table["class_b"],
        interval=interval_text(table["ci_low"], table["ci_high"]),
        at=table["depth"].where(table["reached"].astype(bool), 1.0),
    )
    order = table.groupby("pair")["at"].mean().sort_values(kind="stable").index.tolist()
    half = MOST_PAIRS // 2
    shown = [*order[:half], *order[-half:]] if len(order) > MOST_PAIRS else order
    table = table[table["pair"].isin(shown)]
    return table.iloc[table["pair"].map(shown.index).argsort(kind="stable")].reset_index(drop=True), len(order)


def _cells(classes: Sequence[str], angle: int) -> dict[str, Any]:
    axis = alt.Axis(labelLimit=140, labelFontSize=SMALL_FONT, labelAngle=angle, domain=False, ticks=False)
    return {"scale": in_order(classes, paddingInner=0.05), "axis": axis}


def _emergence_text(table: pd.DataFrame) -> str:
    told = [
        f"{row['pair']} in {row['model']}: " + (f"depth {row['depth']:.2f}" if row["reached"] else "not reached")
        for _, row in table.head(10).iterrows()
    ]
    return "Emergence depth per pair of classes. " + "; ".join(told) + "."
