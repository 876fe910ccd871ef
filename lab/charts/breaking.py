"""Charts of broken networks: what each change leaves, curves after a change, activations taken out, layers together."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from lab.charts.theme import (
    CLASS_COLOURS,
    INK,
    MODEL_COLOURS,
    SMALL_FONT,
    Tables,
    depth_axis,
    in_order,
    interval_text,
    interval_tooltip,
    layered,
    rows,
)  # fmt: skip
from lab.errors import LabError, nearest
from lab.experiments.breaking.changes_seen import INTACT

# How a reader is called on a page, with its colour and mark.
CARRIED, REFITTED = "the old reader (fitted to the intact network)", "a new reader (fitted to the changed one)"
BEFORE = "a new reader of what enters the stage"
READERS = (("carried", CARRIED), ("refitted", REFITTED))
FLOOR = {"chance": "chance", "pixels": "raw pixels", "untrained": "untrained network"}
STEP = 30
INTERVALS_AND_MARKS = "Bars: 95 % intervals. Dashed: chance, and the intact network."


def change_forest(tables: Tables, *, intervention: str | None = None) -> alt.LayerChart:
    """Return accuracy after every change (of one `intervention`) for the old reader and a new one, with intervals.

    Reads `changes` and `controls` of a run of `break`. Raises LabError for an intervention that is not in the run.
    """
    table = tables["changes"]
    if intervention is not None and intervention not in set(table["intervention"]):
        known = [str(name) for name in table["intervention"].unique()]
        raise LabError(f"this run has no {intervention!r}{nearest(intervention, known)}; it has: {', '.join(known)}")
    kept = table[table["problem"] == ""]
    if intervention is not None:
        kept = kept[kept["intervention"].isin([INTACT, intervention])]
    found = long_rows(kept, "change", READERS)
    title = alt.Title("What each change leaves", subtitle=INTERVALS_AND_MARKS)
    return _forest(found, "change", [name for _, name in READERS], _marks(tables, kept), title)


def agreement_bars(tables: Tables) -> alt.LayerChart:
    """Return the share of images that the network's own classifier names as before, after every change.

    Raises LabError when the network has no classifier that was trained.
    """
    table = tables["changes"]
    if "top1" not in table or table["top1"].isna().all():
        raise LabError("this network has no trained classifier of its own")
    kept = table[table["top1"].notna() & (table["intervention"] != INTACT)]
    found = long_rows(kept, "change", (("top1", "same class as the intact network"),))
    title = alt.Title("Does the classifier still say the same?", subtitle="Share of images with the same top class.")
    return _forest(found, "change", ["same class as the intact network"], pd.DataFrame(), title, "share of images")


def change_curves(tables: Tables, *, changes: Sequence[str] | None = None, height: int = 360) -> alt.LayerChart:
    """Return accuracy by depth of the intact network and of some `changes` (titles; None: one of each kind)."""
    table = tables["curve"]
    broken = table[table["intervention"] != INTACT].drop_duplicates("change")
    chosen = list(changes) if changes else [str(name) for name in broken.drop_duplicates("intervention")["change"]]
    known = set(broken["change"])
    for name in chosen:
        if name not in known:
            raise LabError(f"this run has no change {name!r}{nearest(name, known)}")
    intact = str(table[table["intervention"] == INTACT]["change"].iloc[0])
    title = alt.Title(
        "Where it shows: a new reader at every layer", subtitle="Thick: the intact network. Bands: 95 % intervals."
    )
    return _curves(table, "change", [intact, *chosen], _floor(tables), title, height)


def linear_curves(tables: Tables, *, height: int = 360) -> alt.LayerChart:
    """Return accuracy by depth of the intact network and with activations taken out up to each depth."""
    table = tables["curve"].copy()
    names = {str(name): cut_name(str(name)) for name in table["up_to"].unique()}
    table["change"] = table["up_to"].map(names)
    title = alt.Title(
        "Activations taken out from the front", subtitle="Thick: with all activations. Bands: 95 % intervals."
    )
    return _curves(table, "change", list(names.values()), _floor(tables), title, height)


def linear_depths(tables: Tables) -> alt.LayerChart:
    """Return what readers of the last layer find by the depth up to which activations were taken out."""
    table = tables["depths"].assign(change=[cut_name(str(name)) for name in tables["depths"]["up_to"]])
    found = long_rows(table, "change", READERS)
    title = alt.Title("Read off the last layer", subtitle=INTERVALS_AND_MARKS)
    marks = _marks(tables, table.assign(intervention=[INTACT, *["x"] * (len(table) - 1)]))
    return _forest(found, "change", [name for _, name in READERS], marks, title)


def adapter_forest(tables: Tables) -> alt.LayerChart:
    """Return what remains when a stage is fed the image through each adapter, before and behind the stage."""
    table = tables["adapters"]
    readers = (*READERS, ("before", BEFORE))
    found = long_rows(table, "adapter", readers)
    title = alt.Title("What the stage gets, and what remains", subtitle="Bars: 95 % intervals. Dashed: chance, pixels.")
    marks = _floor(tables)
    return _forest(found, "adapter", [name for _, name in readers], marks, title)


def reader_forest(tables: Tables) -> alt.LayerChart:
    """Return the last layer, the best, early and late, and all of them, with every dimension and with as many."""
    table = tables["readers"].rename(columns={"ci_low": "low", "ci_high": "high", "accuracy": "value"})
    names = {"matched": "at the same number of dimensions", "all": "with all dimensions"}
    found = table.assign(name=table["kind"].map(names))
    found["interval"] = interval_text(found["low"], found["high"])
    title = alt.Title("One layer, two, or all", subtitle="Bars: 95 % intervals. Dashed: chance, pixels, untrained.")
    return _forest(found, "reader", list(names.values()), _floor(tables), title)


def single_layers(tables: Tables, *, height: int = 320) -> alt.LayerChart:
    """Return accuracy of every single layer by depth, with all its dimensions and with as many as the others."""
    names = {"matched": "at the same number of dimensions", "all": "with all dimensions"}
    table = tables["layers"].assign(change=tables["layers"]["kind"].map(names), layer=tables["layers"]["reader"])
    title = alt.Title("Every layer on its own", subtitle="Bands: 95 % intervals.")
    return _curves(table, "change", list(names.values())[::-1], _floor(tables), title, height)


def long_rows(table: pd.DataFrame, label: str, readers: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return one row per label and reader: value, low, high, and the interval as text."""
    parts = [
        pd.DataFrame(
            {
                label: table[label],
                "name": name,
                "value": table[column],
                "low": table[f"{column}_low"],
                "high": table[f"{column}_high"],
            }
        )
        for column, name in readers
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(interval=interval_text(found["low"], found["high"]))


def cut_name(up_to: str) -> str:
    """Return how a depth up to which activations were taken out is called."""
    return "all activations in place" if up_to == "none" else f"none up to {up_to}"


def _forest(
    found: pd.DataFrame, label: str, names: Sequence[str], marks: pd.DataFrame, title: alt.Title, axis: str = "accuracy"
) -> alt.LayerChart:
    order = list(dict.fromkeys(str(name) for name in found[label]))
    colours = [MODEL_COLOURS[1], MODEL_COLOURS[0], MODEL_COLOURS[3]][: len(names)]
    legend = alt.Legend(title=None, orient="top", direction="vertical", labelLimit=420, symbolOpacity=1)
    shapes = ["diamond", "circle", "square"][: len(names)]
    base = alt.Chart(rows(found)).encode(
        alt.Y(f"{label}:N", scale=in_order(order), title=None, axis=alt.Axis(labelLimit=320, labelFontSize=SMALL_FONT)),
        alt.Color("name:N", scale=in_order(names, range=colours), legend=legend if len(names) > 1 else None),
        alt.YOffset("name:N", scale=in_order(names)),
        tooltip=[alt.Tooltip(f"{label}:N"), alt.Tooltip("name:N", title="read by"),
                 alt.Tooltip("value:Q", title=axis, format=".3f"), interval_tooltip()],
    )  # fmt: skip
    value = _value(axis)
    shape = alt.Shape("name:N", scale=in_order(names, range=shapes), legend=legend if len(names) > 1 else None)
    parts = [*_rules(marks, value)]
    spans = base.mark_rule(strokeWidth=4, opacity=0.4, strokeCap="round")
    parts += [spans.encode(_value(axis, "low"), alt.X2("high:Q"))]
    parts += [base.mark_point(filled=True, size=85, opacity=1).encode(value, shape)]
    # Per name, not per reader: what a step is for is the offset unless it is said.
    height = alt.Step(STEP * 0.6 + 11 * len(names), **{"for": "position"})
    return layered(*parts, title=title, width="container", height=height, description=_forest_text(found, label, axis))


def _curves(
    table: pd.DataFrame, label: str, names: list[str], marks: pd.DataFrame, title: alt.Title, height: int
) -> alt.LayerChart:
    kept = table[table[label].isin(names)].copy()
    kept["interval"] = interval_text(kept["ci_low"], kept["ci_high"])
    palette = [*MODEL_COLOURS, *CLASS_COLOURS]
    colours = [palette[i % len(palette)] for i in range(len(names))]
    legend = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=420, symbolOpacity=1, symbolStrokeWidth=3)
    colour = alt.Color(f"{label}:N", scale=in_order(names, range=colours), legend=legend)
    base = alt.Chart(rows(kept)).encode(
        depth_axis("depth"), colour, alt.Detail(f"{label}:N"),
        tooltip=[alt.Tooltip(f"{label}:N"), alt.Tooltip("layer:N"), alt.Tooltip("accuracy:Q", format=".3f"),
                 interval_tooltip(), alt.Tooltip("depth:Q", title="relative depth", format=".2f")],
    )  # fmt: skip
    axis = alt.Axis(format=".2f", tickCount=6, labelFontSize=SMALL_FONT)
    scale = alt.Scale(zero=False, nice=False, padding=8)
    y = alt.Y("accuracy:Q", title="accuracy", scale=scale, axis=axis)
    thick = alt.condition(alt.datum[label] == names[0], alt.value(5), alt.value(2.2))
    low = alt.Y("ci_low:Q", title="accuracy", scale=scale, axis=axis)
    parts = [
        base.mark_area(opacity=0.1).encode(low, alt.Y2("ci_high:Q")),
        *_rules(marks, alt.Y("value:Q", scale=scale, axis=axis)),
        base.mark_line().encode(y, strokeWidth=thick),
        base.mark_point(filled=True, size=55, opacity=1).encode(y),
    ]
    return layered(*parts, title=title, width="container", height=height, description=_curves_text(kept, label, names))


def _rules(marks: pd.DataFrame, place: alt.X | alt.Y) -> list[alt.Chart]:
    if marks.empty:
        return []
    tooltip = [alt.Tooltip("what:N", title="line"), alt.Tooltip("value:Q", format=".3f")]
    base = alt.Chart(rows(marks)).encode(place, tooltip=tooltip)
    return [base.mark_rule(color=INK, strokeWidth=1.6, strokeDash=[5, 4])]


def _floor(tables: Tables) -> pd.DataFrame:
    controls = tables["controls"]
    return pd.DataFrame({"what": controls["control"].map(FLOOR), "value": controls["accuracy"]})


def _marks(tables: Tables, table: pd.DataFrame) -> pd.DataFrame:
    """Return chance and the intact network's accuracy."""
    controls = tables["controls"]
    chance = float(controls.loc[controls["control"] == "chance", "accuracy"].iloc[0])
    intact = float(table.loc[table["intervention"] == INTACT, "carried"].iloc[0])
    return pd.DataFrame({"what": ["chance", "the intact network"], "value": [chance, intact]})


def _value(title: str, field: str = "value") -> alt.X:
    axis = alt.Axis(format=".2f", labelFontSize=SMALL_FONT, titleAnchor="end", tickCount=6)
    return alt.X(f"{field}:Q", title=title, scale=alt.Scale(domain=[0, 1], nice=False), axis=axis)


def _forest_text(found: pd.DataFrame, label: str, axis: str) -> str:
    parts = [f"{axis.capitalize()} with 95 % intervals."]
    for name, group in found.groupby(label, sort=False):
        values = ", ".join(f"{row['name']} {row['value']:.2f}" for _, row in group.iterrows())
        parts.append(f"{name}: {values}.")
    return " ".join(parts)


def _curves_text(table: pd.DataFrame, label: str, names: Sequence[str]) -> str:
    parts = ["Accuracy against depth."]
    for name in names:
        curve = table[table[label] == name]
        if not curve.empty:
            ends = [f"{row['accuracy']:.2f} at {row['layer']}" for _, row in curve.iloc[[0, -1]].iterrows()]
            parts.append(f"{name}: {', '.join(ends)}.")
    return " ".join(parts)
