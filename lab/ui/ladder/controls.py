"""The settings of the ladder: networks, rungs, layers, drawings and untrained twins."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from lab.experiments.ladder.request import LadderRequest
from lab.images.synthetic import RUNGS
from lab.ui.choices import with_current
from lab.ui.draft import fill_in, folding, run_row
from lab.ui.inputs import networks_box

LAYERS = ("stages", "blocks")


def ladder_controls(shown: LadderRequest, *, folded: bool) -> bool:
    """Show the settings, filled in from `shown`, with the button that runs them; return whether they were changed."""
    fill_in(
        shown,
        {
            "ladder_models": list(shown.models),
            "ladder_rungs": list(shown.rungs),
            "ladder_layers": shown.layers,
            "ladder_per_class": shown.per_class,
            "ladder_untrained": shown.untrained,
        },
    )
    with folding(shown, folded=folded):
        networks_box(key="ladder_models", placeholder="one or more, or any timm id")
        with st.expander("Rungs, layers and more", icon=":material/tune:"):
            _settings()
        return run_row(shown, lambda: _draft(shown), label="Run", key="ladder_run")


def _settings() -> None:
    st.multiselect("Rungs", list(RUNGS), key="ladder_rungs", persist_state="page")
    layers, drawings, twins = st.columns(3, vertical_alignment="bottom")
    layers.selectbox(
        "Layers", with_current(LAYERS, [st.session_state["ladder_layers"]]), key="ladder_layers", persist_state="page",
        help="stages: a few, quick. blocks: every block.",
    )  # fmt: skip
    drawings.number_input("Drawings per class", 20, 5000, step=50, key="ladder_per_class", persist_state="page")
    twins.number_input("Untrained twins", 0, 20, key="ladder_untrained", persist_state="page")


def _draft(shown: LadderRequest) -> LadderRequest:
    """Return what the widgets describe; what they leave out is as in the run that is shown."""
    state = st.session_state
    return replace(
        shown,
        models=tuple(state["ladder_models"]),
        rungs=tuple(state["ladder_rungs"]),
        layers=state["ladder_layers"],
        per_class=int(state["ladder_per_class"]),
        untrained=int(state["ladder_untrained"]),
    )
