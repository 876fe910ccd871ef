"""The card of one channel: exemplars, the image made for it, classes, what feeds it, what it does; one click down."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.looking.channel import ChannelRequest
from lab.ui.choices import layer_names, with_current
from lab.ui.kept import kept_field
from lab.ui.looking.tiles import image, patches
from lab.ui.saying import command, explained
from lab.ui.showing import show_chart
from lab.ui.subject import Subject, request_for
from lab.ui.text import plain
from lab.ui.working import launch, outcome

OFFER = (
    "The patches that excite this channel most and least, an image made for it, which channels below feed it, and what "
    "changes when it is switched off. About half a minute with the usual network."
)
BELOW = 6  # channels below that can be clicked
MOST_SELECTIVE = "the most selective one"
OWN_COLUMNS = {"name": "class", "change": "change of the logit", "ci_low": "95 % from", "ci_high": "to"}


def card_section(subject: Subject) -> None:
    """Show the card of the chosen channel."""
    try:
        request = _request(subject)
    except LabError as error:
        st.error(plain(error))
        return
    result = outcome(request, offer=OFFER)
    if result is None:
        return
    layer, channel = result.manifest["at"]
    st.markdown(f"##### Channel {channel} of {plain(layer)}")
    exemplars = result["exemplars"]
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.markdown("**The patches that excite it most**")
        st.html(patches(exemplars[exemplars["end"] == "most"]))
    with right:
        st.markdown("**An image made for it**")
        made = result["visualizations"].iloc[0]
        st.html(
            f'<div class="lab-one">{image(made["thumbnail"], f"image made for channel {channel} of {layer}")}</div>'
        )
        show_chart(result, "reached_by_target", key="card_reached")
    explained(result.manifest["findings"])
    _feeding(subject, result)
    _doing(result)
    with st.expander("The patches that excite it least", icon=":material/arrow_downward:"):
        st.html(patches(exemplars[exemplars["end"] == "least"]))
    command(request)


def _request(subject: Subject) -> ChannelRequest:
    """Show the boxes for layer and channel and return what they name."""
    layer, channel = st.columns([2, 1], gap="medium")
    kept = kept_field(ChannelRequest(), "layer", key="card_layer")
    name = layer.selectbox(
        "Layer", with_current(["", *layer_names(subject.model)], [st.session_state["card_layer"]]),
        accept_new_options=True, format_func=lambda name: name or "a stage in the middle", **kept,
    )  # fmt: skip
    index = channel.number_input(
        "Channel", min_value=0, value=None, step=1, placeholder=MOST_SELECTIVE,
        **kept_field(ChannelRequest(), "channel", key="card_channel"),
    )  # fmt: skip
    return request_for(ChannelRequest, subject, layer=name or "", channel=index)


def _feeding(subject: Subject, result: Result) -> None:
    classes, below = st.columns(2, gap="large")
    with classes:
        show_chart(result, "class_histogram", key="card_classes")
    with below:
        table = result["contributions"]
        if table.empty:
            st.caption("Its value is not a plain sum over channels before it.")
            return
        show_chart(result, "contributions_to_channel", key="card_sources")
        _links(subject, table)


def _links(subject: Subject, table: pd.DataFrame) -> None:
    """Offer the cards of the channels below, down to the picture's colours."""
    known = table[~table["source"].str.startswith(("the picture", "what enters"))].head(BELOW)
    if known.empty:
        st.caption("These are the picture's own colours: there is nothing below.")
        return
    st.markdown(":small[Go down to a channel that feeds it:]")
    with st.container(horizontal=True):
        for source, channel in zip(known["source"], known["channel"], strict=True):
            st.button(
                f"{plain(source)} · {channel}", key=f"below_{source}_{channel}", icon=":material/arrow_downward:",
                on_click=_go, args=(subject, source, int(channel)),
            )  # fmt: skip


def _go(subject: Subject, layer: str, channel: int) -> None:
    launch(ChannelRequest(subject.model, subject.data, layer=layer, channel=channel))


def _doing(result: Result) -> None:
    if result["effects"].empty:
        return
    effect, own = st.columns(2, gap="large")
    with effect:
        show_chart(result, "switched_off", key="card_off")
    with own:
        classes = result["classes"]
        if len(classes):
            st.markdown("**What falls most in the network's own answer** on these patches' images")
            st.dataframe(classes.rename(columns=OWN_COLUMNS).round(3), hide_index=True, key="card_own")
