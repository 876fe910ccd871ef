"""Which layer of which network for new images: the networks of a sweep or any others, and what the search found."""

from __future__ import annotations

import streamlit as st

from lab.charts.which import accuracy_against_time, halving_rounds
from lab.errors import LabError
from lab.experiments.which.request import WhichRequest
from lab.sweeps.folder import list_sweeps
from lab.ui import url_state
from lab.ui.answer import answered
from lab.ui.chart import show_chart
from lab.ui.findings import show_command
from lab.ui.inputs import images_box, networks_box
from lab.ui.selection import Selection, request_for
from lab.ui.tables import result_tables
from lab.ui.text import escaped
from lab.ui.url_widgets import set_url_param, url_field

OFFER = "Scores every layer on a few images, ever fewer on more, and probes the last few with controls."
LAYERS = ("stages", "blocks")


def which_section() -> None:
    """Show the settings, and what the search found: what accuracy costs, the layers that are as good, how it went."""
    try:
        url_state.spell_out_opened()
    except LabError as error:
        st.error(escaped(error))
    request = _settings()
    if request is None or (result := answered(request, offer=OFFER, command=False)) is None:
        return
    show_chart(result, accuracy_against_time, key="which_time")
    show_chart(result, halving_rounds, key="which_rounds")
    result_tables(result)


def _settings() -> WhichRequest | None:
    """Show the boxes and return the request; None, with a sentence, where it makes no sense."""
    usual = WhichRequest()
    models = url_field(usual, "models", key="which_models")
    st.session_state["which_models"] = list(st.session_state["which_models"])
    with st.container(border=True, key="which_settings"):
        networks, images = st.columns([3, 2], gap="medium")
        with networks:
            networks_box(placeholder="choose networks, or type any timm id", **models)
            _from_a_sweep(usual)
        with images:
            images_box(**url_field(usual, "data", key="which_data"))
            layers = st.segmented_control("Layers", LAYERS, **url_field(usual, "layers", key="which_layers"))
    try:
        request = request_for(
            WhichRequest, Selection(), models=tuple(st.session_state["which_models"]) or usual.models,
            data=st.session_state["which_data"] or usual.data, layers=layers or usual.layers,
        )  # fmt: skip
    except LabError as error:
        st.warning(escaped(error))
        return None
    show_command(request)
    return request


def _from_a_sweep(usual: WhichRequest) -> None:
    """Offer the networks of a sweep of this computer."""
    plans = {plan.id: plan for plan in list_sweeps()}
    if not plans:
        return
    param = url_state.param(WhichRequest, "models")

    def take(sweep: str) -> None:
        set_url_param(param, list(plans[sweep].networks), usual.models)

    with st.popover("Networks of a sweep", icon=":material/grid_on:"):
        for sweep, plan in plans.items():
            st.button(f"{plan.name} ({len(plan.networks)})", key=f"which_{sweep}", on_click=take, args=(sweep,))
