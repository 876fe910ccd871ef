"""Charts of what is left of an image: how much of it is read off each layer, and which factors."""

from __future__ import annotations

import numpy as np
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

CURVES = {
    "trained": (MODEL_COLOURS[0], "real"),
    "untrained": (MODEL_COLOURS[1], "untrained"),
    "images shuffled": (INK, "shuffled"),
}
PIXELS = "raw pixels"
LINES = {"pixels": PIXELS, "mean colour": "mean colour only"}


def rebuilt_by_depth(tables: Tables, *, pooling: str = "4x4", height: int = 420) -> alt.LayerChart:
    """Return R² of the thumbnail by depth, with its controls. Reads the table `rebuilt` of a thumbnail run."""
    table = tables["rebuilt"]
    curves = table[(table["pooling"] == pooling) & table["layer"].ne("")].copy()
    names = {control: name for name, (_, control) in CURVES.items()}
    curves["what"] = curves["control"].map(names)
    curves["interval"] = interval_text(curves["ci_low"], curves["ci_high"], 2)
    low = float(min(0.0, max(-0.3, curves["ci_low"].min())))
    scale = alt.Scale(domain=[low, 1.0], clamp=True)
    colours = alt.Scale(domain=list(CURVES), range=[colour for colour, _ in CURVES.values()])
    colour = alt.Color("what:N", scale=colours, legend=legend_above())
    y = alt.Y("r2:Q", title="R² of the thumbnail", scale=scale)
    about = [alt.Tooltip(f"{name}:N") for name in ("layer", "what", "interval")]
    base = alt.Chart(rows(curves)).encode(
        depth_axis("depth"), y, colour, tooltip=[*about, alt.Tooltip("r2:Q"), "dim:Q"]
    )
    fixed = table[table["control"].isin(list(LINES))].assign(what=lambda part: part["control"].map(LINES), depth=0.0)
    line = alt.Chart(rows(fixed)).encode(alt.Y("r2:Q", scale=scale))
    return layered(
        line.mark_rule(color=INK, strokeDash=[6, 4]),
        line.mark_text(align="left", dy=-8, dx=6, fontSize=SMALL_FONT).encode(alt.X("depth:Q"), alt.Text("what:N")),
        base.mark_rule(strokeWidth=2, opacity=0.7).encode(alt.Y("ci_low:Q", scale=scale), alt.Y2("ci_high:Q")),
        base.mark_line(strokeWidth=2),
        base.mark_point(filled=True, size=60, opacity=1),
        title=alt.Title("What of the picture a layer gives away", subtitle=_subtitle(pooling)),
        width="container",
        height=height,
        description=f"R² of a linearly decoded thumbnail at {curves['layer'].nunique()} layers, with controls.",
    )


def factor_map(tables: Tables, *, control: str = "real", height: int = 26, numbers: bool = True) -> alt.LayerChart:
    """Return a heat map: which factor (rows) can be read at which layer (columns). Reads the table `readings`.

    `control` is "real" or "untrained"; raw pixels are the first column. `height` is that of a row in pixels. A cell
    whose interval does not lie above 0 shows no number; without `numbers` (for narrow pages) it is gray.
    """
    table = tables["readings"]
    places = [PIXELS, *dict.fromkeys(table.loc[table["control"] == control, "layer"])]
    factors = _by_depth(table)
    above = alt.Axis(labelAngle=-35, labelFontSize=SMALL_FONT, labelOverlap=False, grid=False, orient="top")
    beside = alt.Axis(labelLimit=180, grid=False, labelOverlap=False)
    base = alt.Chart(rows(_cells(table, control, numbers))).encode(
        alt.X("place:N", title=None, scale=in_order(places), axis=above),
        alt.Y("factor:N", title=None, scale=in_order(factors), axis=beside),
        tooltip=["factor:N", alt.Tooltip("place:N", title="layer"), alt.Tooltip("r2:Q", title="R²", format=".2f"),
                 "interval:N", alt.Tooltip("accuracy:Q", format=".2f"), alt.Tooltip("chance:Q", format=".2f")],
    )  # fmt: skip
    scale = alt.Scale(domain=[0, 0.5, 1], range=["#e9e6df", MODEL_COLOURS[0], "#0b2f5c"], interpolate="rgb")
    ink = alt.condition("datum.colour > 0.3", alt.value("#ffffff"), alt.value("#23272b"))
    return layered(
        base.mark_rect(stroke="#ffffff", strokeWidth=1).encode(alt.Color("colour:Q", scale=scale, legend=_gradient())),
        base.mark_text(fontSize=12).encode(alt.Text("shown:N"), color=ink),
        title=alt.Title(
            "What can be read where",
            subtitle=["R² of a linear readout of new drawings.", "Gray: not shown to be above 0."],
        ),
        width="container",
        height=height * len(factors) + 150,
        description=f"R² of {len(factors)} factors at {len(places)} places.",
    )


def inverted_by_depth(tables: Tables, *, height: int = 260) -> alt.LayerChart:
    """Return how like the picture is what comes back from each layer by optimisation. Reads the table `summary`."""
    table = tables["summary"].copy()
    table["what"] = np.where(table["twin"].astype(bool), "untrained", "trained")
    table["interval"] = interval_text(table["likeness_low"], table["likeness_high"], 2)
    low = float(min(0.0, max(-0.5, table["likeness_low"].min())))
    scale = alt.Scale(domain=[low, 1.0], clamp=True)
    colours = alt.Scale(domain=["trained", "untrained"], range=list(MODEL_COLOURS[:2]))
    colour = alt.Color("what:N", scale=colours, legend=legend_above())
    about = [alt.Tooltip(f"{name}:N") for name in ("layer", "what", "interval")]
    base = alt.Chart(rows(table)).encode(
        depth_axis("depth"), alt.Y("likeness:Q", title="correlation of thumbnails", scale=scale), colour,
        tooltip=[*about, alt.Tooltip("likeness:Q"), alt.Tooltip("error:Q", format=".1%", title="error")],
    )  # fmt: skip
    return layered(
        base.mark_rule(strokeWidth=2, opacity=0.7).encode(
            alt.Y("likeness_low:Q", scale=scale), alt.Y2("likeness_high:Q")
        ),
        base.mark_line(strokeWidth=2),
        base.mark_point(filled=True, size=70, opacity=1),
        title=alt.Title("How like the picture the result is", subtitle="Mean and 95 % interval over random starts."),
        width="container",
        height=height,
        description=f"Likeness of the picture rebuilt from {table['layer'].nunique()} layers.",
    )


def _cells(table: pd.DataFrame, control: str, numbers: bool) -> pd.DataFrame:
    """Return a row per factor and place, with its colour and the number that is written on it."""
    here = table[table["control"].isin([control, "pixels"])].copy()
    sure = here["ci_low"] > 0
    here["place"] = np.where(here["control"] == "pixels", PIXELS, here["layer"])
    here["interval"] = interval_text(here["ci_low"], here["ci_high"], 2)
    here["shown"] = [f"{r2:.2f}" if numbers and there else "" for r2, there in zip(here["r2"], sure, strict=True)]
    return here.assign(colour=here["r2"].where(sure, 0.0))


def _gradient() -> alt.Legend:
    return alt.Legend(title="R²", orient="bottom", direction="horizontal", gradientLength=150, titleOrient="left")


def _subtitle(pooling: str) -> list[str]:
    kept = "the average over all places" if pooling == "avg" else f"a {pooling.replace('x', ' × ')} grid of averages"
    return [f"Linear readout of {kept}, on new images.", "Dashed: the same from pixels. Bars: 95 % intervals."]


def _by_depth(table: pd.DataFrame) -> list[str]:
    """Return the factors, those first that are read best early, last those read best late."""
    real = table[table["control"] == "real"]
    strength = real["r2"].clip(lower=0)
    weighed = (strength * real["depth"]).groupby(real["factor"]).sum() / strength.groupby(real["factor"]).sum()
    best = strength.groupby(real["factor"]).max()
    weighed[best < 0.1] = 2.0
    return [str(name) for name in weighed.sort_values(kind="stable").index]
