"""What all charts share: colours, sizes, how rows reach a chart, and the look of a chart that stands alone.

Charts set no background and no axis colours, so they take on the page they are shown in. `themed` gives those to a
chart that has no page: an exported picture or the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from lab.charts.lazy_altair import alt
from lab.encode import records
from lab.errors import LabError, briefly, check_type, nearest

Tables = Mapping[str, pd.DataFrame]
Scheme = Literal["light", "dark", "paper"]  # "paper" is for print: black on white, no border

# Every colour stands out by 3:1 or more from both backgrounds, and neighbours in a list stay apart for readers with
# protanopia, deuteranopia and tritanopia (tests/test_charts.py measures both). Shapes tell the same a second time.
MODEL_COLOURS = ("#2474cf", "#d9621f", "#b23680", "#05a16a", "#8f8bc5", "#cf052f")
CLASS_COLOURS = ("#8250df", "#b07d00", "#07a1b0", "#b7385d", "#166f95", "#bb66f8", "#f85076", "#647fcd")
MODEL_SHAPES = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
# Seven shapes against eight colours: the pair repeats only after 56 classes.
CLASS_SHAPES = ("circle", "triangle-up", "square", "diamond", "cross", "triangle-down", "wedge")
INK = "#757b82"  # rules and symbols on either background; text has the page's own colour, or `config`'s
PASSED, NOT_PASSED = "#10829a", "#c5522f"
BACKGROUNDS: dict[Scheme, str] = {"light": "#fcfbf8", "dark": "#15191c", "paper": "#ffffff"}
SCREENS: tuple[Scheme, ...] = ("light", "dark")
FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
DPI = 144  # of PNG files: two pixels for each of the chart's, at 72 to the inch; sharp in print and on a projector

# Sizes in pixels, for a projector at the back of a room rather than for a dense page.
FONT, SMALL_FONT, TITLE_FONT = 15, 14, 18
HEIGHT = 400
SLIDE_WIDTH = 960
_TEXT: dict[Scheme, tuple[str, str, str]] = {  # text, quiet text, grid
    "light": ("#23272b", "#4b5157", "#e4e0d7"),
    "dark": ("#e9e6df", "#b9bdc1", "#2f363c"),
    "paper": ("#000000", "#1a1a1a", "#d9d9d9"),
}


@dataclass(frozen=True)
class Look:
    """How a chart that stands alone looks: width and height in pixels (None: its own), theme, font, dots per inch."""

    width: int | None = None
    height: int | None = None
    theme: Scheme = "light"
    font: str = ""
    dpi: int = DPI

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            check_type(name, value, (int, float, type(None)), "a number of pixels, or None")
            if value is not None and not 50 <= value <= 10_000:
                raise LabError(f"{name} is {value}; it must be from 50 to 10000 pixels")
        if self.theme not in BACKGROUNDS:
            known = ", ".join(BACKGROUNDS)
            raise LabError(f"there is no theme {self.theme!r}{nearest(str(self.theme), BACKGROUNDS)}; known: {known}")
        check_type("dpi", self.dpi, (int, float), "a number")
        if not 36 <= self.dpi <= 1200:
            raise LabError(f"dpi is {self.dpi}; it must be from 36 to 1200")


PLAIN = Look()


def checked_tables(tables: Any, *names: str) -> Tables:
    """Return tables that a caller gives from Python; raises LabError where they are none, or one of `names` is not
    there."""
    if not isinstance(tables, Mapping):
        raise LabError(f"tables are {briefly(tables)}; give a result's, result.tables")
    missing = next((name for name in names if not isinstance(tables.get(name), pd.DataFrame)), None)
    if missing:
        raise LabError(
            f"there is no table {missing!r} among {', '.join(map(str, tables)) or 'none'}; give result.tables"
        )
    return tables


def layered(*charts: alt.Chart, **properties: Any) -> alt.LayerChart:
    """Return `charts` in one frame, later ones on top."""
    joined = alt.layer(*charts)
    assert isinstance(joined, alt.LayerChart)
    return joined.properties(**properties)


def themed(chart: alt.TopLevelMixin, scheme: Scheme = "light") -> alt.TopLevelMixin:
    """Return `chart` with the colours and sizes of a chart that stands alone on a `scheme` background."""
    return chart.properties(background=BACKGROUNDS[scheme]).configure(**config(scheme))


def standalone(chart: alt.TopLevelMixin, look: Look = Look()) -> dict[str, Any]:
    """Return the Vega-Lite specification of `chart` for a page of its own: in the colours and the size of `look`, and
    as wide as a slide where neither says how wide."""
    spec: dict[str, Any] = fitted(chart, look).to_dict(validate=False)
    return spec


def fitted(chart: alt.TopLevelMixin, look: Look = Look()) -> alt.TopLevelMixin:
    """Return `chart` as it stands alone, so that `.save` writes it as wide as a slide, or as `look` has it.

    Raises LabError for a size of a chart that is made of several.
    """
    size: dict[str, Any] = {}
    whole = is_single(chart)
    if not whole and (look.width or look.height):
        raise LabError("this chart is made of several, and its size cannot be set; leave width and height out")
    if whole and (look.width or getattr(chart, "width", None) == "container"):
        size = {"width": look.width or SLIDE_WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}
    if look.height:
        size["height"] = look.height
    settings = config(look.theme)
    if look.font:
        settings["font"] = look.font
    margin = 4 if look.theme == "paper" else 16
    return chart.properties(background=BACKGROUNDS[look.theme], padding=margin, **size).configure(**settings)


def is_single(chart: alt.TopLevelMixin) -> bool:
    """Return whether a chart is one frame, whose size can be set."""
    return isinstance(chart, (alt.Chart, alt.LayerChart))


def config(scheme: Scheme) -> dict[str, Any]:
    """Return the Vega-Lite configuration for a `scheme` background (the background itself is not part of it)."""
    text, quiet, grid = _TEXT[scheme]
    sizes = {"labelFontSize": SMALL_FONT, "titleFontSize": FONT}
    return {
        "font": "Helvetica, Arial, 'Liberation Sans', sans-serif" if scheme == "paper" else FONTS,
        "title": {
            "color": text, "subtitleColor": quiet, "fontSize": TITLE_FONT, "subtitleFontSize": 13.5, "anchor": "start",
            "offset": 12, "subtitlePadding": 5, "fontWeight": 600,
        },
        "axis": {
            **sizes, "labelColor": quiet, "titleColor": quiet, "gridColor": grid, "domainColor": grid,
            "tickColor": grid, "titleFontWeight": 500, "titlePadding": 10,
            "labelFlush": False,  # a first or last name moved inwards is beside another row than its own
        },
        "legend": {**sizes, "labelColor": text, "titleColor": quiet, "titleFontWeight": 500},
        "header": {**sizes, "labelColor": text, "titleColor": quiet},
        "text": {"color": quiet},
        "view": {"stroke": None},
        "concat": {"spacing": 10},
    }  # fmt: skip


def rows(table: pd.DataFrame, digits: int = 4) -> alt.InlineData:
    """Return `table` as a chart's inline data: floats rounded, NaN and infinities as null, no limit on its length."""
    data = alt.InlineData(values=[])
    # Set after the fact, as checking each row against the schema costs 0.2 s; a tuple, as Altair copies lists and all
    # that is in them at every step of a chart.
    data.values = tuple(records(table, digits))
    return data


def models_of(table: pd.DataFrame, wanted: Sequence[str] | None = None) -> list[str]:
    """Return the models in `table` in their order, or `wanted` after checking that each is there."""
    present = [str(model) for model in table["model"].unique() if model]
    for model in wanted or ():
        if model not in present:
            raise LabError(f"this run has no model {model!r}{nearest(model, present)}; it has: {', '.join(present)}")
    return list(wanted) if wanted else present


def of_model(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the rows of `model`."""
    return table[table["model"] == model]


def only_model(table: pd.DataFrame, model: str | None) -> str:
    """Return `model`, or the run's first one when it is None."""
    return models_of(table, [model] if model else None)[0]


def layers_of(table: pd.DataFrame, model: str) -> list[str]:
    """Return the layers of `model` in `table` by depth."""
    here = table[(table["model"] == model) & (table["layer"] != "")]
    return [str(name) for name in here.drop_duplicates("layer").sort_values("depth", kind="stable")["layer"]]


def check_layer(table: pd.DataFrame, model: str, layer: str) -> None:
    """Raise LabError when `model` has no `layer` in `table`."""
    names = layers_of(table, model)
    if layer not in names:
        raise LabError(f"{model} has no layer {layer!r} in this run{nearest(layer, names)}; it has: {', '.join(names)}")


def classes_of(tables: Tables) -> list[str]:
    """Return the class names of the run, in the order their colours are given out; grades from low to high."""
    images = tables["images"]
    if "grade" in images:
        return [str(name) for name in images.sort_values("grade")["class"].unique()]
    return [str(name) for name in sorted(images["class"].unique())]


def model_colour(models: Sequence[str], told: Sequence[str] = ()) -> alt.Color:
    """Return the colour encoding of models; one model needs no legend, of several it names those `told` (all)."""
    colours = [MODEL_COLOURS[i % len(MODEL_COLOURS)] for i in range(len(models))]
    scale = alt.Scale(domain=list(models), range=colours)
    return alt.Color("model:N", scale=scale, legend=_model_legend(models, told))


def model_shape(models: Sequence[str], told: Sequence[str] = ()) -> alt.Shape:
    """Return the shape encoding of models, with the same legend as their colours."""
    shapes = [MODEL_SHAPES[i % len(MODEL_SHAPES)] for i in range(len(models))]
    return alt.Shape("model:N", scale=alt.Scale(domain=list(models), range=shapes), legend=_model_legend(models, told))


def class_colour(classes: Sequence[str]) -> alt.Color:
    """Return the colour encoding of classes."""
    colours = [CLASS_COLOURS[i % len(CLASS_COLOURS)] for i in range(len(classes))]
    return alt.Color("class:N", scale=alt.Scale(domain=list(classes), range=colours), legend=_class_legend(classes))


def class_shape(classes: Sequence[str]) -> alt.Shape:
    """Return the shape encoding of classes, with the same legend as their colours."""
    shapes = [CLASS_SHAPES[i % len(CLASS_SHAPES)] for i in range(len(classes))]
    return alt.Shape("class:N", scale=alt.Scale(domain=list(classes), range=shapes), legend=_class_legend(classes))


def depth_axis(field: str, **options: Any) -> alt.X:
    """Return the axis of relative depth; `options` are the axis' own."""
    # Dictionaries: of Altair's own axes, joined charts copy all that these could have and do not.
    axis: Any = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1], "labelFontSize": SMALL_FONT, "grid": False, **options}
    scale: Any = {"domain": [0, 1], "nice": False}
    return alt.X(f"{field}:Q", title="relative depth (0 input, 1 output)", scale=scale, axis=axis)


def layer_axis(layers: Sequence[str], title: str = "layer, from input to output") -> alt.X:
    """Return the axis that names layers in order."""
    axis = alt.Axis(labelAngle=-50, labelLimit=180, labelOverlap=False, labelFontSize=12, grid=False)
    return alt.X("layer:N", scale=in_order(layers), title=title, axis=axis)


def names_axis(field: str, order: Sequence[str]) -> alt.Y:
    """Return a vertical axis of names, with a line to follow from each.

    The horizontal axis beside it should have its title end at the right (`titleAnchor="end"`): names take much room.
    """
    axis = alt.Axis(labelLimit=240, labelFontSize=SMALL_FONT, grid=True)
    return alt.Y(f"{field}:N", scale=in_order(order), title=None, axis=axis)


def legend_above(**options: Any) -> alt.Legend:
    """Return a legend over the chart, without a title, whose symbols are not as faint as the marks may be."""
    return alt.Legend(title=None, orient="top", symbolOpacity=1, **options)


def in_order(names: Sequence[str], **options: Any) -> alt.Scale:
    """Return a scale of `names` in their order.

    An encoding's `sort` would do the same by building an expression of the names, and names with odd characters
    (a line separator, say) break expressions.
    """
    return alt.Scale(domain=list(names), **options)


def interval_tooltip() -> alt.Tooltip:
    """Return the tooltip of the field that `interval_text` fills."""
    return alt.Tooltip("interval:N", title="95 % interval")


def side_by_side(models: Sequence[str]) -> list[alt.YOffset]:
    """Return the encoding that puts several models beside each other within a row."""
    return [alt.YOffset("model:N", scale=in_order(models))] if len(models) > 1 else []


def interval_text(low: pd.Series, high: pd.Series, digits: int = 3) -> list[str]:
    """Return "0.912 to 0.987" per row, "" where there is no interval."""
    return [
        "" if np.isnan(a) or np.isnan(b) else f"{a:.{digits}f} to {b:.{digits}f}"
        for a, b in zip(low, high, strict=True)
    ]


def _model_legend(models: Sequence[str], told: Sequence[str] = ()) -> alt.Legend | None:
    if len(models) < 2:
        return None
    return legend_above(direction="vertical", labelLimit=420, symbolSize=110, values=[*(told or models)])


def _class_legend(classes: Sequence[str]) -> alt.Legend | None:
    if len(classes) > 24:  # a longer legend hides the chart; the tooltip names the class
        return None
    return legend_above(labelLimit=220, symbolSize=110, columns=6 if len(classes) > 6 else 0)
