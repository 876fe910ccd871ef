"""Charts of several labels an image: the mean AUC by depth with its controls, and each label at each layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.lazy_altair import alt
from lab.charts.theme import (
    HEIGHT,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    layers_of,
    of_model,
    only_model,
    rows,
)

PIXELS = "raw pixels"
ROW = 28  # pixels


def mean_auc_by_depth(tables: Tables, *, metric: str = "mean_auc", height: int = HEIGHT) -> alt.LayerChart:
    """Return the mean AUC (or the mean average precision: `metric` "mean_average_precision") by depth, with the
    controls as quieter dashed lines."""
    return accuracy_by_depth(tables, metric=metric, height=height)


def label_map(tables: Tables, model: str | None = None, *, numbers: bool = True) -> alt.LayerChart:
    """Return a heat map: how well each label (rows, those read earliest first) is read at each layer (columns).

    A cell whose interval does not lie above guessing is gray; without `numbers` (for narrow pages) none is written and
    layers stand upright.
    """
    name = only_model(tables["layers"], model)
    table = tables["labels"]
    here = table[(table["model"] == name) | (table["control"] == "pixels")].copy()
    sure = here["ci_low"] > 0.5
    here = here.assign(
        place=np.where(here["control"] == "pixels", PIXELS, here["layer"]),
        interval=interval_text(here["ci_low"], here["ci_high"], 2),
        shown=[f"{auc:.2f}" if numbers and there else "" for auc, there in zip(here["auc"], sure, strict=True)],
        colour=here["auc"].where(sure, 0.5),
    )
    places = [*([PIXELS] if (here["place"] == PIXELS).any() else []), *layers_of(tables["layers"], name)]
    emergence = of_model(tables["emergence"], name)
    order = list(emergence.sort_values(["reached", "depth"], ascending=[False, True], kind="stable")["label"])
    angle = -35 if numbers else -90
    above = alt.Axis(labelAngle=angle, labelFontSize=SMALL_FONT, labelOverlap=False, grid=False, orient="top")
    tooltip = [
        alt.Tooltip("label:N"), alt.Tooltip("place:N", title="layer"), alt.Tooltip("auc:Q", title="AUC", format=".3f"),
        interval_tooltip(), alt.Tooltip("average_precision:Q", title="average precision", format=".3f"),
        alt.Tooltip("positives:Q", title="images with it"),
    ]  # fmt: skip
    base = alt.Chart(rows(here)).encode(
        alt.X("place:N", title=None, scale=in_order(places), axis=above),
        alt.Y("label:N", title=None, scale=in_order(order), axis=alt.Axis(labelLimit=180, grid=False)),
        tooltip=tooltip,
    )
    scale = alt.Scale(domain=[0.5, 0.75, 1], range=["#e9e6df", MODEL_COLOURS[0], "#0b2f5c"], interpolate="rgb")
    legend = alt.Legend(title="AUC", orient="bottom", direction="horizontal", gradientLength=150, titleOrient="left")
    ink = alt.condition("datum.colour > 0.65", alt.value("#ffffff"), alt.value("#23272b"))
    return layered(
        base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(alt.Color("colour:Q", scale=scale, legend=legend)),
        base.mark_text(fontSize=12).encode(alt.Text("shown:N"), color=ink),
        title=alt.Title(
            "Which label is read where", subtitle=["AUC of a probe a label, held out.", "Gray: not above guessing."]
        ),
        width="container",
        height=ROW * len(order),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),  # the height is the plot's own
        description=_description(here, name),
    )


def _description(here: pd.DataFrame, name: str) -> str:
    own = here[here["control"] == "probe"]
    best = own.loc[own.groupby("label", sort=False)["auc"].idxmax()]
    told = [f"{row['label']} best at {row['layer']} ({row['auc']:.2f})" for _, row in best.iterrows()]
    return f"AUC of {own['label'].nunique()} labels by layer of {name}: {'; '.join(told)}."
