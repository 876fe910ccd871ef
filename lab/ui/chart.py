"""Put charts on a page: each is made once per run and choice, in the page's colours and the lab's sizes.

A chart's specification is kept by what its run's manifest says and by what was chosen, so going back and forth between
views costs no computing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.dataframe_util import convert_anything_to_arrow_bytes

from lab.charts.picking import CHOSEN, LAYER_PICK, Marks, newly_picked
from lab.charts.theme import INK, config
from lab.experiments.result import Result
from lab.runs.tables import table_hash
from lab.ui.run_cache import CachedTables, made_of

LEGEND_LINE = 26  # pixels
LEGEND_OF_A_PHONE = 30  # letters in one line of it
MOST_IN_SVG = 20_000  # rows
TEXT_COLOURS = ("color", "labelcolor", "titlecolor", "subtitlecolor")  # options of a chart's look, in small letters
Spec = dict[str, Any]

Chart = Callable[..., Any]  # of `lab.charts`: tables and choices to an Altair chart


def show_chart(result: Result, chart: Chart, *, key: str, view: Mapping[str, Any] | None = None, **choices: Any) -> Any:
    """Show one of the functions of `lab.charts`, of a finished run; `choices` are its arguments.

    `view` holds options of streamlit's chart element; with a selection among them, its event is returned.
    """
    return show_spec(chart_spec(result, chart, **choices), key=key, **(view or {}))


def chart_spec(result: Result, chart: Chart, **choices: Any) -> Spec:
    """Return a chart's specification; it is the caller's own."""
    tables = result.tables
    if isinstance(tables, CachedTables):
        chosen = tuple(sorted(choices.items()))
        return _cached_spec(tables.folder, tables.stamp, tables.names, _name(chart), chosen, chart)
    return _spec(tables, chart, choices)


def show_moving(result: Result, spec: Spec, rows: Callable[..., pd.DataFrame], *, key: str, **choices: Any) -> None:
    """Show a specification whose marks are `CHOSEN`: the rows that `rows` makes of the run's tables and `choices`.

    Other rows are then all that a browser gets: it moves the marks and draws nothing else anew.
    """
    data = convert_anything_to_arrow_bytes(made_of(result, rows, **choices))
    show_spec({**spec, "datasets": {CHOSEN: data}}, key=key, width="content")


def tables_spec(tables: Mapping[str, pd.DataFrame], chart: Chart, **choices: Any) -> Spec:
    """Do the same for tables that are not those of a run: made from them, or from several."""
    hashes = tuple((name, table_hash(table)) for name, table in tables.items())
    return _spec_of_tables(hashes, _name(chart), tuple(sorted(choices.items())), tables, chart)


def show_tables_chart(tables: Mapping[str, pd.DataFrame], chart: Chart, *, key: str, **choices: Any) -> Any:
    """Show a chart of tables that belong to no single run, made anew: they change, or hold what cannot be compared."""
    return show_spec(_spec(tables, chart, choices), key=key)


def show_spec(spec: Spec, *, key: str, **view: Any) -> Any:
    """Show a specification; its description is its alternative text.

    Where the width is that of its content, axes and titles go around the drawing: streamlit would put them inside it.
    """
    if on_a_phone():
        _narrow_legends(spec)
    if view.get("width") == "content":
        spec = {"autosize": {"type": "pad"}, **spec}
    return st.vega_lite_chart(spec, key=key, **{"width": "stretch", **view})


def show_pickable(spec: Spec, marks: Marks, choose: Callable[[dict[str, Any]], None], *, key: str, **view: Any) -> None:
    """Show a chart of which a click picks a layer (`lab.charts.picking`), with what is chosen marked.

    `choose` is called with what the click picked; streamlit then draws the page, or the fragment, anew.
    """
    known = f"{key}_picked"

    def picked() -> None:
        now = [dict(one) for one in st.session_state[key].selection.get(LAYER_PICK, ())]
        found = newly_picked(st.session_state.get(known, []), now)
        st.session_state[known] = now
        if found:
            choose(found)

    spec = {**spec, "datasets": {**spec["datasets"], CHOSEN: marks}}
    show_spec(spec, key=key, on_select=picked, selection_mode=LAYER_PICK, **view)


def with_legend(lines: int, height: int = 430) -> int:
    """Return the height of a chart with `lines` lines of legend below it: a page fits all of it into that height."""
    return height + LEGEND_LINE * lines


def on_a_phone() -> bool:
    """Return whether the browser says it runs on a phone: charts of a fixed size are made smaller there."""
    return "mobile" in (st.context.headers.get("User-Agent") or "").lower()


def _narrow_legends(node: Any) -> None:
    """Set legends beside whose columns a phone has no room into one column."""
    for part in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
        legend = part.get("legend") if isinstance(part, dict) else None
        if isinstance(legend, dict) and legend.get("orient") in ("top", "bottom"):
            names = [str(name) for name in part.get("scale", {}).get("domain", ())]
            if legend.get("direction") != "horizontal" and sum(map(len, names)) > LEGEND_OF_A_PHONE:
                legend["columns"] = 1
        _narrow_legends(part)


@st.cache_data(show_spinner=False, max_entries=512)
def _cached_spec(
    folder: str, stamp: str, names: tuple[str, ...], name: str, choices: tuple[tuple[str, Any], ...], _chart: Chart
) -> Spec:
    return _spec(CachedTables(folder, stamp, names), _chart, dict(choices))  # the chart's name is in the key


@st.cache_data(show_spinner=False, max_entries=512)
def _spec_of_tables(
    hashes: tuple[tuple[str, str], ...],
    name: str,
    choices: tuple[tuple[str, Any], ...],
    _tables: Mapping[str, pd.DataFrame],
    _chart: Chart,
) -> Spec:
    return _spec(_tables, _chart, dict(choices))  # the tables' hashes and the chart's name are in the key


def _name(chart: Chart) -> str:
    return f"{chart.__module__}.{chart.__qualname__}"


def _spec(tables: Mapping[str, pd.DataFrame], chart: Chart, choices: Mapping[str, Any]) -> Spec:
    """Return a chart's specification with its data as streamlit sends it: that is worked out once, not at each view.

    The tests check every chart against Vega-Lite's schema; here that would take a third of the time.
    """
    from altair.utils.schemapi import debug_mode

    with debug_mode(False):
        return as_shown(chart(tables, **choices))


def as_shown(chart: Any) -> Spec:
    """Return an Altair chart's specification in the page's look, its data as Arrow bytes."""
    spec: Spec = chart.to_dict(validate=False)
    # Streamlit would draw 2,000 points on a canvas, where the style sheet cannot give text the page's own colour.
    if sum(map(len, spec.get("datasets", {}).values())) <= MOST_IN_SVG:
        spec["usermeta"] = {"embedOptions": {"renderer": "svg"}}
    data = {name: convert_anything_to_arrow_bytes(table) for name, table in spec.get("datasets", {}).items()}
    return {**spec, "config": {**spec.get("config", {}), **SIZES}, "datasets": data}


def _sizes() -> dict[str, Any]:
    """Return the charts' look with `INK` as the colour of all text, which the style sheet makes the page's own; lines
    and grids are left to the page."""
    return {
        part: {
            name: INK if name.lower() in TEXT_COLOURS else value
            for name, value in values.items()
            if name.lower() in TEXT_COLOURS or "olor" not in name
        }
        for part, values in config("light").items()
        if isinstance(values, dict) and part != "view"
    }


SIZES = _sizes()
