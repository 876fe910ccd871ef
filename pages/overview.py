"""Overview: what the lab is, what it finds by default, and where to go next."""

from __future__ import annotations

import streamlit as st

from lab.experiments.separability.request import ProbeRequest
from lab.ui import examples, overview, run_status
from lab.ui.heading import heading
from lab.ui.presenting import present_link
from lab.ui.separability import panels

heading(
    "Feature Hierarchy Lab",
    "At which layer of a vision network do your classes come apart? Measured, with controls.",
)
overview.runs_under_way()

default = ProbeRequest().canonical()
st.markdown(
    "Here: drawn cats and dogs that colour and texture do not tell apart, and a network trained on photographs. A "
    "*probe*, a linear classifier, is fitted to each layer."
)
result = run_status.result_or_status(default, offer="Not computed here yet. It needs no download.")
if result is None:
    examples.drawn_examples(default.data, per_class=4)
else:
    panels.problems(result)
    panels.verdicts(result)
    st.fragment(panels.hero_chart)(result)
    present_link(result.request.run_id, key="present")
    panels.how_to_read()

st.header("Where to go next")
overview.next_steps(result)

st.header("Questions people ask")
st.markdown("Each is an experiment, on a network and images of your choice.")
overview.questions()
