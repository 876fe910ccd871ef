"""The settings of a comparison: which networks on which images, or the networks of runs that are there already."""

from __future__ import annotations

import streamlit as st

from lab.errors import LabError
from lab.experiments.comparing.asked import CompareRequest, comparison_of
from lab.experiments.separability import ProbeRequest
from lab.store import list_runs
from lab.ui import address
from lab.ui.building.saying import command
from lab.ui.choices import NETWORKS, image_sets, with_current
from lab.ui.naming import labels
from lab.ui.text import plain
from lab.ui.working import launch, tell_launch_problem

_SEEDED_FOR = "compare_made_from"
LAYERS = ("stages", "blocks")
NEWEST = 50


def comparison_controls(shown: CompareRequest) -> None:
    """Show the settings, filled in from `shown`, with the button that runs them."""
    _fill_in(shown)
    with st.container(border=True, key="compare_controls"):
        networks, images = st.columns([3, 2], gap="medium")
        with networks:
            _networks()
        with images:
            _images()
        _run_row(shown)
    tell_launch_problem()


def _fill_in(shown: CompareRequest) -> None:
    state = st.session_state
    if state.get(_SEEDED_FOR) == shown.digest and "compare_models" in state:
        return
    state["compare_models"] = list(shown.models)
    state["compare_data"] = shown.data
    state["compare_layers"] = shown.layers
    state["compare_per_class"] = shown.per_class
    state["compare_base"] = shown
    state[_SEEDED_FOR] = shown.digest


def _networks() -> None:
    st.multiselect(
        "Networks",
        with_current(NETWORKS, st.session_state["compare_models"]),
        key="compare_models",
        accept_new_options=True,
        placeholder="choose two or more, or type any timm id",
        persist_state="page",
        help="Any timm model id, with its weights after an @: packaged, pretrained, untrained:0, checkpoint:FILE, or "
        "lab:NAME for one that was trained here. Each trained one gets its untrained twin as a control.",
    )
    told, runs = st.columns([2, 1], vertical_alignment="top")
    told.caption("Two or more; the page *Models* finds others.")
    with runs.popover("From runs", icon=":material/folder_open:", width="stretch"):
        _from_runs()


def _from_runs() -> None:
    """Take the networks of finished probe runs on the same images."""
    done = [r for r in list_runs() if r.status == "finished" and type(r.request) is ProbeRequest][:NEWEST]
    names = labels(done)
    if not names:
        st.caption("There is no finished run yet.")
        return
    picked = st.multiselect(
        "Finished runs", list(names), key="compare_runs", format_func=lambda run_id: names.get(run_id, run_id)
    )
    st.button("Take their networks", key="take_runs", disabled=not picked, on_click=_take, args=(tuple(picked),))


def _take(picked: tuple[str, ...]) -> None:
    try:
        requests = [address.known_run(run_id).request for run_id in picked]
        address.show(comparison_of(request for request in requests if isinstance(request, ProbeRequest)))
    except LabError as error:
        st.session_state["launch_problem"] = str(error)


def _images() -> None:
    sets = image_sets()
    st.selectbox(
        "Images",
        with_current(sets, [st.session_state["compare_data"]]),
        key="compare_data",
        accept_new_options=True,
        format_func=lambda name: sets[name].title if name in sets else name,
        placeholder="choose a set, or type the path of a folder",
        persist_state="page",
    )
    layers, most = st.columns(2, vertical_alignment="bottom")
    layers.selectbox(
        "Layers",
        with_current(LAYERS, [st.session_state["compare_layers"]]),
        key="compare_layers",
        persist_state="page",
        help="stages: a few per network, quick. blocks: every block.",
    )
    most.number_input(
        "Images per class, at most", min_value=2, value=None, step=10, key="compare_per_class", placeholder="all",
        persist_state="page",
    )  # fmt: skip


def _draft() -> CompareRequest:
    from dataclasses import replace

    state = st.session_state
    base: CompareRequest = state["compare_base"]
    data = (state["compare_data"] or "").strip()
    return replace(
        base,
        models=tuple(state["compare_models"]),
        data=data,
        classes=base.classes if data == base.data else (),
        layers=state["compare_layers"],
        per_class=state["compare_per_class"],
    ).canonical()


def _run_row(shown: CompareRequest) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        try:
            wanted = _draft()
        except LabError as error:
            st.button("Compare", key="compare_run", type="primary", disabled=True)
            st.markdown(f":red[{plain(error)}]")
            return
        st.button(
            "Compare",
            key="compare_run",
            type="primary",
            icon=":material/play_arrow:",
            on_click=launch,
            args=(wanted,),
        )
        command(wanted)
        if wanted != shown:
            st.caption("The settings have changed; below is the comparison before. Press Compare for these settings.")
