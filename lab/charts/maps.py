"""Embedding maps: every image as a point, per layer, the same image selectable in all layers.

All maps of a model draw from one table with a row per image and a pair of columns per layer (x0, y0, x1, …), so a brush
drawn in one layer is a statement about images and holds in every other. Thumbnails are joined in the browser, once.
Positions of t-SNE have no unit: each layer is centred and scaled to -1..1 with one factor for both axes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import pandas as pd

from lab.charts.lazy_altair import alt
from lab.charts.map_rows import thumbnail_rows, trust_by_layer, wide_rows
from lab.charts.picking import CHOSEN
from lab.charts.theme import (  # fmt: skip
    INK,
    Tables,
    check_layer,
    class_colour,
    class_shape,
    classes_of,
    layers_of,
    of_model,
    only_model,
    rows,
)
from lab.errors import LabError

IMAGE_PICK = "image_pick"  # a click: field image
IMAGE_BRUSH = "image_brush"  # a dragged box: the images whose points lie in it
DEPTH_SLIDER = "depth_slider"  # the layer's position, 0..layers-1
AnyChart = TypeVar("AnyChart", "alt.Chart", "alt.ConcatChart")


def embedding_maps(
    tables: Tables,
    model: str | None = None,
    *,
    layers: Sequence[str] | None = None,
    columns: int = 6,
    size: int = 170,
    thumbnails: bool = True,
) -> alt.ConcatChart:
    """Return one small map per layer; a box or a click (shift: more) selects the same images in all of them.

    Raises LabError for an unknown model or layer, or when the run has no maps.
    """
    name, shown = _model_and_layers(tables, model, layers)
    table, order, trust = wide_rows(tables, name), layers_of(tables["projection"], name), trust_by_layer(tables, name)
    brush, pick = _selections()
    dots = _dots(alt.Chart(width=size, height=size), tables, brush & pick, dot=34, faint=0.08)
    maps = []
    for layer in shown:
        chart = _placed(dots, f"x{order.index(layer)}", f"y{order.index(layer)}")
        chart.name = f"map{order.index(layer)}"
        chart.title = alt.Title([layer, trust[layer]], fontSize=13, anchor="middle", offset=6)
        maps.append(chart)
    joined: alt.ConcatChart = alt.concat(*maps, columns=columns, data=rows(table, 3)).properties(
        params=[_for_all(param, maps) for param in (brush, pick)],
        title=alt.Title("The same images in every layer", subtitle=[name, *_how_to_read(tables, len(table))]),
        description=_maps_description(tables, name, shown),
    )
    return with_thumbnails(joined, tables, table) if thumbnails else joined


def moving_map(tables: Tables, model: str, *, size: int) -> alt.Chart:
    """Return the map of a layer for a page that gives it `map_points` of one layer after the other, as `CHOSEN`."""
    dots = _dots(alt.Chart(alt.NamedData(CHOSEN), width=size, height=size), tables, None, dot=80, pictures=False)
    return _placed(dots, "x", "y").properties(description=f"t-SNE map of the images at one layer of {model}.")


def map_points(tables: Tables, model: str, layer: str) -> pd.DataFrame:
    """Return image, class, x, y: the map of one layer, scaled to -1..1."""
    at = layers_of(tables["projection"], model).index(layer)
    return wide_rows(tables, model, only=layer).rename(columns={f"{axis}{at}": axis for axis in "xy"})


def projection_map(
    tables: Tables, model: str | None, layer: str, *, size: int = 460, thumbnails: bool = True
) -> alt.Chart:
    """Return the map of one layer."""
    name, _ = _model_and_layers(tables, model, [layer])
    at = layers_of(tables["projection"], name).index(layer)
    table = wide_rows(tables, name, only=layer)
    dots = _dots(alt.Chart(rows(table, 3)), tables, None, dot=80)
    chart = _placed(dots, f"x{at}", f"y{at}").properties(
        title=alt.Title(layer, subtitle=[name, trust_by_layer(tables, name)[layer]]),
        width=size, height=size, description=_maps_description(tables, name, [layer]),
    )  # fmt: skip
    return with_thumbnails(chart, tables, table) if thumbnails else chart


def depth_walk(
    tables: Tables, model: str | None = None, *, start: str | None = None, size: int = 460, thumbnails: bool = True
) -> alt.Chart:
    """Return one map with a slider that walks through depth, a whole layer with each step."""
    name, shown = _model_and_layers(tables, model, [start] if start else None)
    table = wide_rows(tables, name)
    order = layers_of(tables["projection"], name)
    last = len(order) - 1
    first = order.index(start) if start else last
    slider = alt.binding_range(min=0, max=max(last, 1), step=1, name="layer ")
    position = alt.param(name=DEPTH_SLIDER, value=first, bind=slider if last else alt.Undefined)
    pick = alt.selection_point(name=IMAGE_PICK, fields=["image"], on="click", toggle="event.shiftKey")
    dots = _dots(alt.Chart(rows(table, 3)), tables, pick, dot=80, faint=0.15)
    dots = dots.transform_calculate(**{f"walk_{axis}": f"datum['{axis}' + {DEPTH_SLIDER}]" for axis in "xy"})
    names = [", ".join(filter(None, (layer, header))) for layer, header in trust_by_layer(tables, name).items()]
    chart = _placed(dots, "walk_x", "walk_y").add_params(position, pick).properties(
        title=alt.Title(alt.expr(f"{json.dumps(names)}[{DEPTH_SLIDER}]")),
        width=size, height=size, description=_maps_description(tables, name, shown),
    )  # fmt: skip
    return with_thumbnails(chart, tables, table) if thumbnails else chart


def _model_and_layers(tables: Tables, model: str | None, layers: Sequence[str | None] | None) -> tuple[str, list[str]]:
    table = tables.get("projection", pd.DataFrame())
    if table.empty:
        raise LabError("this run has no maps: its layers were not projected")
    name = only_model(table, model)
    for layer in layers or ():
        check_layer(table, name, str(layer))
    return name, [str(layer) for layer in layers] if layers else layers_of(table, name)


def _selections() -> tuple[alt.Parameter, alt.Parameter]:
    box = alt.BrushConfig(fill=INK, fillOpacity=0.12, stroke=INK)
    brush = alt.selection_interval(name=IMAGE_BRUSH, mark=box, resolve="global", zoom=False)
    return brush, alt.selection_point(name=IMAGE_PICK, fields=["image"], on="click", toggle="event.shiftKey")


def _for_all(param: alt.Parameter, charts: Sequence[alt.Chart]) -> alt.TopLevelSelectionParameter:
    """Return `param` as one selection over all `charts` (Altair would make one in each, and warn)."""
    assert isinstance(param.param, alt.SelectionParameter)
    return alt.TopLevelSelectionParameter(**param.param.to_dict(), views=[chart.name for chart in charts])


def _dots(
    base: alt.Chart, tables: Tables, chosen: Any, *, dot: int, faint: float = 0.9, pictures: bool = True
) -> alt.Chart:
    """Return a point per image, still without a place; images that are not `chosen` are drawn with `faint` opacity.

    Where `chosen` is None, all are alike. With `pictures` the tooltip shows the field `thumbnail`.
    """
    classes = classes_of(tables)
    # vega-tooltip shows a field called "image" as a picture and "title" as the heading
    shown = [alt.Tooltip("thumbnail:N", title="image")] * pictures
    tooltip = [alt.Tooltip("image:N", title="title"), *shown, alt.Tooltip("class:N")]
    chart = base.mark_point(filled=True, size=dot, strokeWidth=1.2).encode(
        class_colour(classes),
        class_shape(classes),
        opacity=alt.value(0.9) if chosen is None else alt.condition(chosen, alt.value(0.9), alt.value(faint)),
        tooltip=tooltip,
    )
    return chart.properties(view=alt.ViewBackground(stroke=INK, strokeOpacity=0.35, cornerRadius=4))


def _placed(dots: alt.Chart, x: str, y: str) -> alt.Chart:
    """Return `dots` at the fields `x` and `y`. A shallow copy: encoding 18 layers afresh would take half a second."""
    chart = dots.copy(deep=False)
    chart.encoding = dots.encoding.copy(deep=False)
    scale = alt.Scale(domain=[-1.06, 1.06], nice=False)
    chart.encoding.x = alt.X(f"{x}:Q", axis=None, scale=scale)
    chart.encoding.y = alt.Y(f"{y}:Q", axis=None, scale=scale)
    return chart


def _how_to_read(tables: Tables, drawn: int) -> list[str]:
    count = len(tables["images"])
    some = [f"{drawn} of {count} images are drawn."] if drawn < count else []
    return [
        "Drag a box or click to follow images; double-click: all.",
        "Positions have no unit.",
        "trust: trustworthiness. k-NN: accuracy without the map.",
        *some,
    ]


def _maps_description(tables: Tables, model: str, layers: Sequence[str]) -> str:
    count = of_model(tables["projection"], model)["image"].nunique()
    return (
        f"t-SNE maps of {count} images in {len(layers)} layers of {model}, coloured by class "
        f"({', '.join(classes_of(tables))}); accuracies per layer are in the table."
    )


def with_thumbnails(chart: AnyChart, tables: Tables, table: pd.DataFrame) -> AnyChart:
    """Return `chart`, whose rows have a field `image`, with the field `thumbnail` of those in `table` looked up."""
    pictures = alt.LookupData(data=rows(thumbnail_rows(tables, table["image"])), key="image", fields=["thumbnail"])
    lookup = alt.LookupTransform(lookup="image", **{"from": pictures})
    chart = chart.copy(deep=False)
    before: list[Any] = [] if chart.transform is alt.Undefined else list(chart.transform)
    chart.transform = [lookup, *before]
    return chart
