"""The network and the images whose channels a page looks at: two boxes and the page's URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.asking import AskRequest
from lab.experiments.separability import DEFAULT_DATA, DEFAULT_MODEL
from lab.models import ModelRef
from lab.ui import address
from lab.ui.choices import NETWORKS, image_sets, with_current
from lab.ui.text import plain

R = TypeVar("R", bound=AskRequest)


@dataclass(frozen=True)
class ChannelChoice:
    """What the page looks at, as its requests name it."""

    model: str
    data: str


def choose() -> ChannelChoice:
    """Show the boxes and return what is chosen; both are in the URL."""
    _fill_in()
    state = st.session_state
    with st.container(border=True, key="channels_of"):
        network, images = st.columns([5, 4], gap="medium")
        network.selectbox(
            "Network",
            with_current(NETWORKS, [state["channels_model"]]),
            key="channels_model",
            accept_new_options=True,
            help="Any timm model id can be typed. packaged: no download; untrained:0: random weights.",
        )
        images.selectbox(
            "Images",
            with_current(image_sets(), [state["channels_data"]]),
            key="channels_data",
            accept_new_options=True,
            help="A set by name, or the path of a folder (or zip) with one folder a class.",
        )
    if problem := state.pop("channels_problem", ""):
        st.error(plain(problem))
    model = str(ModelRef.parse(state["channels_model"] or DEFAULT_MODEL))
    data = (state["channels_data"] or DEFAULT_DATA).strip()
    for name, value, usual in (("model", model, DEFAULT_MODEL), ("data", data, DEFAULT_DATA)):
        keep_in_url(name, value, usual)
    return ChannelChoice(model, data)


def keep_in_url(name: str, value: str, usual: str) -> None:
    """Put a value into the URL, or take it out where it is the usual one."""
    if value != usual:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def opened_or(request: R) -> R:
    """Return the run that was opened from the list of runs if it is of this question and choice, else `request`."""
    opened = st.session_state.get("opened_request", {})
    if opened.get("experiment") != request.experiment or st.session_state.get("opened_left"):
        return request.canonical()
    asked = type(request).from_dict(opened).canonical()
    mine = request.canonical().as_dict()
    same = all(asked.as_dict()[name] == mine[name] for name in ("model", "data") if name in mine)
    return asked if same else request.canonical()


def leave_opened() -> None:
    """Forget the run that was opened: something else was chosen since."""
    st.session_state["opened_left"] = True


@st.cache_data(show_spinner=False, ttl=20, max_entries=32)
def layer_names(model: str) -> Sequence[str]:
    """Return a network's layers from its card, if it has been opened on this computer; [] if it has not."""
    from lab.layers import select_layers
    from lab.models.cards import kept_card

    known = kept_card(ModelRef.parse(model))
    return [layer.name for layer in select_layers(known.layers, "blocks")] if known else []


def _fill_in() -> None:
    state = st.session_state
    run = st.query_params.pop("run", None)
    if run is not None:
        try:
            asked = address.known_run(run).request.as_dict()
        except LabError as error:
            state["channels_problem"] = str(error)
        else:
            state["opened_request"], state["opened_left"] = asked, False
            state["channels_model"] = asked.get("model", DEFAULT_MODEL)
            state["channels_data"] = asked.get("data", DEFAULT_DATA)
            if asked.get("layer"):
                st.query_params["layer"], st.query_params["channel"] = asked["layer"], str(asked.get("channel"))
    for name, usual in (("model", DEFAULT_MODEL), ("data", DEFAULT_DATA)):
        if f"channels_{name}" not in state:
            state[f"channels_{name}"] = st.query_params.get(name, usual)
