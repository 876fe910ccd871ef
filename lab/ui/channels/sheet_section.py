"""The contact sheet of a layer: natural patches first, then the image made for each channel (Borowski et al. 2021)."""

from __future__ import annotations

from typing import Any

import streamlit as st

from lab.charts.channels import reached_by_target
from lab.errors import LabError
from lab.experiments.channels.optimised import LEAST, first_images
from lab.experiments.channels.scan_context import ScanRequest, SearchRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.ui.channels.tiles import patches
from lab.ui.channels.wall import wall
from lab.ui.chart import show_chart
from lab.ui.choices import layer_names, own_size, with_current
from lab.ui.chosen import follow
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped
from lab.ui.url_state import opened, param
from lab.ui.url_widgets import url_field, url_widget

USUAL = VisualizeRequest(layers="", channels="top:6", negative=True)
WHICH = {
    "top:6": "The 6 most selective",
    "top:12": "The 12 most selective",
    "0-15": "The first 16",
    "0-63": "The first 64",
}
USUAL_LAYER = "blocks.3.2"
QUICK = 128  # pixels of an image that is made in a third of the time, and shows less
SIDE = 224  # pixels of an image, at least
LAZY: dict[str, Any] = {"on_change": "rerun"}  # what is folded away is not sent: on a sheet of 64 channels it is a lot


def sheet_section(subject: Selection) -> None:
    """Show the sheet of one layer."""
    request = _request(subject)
    if request is None:
        return
    result = result_or_status(
        request,
        offer="Finds the patches that excite each channel most, then optimises an image.",
    )
    if result is None:
        return
    images, exemplars = result["visualizations"], result["exemplars"]
    negative = len(first_images(images, LEAST)) > 0
    side = 2 * SIDE if negative else SIDE
    wall(subject, exemplars, images, order=first_images(images), side=side, key="sheet")
    st.caption(
        "Above: four patches, the pixels the channel's value depends on. Below: an image optimised to raise it"
        f"{', beside it one to lower it' * negative}. A click enlarges. People learn more from natural patches."
    )
    show_sentences(result.manifest["findings"])
    reached = st.expander("What the images reach", icon=":material/stacked_line_chart:", **LAZY, key="sheet_more")
    if reached.open:
        with reached:
            show_chart(result, reached_by_target, key="sheet_reached")
    if not negative:
        weakest = st.expander(
            "The patches that excite each channel least", icon=":material/arrow_downward:", **LAZY, key="sheet_least"
        )
        if weakest.open:
            weakest.html(patches(exemplars[(exemplars["end"] == LEAST) & (exemplars["rank"] <= 2)]))
    show_command(request)


def layer_box(subject: Selection, asked: ScanRequest, chosen: str) -> str:
    """Show the box for the layers of a question, and return what it says; `chosen` is the usual choice, or ""."""
    names = layer_names(subject.model)
    if not chosen:
        known = USUAL_LAYER in names or subject.model == VisualizeRequest().model
        chosen = USUAL_LAYER if known else names[len(names) // 2] if names else "stages"
    name, key = param(type(asked), "layers"), f"{asked.experiment}_layer"
    follow(request_for(type(asked), subject, **{**_of_view(asked), "layers": chosen}), "layers", names)
    kept = url_widget(name, chosen, key=key)
    return str(
        st.selectbox(
            "Layer", with_current(names, [st.session_state[key]]), accept_new_options=True,
            help="Any name of `feature-lab layers MODEL`; stages or blocks for several layers.", **kept,
        )
        or chosen
    )  # fmt: skip


def size_box(subject: Selection, usual: SearchRequest, place: Any) -> int | None:
    """Show the box for the size of the images that are made and return what it says, None for the network's own."""
    key, own = f"{usual.experiment}_size", own_size(subject.model)
    kept = url_field(usual, "size", key=key)
    sizes = with_current([QUICK], filter(None, [st.session_state[key]]))
    size = place.selectbox(
        "Image size", sizes, index=None, placeholder=f"{own} px, its own" if own else "the network's own",
        help="The network's own size shows most; 128 px takes a third of the time.",
        format_func=lambda side: f"{side} px", **kept,
    )  # fmt: skip
    return None if size is None else int(size)


def _request(subject: Selection) -> VisualizeRequest | None:
    """Show the boxes for layer and channels and return what they name; None when they make no sense."""
    asked = opened(VisualizeRequest) or USUAL
    layer, which, sizes, copies, ends = st.columns([3, 3, 3, 2, 2], gap="medium", vertical_alignment="bottom")
    with layer:
        name = layer_box(subject, asked, asked.layers)
    kept_channels = url_widget(param(VisualizeRequest, "channels"), asked.channels, key="sheet_channels")
    spec = which.selectbox(
        "Channels", with_current(WHICH, [st.session_state["sheet_channels"]]), accept_new_options=True,
        format_func=lambda text: WHICH.get(text, text),
        help="3,17 · 0-8 · top:4 · top:4:CLASS · 3@5x6 (one position) · class:NAME (what a probe looks for) · all",
        **kept_channels,
    )  # fmt: skip
    size = size_box(subject, VisualizeRequest(), sizes)
    several = copies.number_input(
        "Images of each", 1, 8, help="Made unlike each other.",
        **url_field(VisualizeRequest(), "copies", key="sheet_copies"),
    )  # fmt: skip
    negative = ends.toggle(
        "Negatives", help="Beside each image one for the least response.",
        **url_field(asked, "negative", key="sheet_negative"),
    )  # fmt: skip
    chosen = {"layers": name, "channels": spec or asked.channels, "copies": int(several), "size": size}
    chosen["negative"] = bool(negative)
    try:
        return request_for(VisualizeRequest, subject, **chosen)
    except LabError as error:
        st.error(escaped(error))
        return None


def _of_view(asked: ScanRequest) -> dict[str, Any]:
    """Return the fields of a request that its view decides."""
    return {name: value for name, value in asked.as_dict().items() if name in ("channels", "count", "negative", "ends")}
