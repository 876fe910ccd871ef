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
    "A vision network sees an image in steps, from edges to whole things. This lab measures, layer by layer and on "
    "your own images, at which step the classes come apart, and checks with controls that the answer means what it "
    "seems to mean.",
)
overview.runs_under_way()

default = ProbeRequest().canonical()
st.header("The default experiment")
st.markdown(
    "Cats and dogs, drawn so that colour, contrast and texture give nothing away, shown to a network that was trained "
    "on photographs. One simple classifier, a *probe*, is trained on what each layer says about them."
)
result = run_status.result_or_status(default, offer="It has not been computed here yet. It needs no download.")
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
st.markdown("Each is answered by an experiment, on a network and images of your choice.")
overview.questions()
