"""The contact sheet of a layer: natural patches first, then the image made for each channel (Borowski et al. 2021)."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lab.charts.channels import reached_by_target
from lab.errors import LabError
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.ui.channels.tiles import patches, sheet
from lab.ui.chart import show_chart
from lab.ui.choices import layer_names, with_current
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import launch, result_or_status
from lab.ui.selection import Selection, leave_opened, request_for
from lab.ui.text import escaped
from lab.ui.url_state import opened, param
from lab.ui.url_widgets import url_widget

WHICH = {"top:12": "The 12 most selective", "0-15": "The first 16", "0-63": "The first 64"}
USUAL_LAYER = "blocks.3.2"
LAZY: dict[str, Any] = {"on_change": "rerun"}  # what is folded away is not sent: on a sheet of 64 channels it is a lot


def sheet_section(subject: Selection) -> None:
    """Show the sheet of one layer, or the run of exemplar patches that was opened."""
    if opened(ExemplarsRequest):
        _exemplars(request_for(ExemplarsRequest, subject))
        return
    request = _request(subject)
    if request is None:
        return
    result = result_or_status(
        request,
        offer="Finds the patches that excite each channel most, then optimises an image for it.",
    )
    if result is None:
        return
    images, exemplars = result["visualizations"], result["exemplars"]
    st.html(sheet(images, exemplars))
    st.caption(
        "Above: the four patches that excite the channel most, exactly the pixels its value can depend on. "
        "Below: an image optimised for it. People tell from natural patches better what a channel looks for."
    )
    show_sentences(result.manifest["findings"])
    _open_card(subject, images)
    reached = st.expander("What the images reach", icon=":material/stacked_line_chart:", **LAZY, key="sheet_more")
    if reached.open:
        with reached:
            show_chart(result, reached_by_target, key="sheet_reached")
    weakest = st.expander(
        "The patches that excite each channel least", icon=":material/arrow_downward:", **LAZY, key="sheet_least"
    )
    if weakest.open:
        least = exemplars[(exemplars["end"] == "least") & (exemplars["rank"] <= 2)]
        weakest.html(patches(least))
    show_command(request)


def _request(subject: Selection) -> VisualizeRequest | None:
    """Show the boxes for layer and channels and return what they name; None when they make no sense."""
    names = layer_names(subject.model)
    usual = USUAL_LAYER in names or subject.model == VisualizeRequest().model
    middle = USUAL_LAYER if usual else names[len(names) // 2] if names else "stages"
    asked = opened(VisualizeRequest) or VisualizeRequest(layers=middle, channels="top:12")
    layer, which = st.columns([2, 3], gap="medium", vertical_alignment="bottom")
    kept_layer = url_widget(param(VisualizeRequest, "layers"), asked.layers, key="sheet_layer")
    name = layer.selectbox(
        "Layer", with_current(names, [st.session_state["sheet_layer"]]), accept_new_options=True,
        help="Any name of `feature-lab layers MODEL`; stages or blocks for several layers.", **kept_layer,
    )  # fmt: skip
    kept_channels = url_widget(param(VisualizeRequest, "channels"), asked.channels, key="sheet_channels")
    spec = which.selectbox(
        "Channels", with_current(WHICH, [st.session_state["sheet_channels"]]), accept_new_options=True,
        format_func=lambda text: WHICH.get(text, text),
        help="3,17 · 0-8 · top:4 · top:4:CLASS · 3@5x6 (one position) · class:NAME (what a probe looks for) · all",
        **kept_channels,
    )  # fmt: skip
    try:
        return request_for(VisualizeRequest, subject, layers=name or asked.layers, channels=spec or asked.channels)
    except LabError as error:
        st.error(escaped(error))
        return None


def _exemplars(request: ExemplarsRequest) -> None:
    """Show a run of exemplar patches by themselves: the four strongest of each channel."""
    st.button("Back to the sheet", key="sheet_back", icon=":material/arrow_back:", on_click=leave_opened)
    result = result_or_status(request, offer="Finds the patches that excite each channel most.")
    if result is None:
        return
    show_sentences(result.manifest["findings"])
    table = result["exemplars"]
    st.html(sheet(table[table["rank"] == 1].drop_duplicates(["layer", "target"]), table))
    show_command(request)


def _open_card(subject: Selection, images) -> None:  # type: ignore[no-untyped-def]
    channels = images[images["channel"] >= 0]
    if channels.empty:
        return
    options = [f"{layer} · {channel}" for layer, channel in zip(channels["layer"], channels["channel"], strict=True)]
    pick, go = st.columns([3, 2], vertical_alignment="bottom")
    chosen = pick.selectbox("Look closer at", list(dict.fromkeys(options)), key="sheet_pick")
    layer, _, channel = (chosen or options[0]).rpartition(" · ")
    go.button("Open its card", key="sheet_open", on_click=open_card, args=(subject, layer, int(channel)))


def open_card(subject: Selection, layer: str, channel: int) -> None:
    """Show the card of a channel, computing it if need be."""
    st.session_state["question"] = "Channel card"
    launch(ChannelRequest(subject.model, subject.data, layer=layer, channel=channel))
