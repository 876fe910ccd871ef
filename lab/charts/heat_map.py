"""Heat maps of rungs against layers, checkpoints or explanations: a number in each cell that is clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.theme import MODEL_COLOURS, SMALL_FONT, Tables, in_order, layered, rows

NOT_SHOWN = "#e9e6df"
ACCURACY_COLOURS = [NOT_SHOWN, MODEL_COLOURS[0], "#0b2f5c"]
ACCURACIES, ACCURACY_DARK = (0.5, 0.75, 1.0), 0.68
_ROW, _AROUND = 30, 210  # pixels


def heat_map(
    cells: pd.DataFrame,
    y: alt.Y,
    colours: tuple[Sequence[float], Sequence[str]],
    title: alt.Title,
    tooltip: Sequence[Any],
    *,
    dark: float,
    legend: str = "",
    angle: int = -35,
    pick: alt.Parameter | None = None,
) -> alt.LayerChart:
    """Return places from left to right against `y`, one row of `cells` each.

    Its columns are `place` (in this order), `value` (by which it is coloured, white on what is further from 0 than
    `dark`) and `shown` (the text in it), and what `y` and the `tooltip` name. `colours` are values and their colours.
    """
    places = list(dict.fromkeys(cells["place"]))
    above = alt.Axis(labelAngle=angle, labelFontSize=SMALL_FONT, labelOverlap=False, grid=False, orient="top")
    base = alt.Chart(rows(cells.assign(ink=np.abs(cells["value"]) > dark))).encode(
        alt.X("place:N", title=None, scale=in_order(places), axis=above), y, tooltip=list(tooltip)
    )
    bar = alt.Legend(title=legend, orient="bottom", direction="horizontal", gradientLength=150, titleOrient="left")
    scale = alt.Scale(domain=list(colours[0]), range=list(colours[1]), interpolate="rgb", clamp=True)
    colour = alt.Color("value:Q", scale=scale, legend=bar if legend else None)
    tiles = base.mark_rect(stroke="#ffffff", strokeWidth=1, cursor="pointer" if pick else alt.Undefined).encode(colour)
    ink = alt.condition("datum.ink", alt.value("#ffffff"), alt.value("#23272b"))
    count = int(cells["place"].value_counts().max()) if len(cells) else 0
    return layered(
        tiles.add_params(pick) if pick else tiles,
        base.mark_text(fontSize=12).encode(alt.Text("shown:N"), color=ink),
        title=title,
        width="container",
        height=_ROW * count + _AROUND,
        description=f"{legend or 'Right explanations'} of {count} rows at {len(places)} places.",
    )


def rung_axis(tables: Tables, *, grid: bool = False, small: bool = False) -> alt.Y:
    """Return the axis of rungs, the highest at its top; `small` leaves their names out."""
    names = list(tables["rungs"].sort_values("position", ascending=False)["rung"])
    axis = alt.Axis(labelLimit=160, grid=grid, labelOverlap=False, labels=not small, ticks=not small, domain=False)
    return alt.Y("rung:N", title=None, scale=in_order(names), axis=axis)
