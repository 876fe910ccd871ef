"""Is the rest of the image lost? Thumbnails read off layers, factors read off layers, pictures rebuilt from layers."""

from __future__ import annotations

import html

import pandas as pd
import streamlit as st

from lab.charts.decoding import factor_map, inverted_by_depth, rebuilt_by_depth
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA
from lab.experiments.building.factor_decoding import FactorsRequest
from lab.experiments.building.inversion import InversionRequest
from lab.experiments.building.thumbnail_decoding import POOLINGS, ThumbnailRequest
from lab.experiments.result import Result
from lab.images.synthetic import DRAWN_SETS
from lab.ui.building.cells import strip
from lab.ui.building.views import chosen_view
from lab.ui.chart import on_a_phone, show_chart
from lab.ui.choices import with_current
from lab.ui.findings import show_command, show_findings, show_more
from lab.ui.inputs import images_box
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped
from lab.ui.url_state import opened
from lab.ui.url_widgets import url_field, url_widget

VIEWS = {
    "A thumbnail read off each layer": ("thumbnail",),
    "Which facts can be read": ("factors",),
    "The picture rebuilt": ("inversion",),
}
POOLING_NAMES = {"4x4": "A 4 × 4 grid of averages", "avg": "One average"}


def decoding_section(subject: Selection) -> None:
    """Show one of the three ways to ask."""
    view = chosen_view("left_view", VIEWS)
    if view == "Which facts can be read":
        _factors(subject)
    elif view == "The picture rebuilt":
        _inversion(subject)
    else:
        _thumbnail(subject)


def _thumbnail(subject: Selection) -> None:
    images_box(**url_field(ThumbnailRequest(), "data", key="thumbnail_data"))
    data = st.session_state["thumbnail_data"] or DEFAULT_DATA
    try:
        request = request_for(ThumbnailRequest, subject, data=data)
        result = result_or_status(
            request,
            offer="Rebuilds a thumbnail of each image from every layer, trained and untrained.",
        )
    except LabError as error:
        st.warning(escaped(error))
        return
    if result is None:
        return
    show_findings(result.manifest["findings"][:1])
    pooling = st.segmented_control(
        "Pooling", list(POOLINGS), default=POOLINGS[0], required=True, key="thumbnail_pooling",
        format_func=lambda name: POOLING_NAMES[name],
    )  # fmt: skip
    show_chart(result, rebuilt_by_depth, key="rebuilt_chart", pooling=pooling, height=480)
    show_more(result.manifest["findings"][1:])
    st.markdown("### New images, as they are read off each layer")
    st.html(thumbnails_shown(result, str(pooling)))
    show_command(request)


def thumbnails_shown(result: Result, pooling: str) -> str:
    """Return a few held-out images and what is read of them at each layer of the trained network, as HTML."""
    pictures, rebuilt = result["pictures"], result["rebuilt"]
    model = pictures.loc[pictures["model"] != "", "model"].iloc[0]
    rows = [("<b>the images</b>", list(pictures.loc[pictures["model"] == "", "thumbnail"]))]
    here = pictures[(pictures["model"] == model) & (pictures["pooling"] == pooling)]
    scores = rebuilt[(rebuilt["model"] == model) & (rebuilt["pooling"] == pooling) & (rebuilt["control"] != "shuffled")]
    r2 = scores.set_index("layer")["r2"]
    for layer, part in here.groupby("layer", sort=False):
        rows.append((f"{html.escape(str(layer))}<br><small>R² {r2[layer]:.2f}</small>", list(part["thumbnail"])))
    return strip(rows, width=96, label="a thumbnail")


def _factors(subject: Selection) -> None:
    asked = opened(FactorsRequest)
    sets = with_current(DRAWN_SETS, [asked.data] if asked else [])
    data = st.selectbox(
        "Images", sets, format_func=lambda name: DRAWN_SETS.get(name, name),
        help="Factors are known for drawings only.",
        **url_widget("data", DEFAULT_DATA, key="factors_data", options=sets),
    )  # fmt: skip
    request = request_for(FactorsRequest, subject, data=data)
    result = result_or_status(
        request,
        offer="Reads every factor of these drawings off every layer, trained and untrained.",
    )
    if result is None:
        return
    show_findings(result.manifest["findings"][:1])
    controls = {"trained": "real", "untrained": "untrained"}
    there = [name for name, control in controls.items() if control in set(result["readings"]["control"])]
    shown = st.segmented_control("Weights", there, default=there[0], required=True, key="factors_weights")
    show_chart(result, factor_map, key="factors_chart", control=controls[str(shown)], numbers=not on_a_phone())
    st.caption(
        "Rows from those read best early to those read best late; averaged over positions (`--pooling 4x4` keeps them)."
    )
    show_more(result.manifest["findings"][1:])
    _factor_table(result["factors"])
    show_command(request)


def _factor_table(factors: pd.DataFrame) -> None:
    with st.expander("The factors", icon=":material/table_rows:"):
        st.dataframe(factors, hide_index=True, key="factors_table")


def _inversion(subject: Selection) -> None:
    request = request_for(InversionRequest, subject)
    result = result_or_status(
        request,
        offer="Changes noise until a layer's activations are those of the picture, trained and untrained.",
    )
    if result is None:
        return
    show_findings(result.manifest["findings"][:1])
    st.html(inversions_shown(result))
    show_chart(result, inverted_by_depth, key="inverted_chart", height=400)
    show_more(result.manifest["findings"][1:])
    show_command(request)


def inversions_shown(result: Result) -> str:
    """Return the picture and what comes back from each layer, a row per network and start, as HTML."""
    table = result["inversions"]
    layers = list(dict.fromkeys(table["layer"]))
    seen = result["picture"]["thumbnail"].iloc[0]
    rows = [("<b>what the network sees</b>", [seen])]
    for twin, part in table.groupby("twin", sort=False):
        for number, (_, line) in enumerate(part.groupby("start"), start=1):
            name = f"{'random weights' if twin else 'trained'}<br><small>start {number}</small>"
            rows.append((name, [line.set_index("layer")["thumbnail"][layer] for layer in layers]))
    return strip(rows, width=150, heads=map(html.escape, layers), label="a rebuilt picture")
