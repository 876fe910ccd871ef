"""A run under way: a clock that the browser moves by itself, one bar and one estimate for the whole, and what there is
of its answer: the curve or the map as far as it is computed, optimised images as they become sharper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.heat_map import ACCURACIES, ACCURACY_COLOURS, ACCURACY_DARK
from lab.charts.map_rows import data_url
from lab.charts.theme import INK, MODEL_COLOURS
from lab.experiments.channels.optimised import MOST, unfinished_images
from lab.experiments.ladder.measure import CELLS
from lab.experiments.separability.measure import CURVE
from lab.runs import jobs
from lab.runs.folder import RunFolder
from lab.runs.processes import steady_seconds
from lab.ui.chart import SIZES
from lab.ui.gallery import Picture, gallery
from lab.ui.text import count, duration, escaped

MOST_IMAGES = 24  # unfinished ones that are shown, the last
DRIFT = 2.0  # seconds that the browser's clock may differ from the run's before it is set anew
CURVE_SPEC: dict[str, Any] = {
    "height": 300,
    "config": SIZES,
    "autosize": {"type": "fit", "contains": "padding"},
    "description": "Accuracy of the probe at the layers that are done, against depth.",
    "layer": [{"mark": {"type": "line", "strokeWidth": 3}}, {"mark": {"type": "point", "filled": True, "size": 70}}],
    "encoding": {
        "x": {"field": "depth", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "relative depth",
              "axis": {"values": [0, 0.2, 0.4, 0.6, 0.8, 1], "grid": False}},
        "y": {"field": "accuracy", "type": "quantitative", "scale": {"domain": [0, 1]}, "title": "accuracy so far",
              "axis": {"tickCount": 5}},
        "color": {"field": "curve", "type": "nominal", "scale": {"range": [*MODEL_COLOURS, INK]}, "title": None,
                  "legend": {"orient": "top", "labelLimit": 300, "columns": 1}},
        "tooltip": [{"field": name} for name in ("curve", "layer", "accuracy")],
    },
}  # fmt: skip
CELLS_SPEC: dict[str, Any] = {
    "height": {"step": 28},
    "config": SIZES,
    "autosize": {"type": "fit-x", "contains": "padding"},
    "description": "Accuracy of a probe at every layer, of the rungs that are done, the last on top.",
    "transform": [{"window": [{"op": "row_number", "as": "row"}]}],
    "encoding": {
        "x": {"field": "layer", "type": "nominal", "sort": None, "title": None,
              "axis": {"orient": "top", "labelAngle": -35, "labelOverlap": False}},
        "y": {"field": "rung", "type": "nominal", "title": None,
              "sort": {"op": "max", "field": "row", "order": "descending"}},
        "tooltip": [{"field": name} for name in ("rung", "layer", "accuracy")],
    },
    "layer": [
        {"mark": {"type": "rect", "stroke": "#ffffff"}, "encoding": {
            "color": {"field": "accuracy", "type": "quantitative", "title": "accuracy so far",
                      "scale": {"domain": list(ACCURACIES), "range": ACCURACY_COLOURS, "interpolate": "rgb",
                                "clamp": True},
                      "legend": {"orient": "bottom", "titleOrient": "left"}}}},
        {"mark": {"type": "text", "fontSize": 12}, "encoding": {
            "text": {"field": "accuracy", "type": "quantitative", "format": ".2f"},
            "color": {"value": "#23272b",
                      "condition": {"test": f"datum.accuracy > {ACCURACY_DARK}", "value": "#ffffff"}}}},
    ],
}  # fmt: skip
# partial result -> its columns, and how it is drawn
SO_FAR: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    CURVE: (("curve", "layer", "depth", "accuracy"), CURVE_SPEC),
    CELLS: (("rung", "layer", "accuracy"), CELLS_SPEC),
}


def show_progress(run: RunFolder) -> None:
    """Show how far a run is, with a way to cancel it."""
    progress = run.progress
    with st.container(border=True, key="progress"):
        st.markdown(f"**{escaped(progress.get('stage', 'Starting'))}**")
        st.progress(min(1.0, float(progress.get("share") or 0.0)))
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.html(_clock(run.id, float(progress.get("elapsed") or 0.0)))
        left.caption(escaped(progress_line(progress)) or "just started")
        if run.silence:
            st.caption(f":orange[:material/warning:] {escaped(run.silence)}")
        if right.button("Cancel", key="cancel", width="stretch"):
            jobs.cancel(run)
            st.rerun()
        for name, (columns, spec) in SO_FAR.items():
            if not (table := so_far(run, name, columns)).empty:
                with st.container(key="curve_so_far"):
                    st.vega_lite_chart(table, spec, key="curve_so_far_chart", width="stretch")
        images = unfinished_images(run.partial_results).tail(MOST_IMAGES)
        if len(images):
            gallery([_picture(row) for row in images.to_dict("records")], key="unfinished")
        st.caption("It goes on if you close this page.")


def _picture(row: Mapping[Any, Any]) -> Picture:
    words = f"{row['target']} of {row['layer']}" + f", {row['end']}" * (row["end"] != MOST)
    return Picture(data_url(row["thumbnail"]), f"the image for {words} so far", words)


def progress_line(progress: dict[str, Any]) -> str:
    """Return "step 3 of 11 · 120 of 400 images · 84 images/s · about 40 s left in all", as far as it is known."""
    done, total, unit = progress.get("done", 0), progress.get("total", 0), progress.get("unit", "steps")
    parts = [str(progress["step"])] if progress.get("step") else []
    parts += [f"{done:,} of {count(total, unit.removesuffix('s'))}"] if total > 1 else []
    if progress.get("rate") and unit != "steps":
        parts.append(
            f"{progress['rate']:.1f} {unit}/s" if progress["rate"] < 10 else f"{progress['rate']:.0f} {unit}/s"
        )
    if progress.get("seconds_left") is not None:
        parts.append(f"about {duration(progress['seconds_left'])} left in all")
    elif progress.get("step"):
        parts.append("the first of its kind here, so there is no estimate yet")
    return " · ".join(parts)


def so_far(run: RunFolder, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table of what is computed already, empty before the first of it."""
    try:
        found = run.partial_results[name]
        return pd.DataFrame({column: found[column] for column in columns})
    except KeyError:
        return pd.DataFrame()


def _clock(run_id: str, elapsed: float) -> str:
    """Return a clock that began `elapsed` seconds ago; the same text again and again, so that it goes on by itself."""
    key = f"clock_{run_id}"
    began, shown = st.session_state.get(key, (0.0, ""))
    now = steady_seconds()
    if not shown or abs((now - began) - elapsed) > max(DRIFT, 0.02 * elapsed):
        began = now - elapsed
        shown = f'<span class="lab-clock" role="timer" style="animation-delay:-{elapsed:.1f}s"></span>'
        st.session_state[key] = (began, shown)
    return str(shown)
