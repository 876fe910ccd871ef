"""The settings of a comparison: which networks on which images, or the networks of runs that are there already."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lab.errors import LabError
from lab.experiments.comparison.request import CompareRequest, comparison_of
from lab.experiments.separability.request import ProbeRequest
from lab.runs.store import list_runs
from lab.ui import url_state
from lab.ui.choices import with_current
from lab.ui.draft import fill_in, folding, run_row
from lab.ui.inputs import images_box, networks_box
from lab.ui.run_labels import run_labels
from lab.ui.run_status import note_problem

LAYERS = ("stages", "blocks")
NEWEST = 50


def comparison_controls(shown: CompareRequest, *, folded: bool) -> bool:
    """Show the settings, filled in from `shown`, with the button that runs them; return whether they were changed."""
    fill_in(
        shown,
        {
            "compare_models": list(shown.models),
            "compare_data": shown.data,
            "compare_layers": shown.layers,
            "compare_per_class": shown.per_class,
            "compare_speed": shown.speed,
        },
    )
    with folding(shown, folded=folded):
        networks, images = st.columns([3, 2], gap="medium")
        with networks:
            _networks()
        with images:
            _images()
        return run_row(shown, lambda: _draft(shown), label="Compare", key="compare_run")


def _networks() -> None:
    networks_box(key="compare_models", placeholder="two or more, or any timm id")
    told, runs = st.columns([2, 1], vertical_alignment="top")
    told.caption("Two or more; *Models* finds others.")
    with runs.popover("From runs", icon=":material/folder_open:", width="stretch"):
        _from_runs()


def _from_runs() -> None:
    """Take the networks of finished probe runs on the same images."""
    done = [r for r in list_runs() if r.status == "finished" and type(r.request) is ProbeRequest][:NEWEST]
    names = run_labels(done)
    if not names:
        st.caption("There is no finished run yet.")
        return
    picked = st.multiselect(
        "Finished runs", list(names), key="compare_runs", format_func=lambda run_id: names.get(run_id, run_id)
    )
    st.button("Take their networks", key="take_runs", disabled=not picked, on_click=_take, args=(tuple(picked),))


def _take(picked: tuple[str, ...]) -> None:
    try:
        requests = [url_state.known_run(run_id).request for run_id in picked]
        url_state.show(comparison_of(request for request in requests if isinstance(request, ProbeRequest)))
    except LabError as error:
        note_problem(error)


def _images() -> None:
    images_box(key="compare_data", persist_state="page")
    layers, most = st.columns(2, vertical_alignment="bottom")
    layers.selectbox(
        "Layers",
        with_current(LAYERS, [st.session_state["compare_layers"]]),
        key="compare_layers",
        persist_state="page",
        help="stages: a few, quick. blocks: every block.",
    )
    most.number_input(
        "Images per class, at most", min_value=2, value=None, step=10, key="compare_per_class", placeholder="all",
        persist_state="page",
    )  # fmt: skip
    st.toggle(
        "Measure speed", key="compare_speed", persist_state="page",
        help="Images a second of each network and its smallest good cut on this machine.",
    )  # fmt: skip


def _draft(shown: CompareRequest) -> CompareRequest:
    """Return what the widgets describe; what they leave out is as in the comparison that is shown."""
    state = st.session_state
    data = (state["compare_data"] or "").strip()
    return replace(
        shown,
        models=tuple(state["compare_models"]),
        data=data,
        classes=shown.classes if data == shown.data else (),
        layers=state["compare_layers"],
        per_class=state["compare_per_class"],
        speed=bool(state["compare_speed"]),
    )
