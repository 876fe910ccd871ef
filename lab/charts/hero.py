"""The whole story of one network in one picture: what its layers know, how its images move apart, and what each sees.

From the top: at a few depths a map of the images; the probe of every layer between its controls; below, at the same
depths, the patches that excite a channel most where they are known, otherwise the images that are decided there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lab.charts.accuracy import LABELLED_MODELS, Labels, accuracy_by_depth, lane_of
from lab.charts.curves import curve_rows, emergence_rows, value_domain
from lab.charts.lazy_altair import alt
from lab.charts.map_rows import wide_rows
from lab.charts.maps import with_thumbnails
from lab.charts.tables import gallery
from lab.charts.theme import (  # fmt: skip
    INK,
    SMALL_FONT,
    Tables,
    class_colour,
    class_shape,
    classes_of,
    depth_axis,
    layered,
    layers_of,
    models_of,
    only_model,
    rows,
)

Patches = tuple[tuple[float, str], ...]
WIDTH, PLACES = 900, 5  # pixels of the curve, and depths that are shown above and below it
ROOMY = 500  # pixels of width below which the curves' ends have no names
ROOM_OF_A_NAME = 130  # pixels of a place below which its layer and accuracy are set in two lines
ACROSS, MOST = 3, 6  # pictures beside each other at a depth, and in all
DECIDED, EXCITING = "Right for good from about here on", "What excites a channel most"


def hero(
    tables: Tables, model: str | None = None, *, patches: Patches = (), width: int = WIDTH,
    places: int = PLACES, height: int = 250, chosen: bool = False, others: Sequence[str] = (),
    metric: str = "accuracy", controls: Sequence[str] | None = None,
) -> alt.VConcatChart:  # fmt: skip
    """Return the picture of one network of a probe run; `patches` are pairs of a depth and the URL of a picture.

    What the run does not have (maps, thumbnails) is left out. The curves of `others` stand beside its own; `metric`,
    `controls` and `chosen` (for a page) are as in `accuracy_by_depth`. Raises LabError for an unknown model.
    """
    name = only_model(tables["layers"], model)
    names = [one for one in models_of(tables["layers"]) if one == name or one in others]
    shown = shown_layers(tables, name, places, patches, metric)
    where: Labels = "ends" if width >= ROOMY and len(names) <= LABELLED_MODELS else "legend"
    curve = accuracy_by_depth(
        tables, models=names, height=height, labels=where, chosen=chosen, metric=metric, controls=controls
    )
    about = [f"{name}, from input to output", *_lines(curve.title) * chosen]
    curve.width = width
    curve.title = curve.autosize = curve.description = alt.Undefined  # those are the whole picture's
    lane = lane_of(emergence_rows(tables, names), height)
    top = value_domain(curve_rows(tables, metric=metric, models=names, controls=controls), lane=lane)[1]
    curve.layer = [_leaders(shown, top), *curve.layer]
    parts: list[alt.LayerChart] = []
    if len(tables.get("projection", ())):
        parts.append(_maps(tables, name, shown, width))
    parts.append(curve)
    pictures = picture_rows(tables, name, shown, patches)
    if len(pictures):
        parts.append(_pictures(tables, pictures, width, len(shown)))
    classes = " and ".join(classes_of(tables)) if len(classes_of(tables)) == 2 else f"{len(classes_of(tables))} classes"
    return alt.vconcat(*parts, spacing=6).resolve_scale(color="independent", shape="independent").properties(
        title=alt.Title(f"How {classes} come apart", subtitle=about),
        description=f"Maps of the images at {len(shown)} depths of {name}, the accuracy of a probe at every layer with "
        "its controls below them, and pictures from the same depths.",
    )  # fmt: skip


def shown_layers(
    tables: Tables, model: str, places: int = PLACES, patches: Patches = (), metric: str = "accuracy"
) -> pd.DataFrame:
    """Return the layers that are shown: layer, depth, value and `at`, where its place lies across (0 to 1).

    From the first to the last, evenly; where there are patches, of the layers that these are nearest to.
    """
    probe = curve_rows(tables, metric=metric, models=[model], controls=()).query("control == 'probe'")
    depths = probe["depth"].to_numpy()
    known = sorted({int(np.abs(depths - depth).argmin()) for depth, _ in patches}) or list(range(len(probe)))
    chosen = np.unique(np.linspace(0, len(known) - 1, min(places, len(known))).round().astype(int))
    found = probe.iloc[[known[k] for k in chosen]][["layer", "depth", "value"]]
    return found.assign(at=(np.arange(len(found)) + 0.5) / len(found)).reset_index(drop=True)


def picture_rows(tables: Tables, model: str, shown: pd.DataFrame, patches: Patches = ()) -> pd.DataFrame:
    """Return at (the middle of a place), number, and url or image: at most `MOST` for each of the `shown` layers.

    They are the patches of the nearest depth; without any, the images decided since the place before.
    """
    if patches:
        found = pd.DataFrame(patches, columns=["depth", "url"])
        depths = found["depth"].unique()
        groups = [found[found["depth"] == depths[np.abs(depths - depth).argmin()]] for depth in shown["depth"]]
    else:
        decided = gallery(tables, model).dropna(subset=["thumbnail", "depth_of_decision"])
        found = decided.rename(columns={"depth_of_decision": "depth"})
        ends = [-1.0, *shown["depth"]]
        since = [found["depth"].between(*pair, inclusive="right") for pair in pairwise(ends)]
        groups = [found[here] for here in since]
    kind = "url" if patches else "image"
    return pd.DataFrame(
        [
            {"at": at, "number": number, kind: one}
            for at, group in zip(shown["at"], groups, strict=True)
            for number, one in enumerate(group[kind].head(MOST))
        ],
        columns=["at", "number", kind],
    )


def _maps(tables: Tables, model: str, shown: pd.DataFrame, width: int) -> alt.LayerChart:
    """The images at each shown depth, each map in its place, under its layer's name and accuracy."""
    wide, order = wide_rows(tables, model), layers_of(tables["projection"], model)
    half = 0.44 / len(shown)
    side = 2 * half * width * 1.2  # a fifth more for the names above
    parts = []
    for layer, middle in zip(shown["layer"], shown["at"], strict=True):
        if layer in order:
            x, y = (wide[f"{axis}{order.index(layer)}"] for axis in "xy")
            parts.append(pd.DataFrame({"class": wide["class"], "x": middle + half * x, "y": y}))
    classes = classes_of(tables)
    dots = alt.Chart(rows(pd.concat(parts))).mark_point(filled=True, size=16, opacity=0.85).encode(
        _across("x"), alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[-1.05, 1.35], nice=False)),
        class_colour(classes), class_shape(classes),
    )  # fmt: skip
    between, dy, font = (": ", 10, SMALL_FONT) if width >= ROOM_OF_A_NAME * len(shown) else ("\n", -5, 12)
    said = [f"{layer}{between}{right:.2f}" for layer, right in zip(shown["layer"], shown["value"], strict=True)]
    text = alt.Chart(rows(shown.assign(said=said))).mark_text(dy=dy, fontSize=font, fontWeight=600, lineBreak="\n")
    told = text.encode(
        _across("at"), alt.Text("said:N"), y=alt.value(0)
    )  # fmt: skip
    return layered(dots, told, width=width, height=side)


def _leaders(shown: pd.DataFrame, top: float) -> alt.Chart:
    """Lines from each place above, where the plot's value is `top`, to its layer's point on the curve."""
    return alt.Chart(rows(shown.assign(top=top))).mark_rule(color=INK, opacity=0.55).encode(
        depth_axis("at"), alt.X2("depth:Q"), alt.Y("top:Q"), alt.Y2("value:Q")
    )  # fmt: skip


def _lines(title: Any) -> list[str]:
    """Return what the title and the subtitle of a chart say."""
    return [title.text, *title.subtitle]


def _pictures(tables: Tables, table: pd.DataFrame, width: int, places: int) -> alt.LayerChart:
    """Pictures in rows of `ACROSS` at each shown depth, and a line on what they are."""
    side = 0.84 * width / places / ACROSS
    column, line = table["number"] % ACROSS, table["number"] // ACROSS
    placed = table.assign(x=table["at"] + (column - (ACROSS - 1) / 2) * (side + 4) / width, y=(line + 0.5) * (side + 4))
    tall = (int(line.max()) + 1) * (side + 4)
    down = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[tall, 0], nice=False))
    images = alt.Chart(rows(placed)).mark_image(width=side, height=side).encode(_across("x"), down)
    if "url" in table:
        told, images = EXCITING, images.encode(alt.Url("url:N"))
    else:
        told, images = DECIDED, with_thumbnails(images.encode(alt.Url("thumbnail:N")), tables, table)
    title = alt.Title(told, fontSize=SMALL_FONT, anchor="start", offset=4)
    return layered(images, title=title, width=width, height=tall)


def _across(field: str) -> alt.X:
    scale: Any = {"domain": [0, 1], "nice": False}
    return alt.X(f"{field}:Q", axis=None, scale=scale)
