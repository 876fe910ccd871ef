"""Compare: networks side by side on the same images, and which layer of which one to use."""

from __future__ import annotations

import streamlit as st

from lab.experiments.comparison.request import CompareRequest
from lab.ui import examples, run_status, url_state
from lab.ui.comparison import controls, panels
from lab.ui.draft import result_container
from lab.ui.heading import heading

heading(
    "Compare",
    "Which layer of which network is best for my classes, and at what cost?",
)

request = url_state.requested(CompareRequest)
settings = st.container()  # above, but drawn once it is known whether there is a result to make room for
result = run_status.result_or_status(
    request,
    offer="Not compared yet. Press Compare; the default compares a trained network with the same untrained.",
    button=False,
)
with settings:
    changed = controls.comparison_controls(request, folded=result is not None)
if result is None:
    examples.drawn_examples(request.data, per_class=9)
else:
    with result_container(changed):
        panels.comparison(result)
