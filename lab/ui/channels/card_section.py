"""The card of one channel: exemplars, the image made for it, classes, what feeds it, what it does; one click down."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from lab.charts.channels import ablation_effects, class_histogram, contributions_to_channel, reached_by_target
from lab.errors import LabError
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.optimised import first_images
from lab.experiments.result import Result
from lab.ui.channels.sheet_section import size_box
from lab.ui.channels.tiles import image, patches
from lab.ui.channels.wall import WORDS
from lab.ui.chart import show_chart
from lab.ui.choices import layer_names, with_current
from lab.ui.chosen import follow
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_status import launch, result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped
from lab.ui.url_widgets import url_field

OFFER = "Shows the patches that excite this channel most and least, images made for it, what feeds it, and its effect."
BELOW = 6  # channels below that can be clicked
MOST_SELECTIVE = "the most selective one"
OWN_COLUMNS = {"name": "class", "change": "change of the logit", "ci_low": "95 % from", "ci_high": "to"}


def card_section(subject: Selection) -> None:
    """Show the card of the chosen channel."""
    try:
        request = _request(subject)
    except LabError as error:
        st.error(escaped(error))
        return
    result = result_or_status(request, offer=OFFER)
    if result is None:
        return
    layer, channel = result.manifest["at"]
    st.markdown(f"### Channel {channel} of {escaped(layer)}")
    exemplars, images = result["exemplars"], result["visualizations"]
    for place, (end, word) in zip(st.columns(2, gap="large"), WORDS.items(), strict=True):
        with place:
            st.markdown(f"**{word}**")
            st.html(patches(exemplars[exemplars["end"] == end]))
            for data in first_images(images, end)["thumbnail"]:
                st.html(f'<div class="lab-one">{image(data, f"{word}: image made for {channel} of {layer}")}</div>')
    show_chart(result, reached_by_target, key="card_reached")
    show_sentences(result.manifest["findings"])
    _feeding(subject, result)
    _doing(result)
    show_command(request)


def _request(subject: Selection) -> ChannelRequest:
    """Show the boxes for layer and channel and return what they name."""
    names = layer_names(subject.model)
    follow(request_for(ChannelRequest, subject), "layer", names)
    layer, channel, sizes = st.columns([3, 2, 2], gap="medium")
    kept = url_field(ChannelRequest(), "layer", key="card_layer")
    name = layer.selectbox(
        "Layer", with_current(["", *names], [st.session_state["card_layer"]]),
        accept_new_options=True, format_func=lambda name: name or "a stage in the middle", **kept,
    )  # fmt: skip
    index = channel.number_input(
        "Channel", min_value=0, value=None, step=1, placeholder=MOST_SELECTIVE,
        **url_field(ChannelRequest(), "channel", key="card_channel"),
    )  # fmt: skip
    size = size_box(subject, ChannelRequest(), sizes)
    return request_for(ChannelRequest, subject, layer=name or "", channel=index, size=size)


def _feeding(subject: Selection, result: Result) -> None:
    classes, below = st.columns(2, gap="large")
    with classes:
        show_chart(result, class_histogram, key="card_classes")
    with below:
        table = result["contributions"]
        if table.empty:
            st.caption("Its value is not a plain sum over channels before it.")
            return
        show_chart(result, contributions_to_channel, key="card_sources")
        _links(subject, table)


def _links(subject: Selection, table: pd.DataFrame) -> None:
    """Offer the cards of the channels below, down to the picture's colours."""
    known = table[~table["source"].str.startswith(("the picture", "what enters"))].head(BELOW)
    if known.empty:
        st.caption("These are the picture's own colours: there is nothing below.")
        return
    st.markdown(":small[Go down to a channel that feeds it:]")
    with st.container(horizontal=True):
        for source, channel in zip(known["source"], known["channel"], strict=True):
            st.button(
                f"{escaped(source)} · {channel}", key=f"below_{source}_{channel}", icon=":material/arrow_downward:",
                on_click=_go, args=(subject, source, int(channel)),
            )  # fmt: skip


def _go(subject: Selection, layer: str, channel: int) -> None:
    launch(ChannelRequest(subject.model, subject.data, layer=layer, channel=channel))


def _doing(result: Result) -> None:
    if result["effects"].empty:
        return
    effect, own = st.columns(2, gap="large")
    with effect:
        show_chart(result, ablation_effects, key="card_off")
    with own:
        classes = result["classes"]
        if len(classes):
            st.markdown("**What falls most in the network's own answer** on these patches' images")
            st.dataframe(classes.rename(columns=OWN_COLUMNS).round(3), hide_index=True, key="card_own")
