"""Embedding maps: the same images at every layer, flattened to two dimensions and linked."""

from __future__ import annotations

import streamlit as st

from lab.charts.map_checks import map_quality
from lab.experiments.separability.request import ProbeRequest
from lab.ui import examples, run_status, url_state
from lab.ui.chart import show_chart
from lab.ui.embedding_maps import linked, run_picker
from lab.ui.heading import heading
from lab.ui.routes import dashboard_file
from lab.ui.separability.details import model_picker

heading(
    "Embedding maps",
    "The same images mapped at every layer: watch the classes move apart, or stay mixed.",
)

request = url_state.requested(ProbeRequest)
run_picker.run_picker(request)
result = run_status.result_or_status(request, offer="Maps are made together with the probes: run this experiment.")
if result is None:
    examples.drawn_examples(request.data, per_class=9)
    st.page_link(dashboard_file("pages/separability.py"), label="Choose other settings", icon=":material/tune:")
elif result["projection"].empty:
    st.info("This run has no maps.")
else:
    model = model_picker(result)
    linked.walk_through_maps(result, model)
    with st.expander("How far to trust a map", icon=":material/rule:"):
        st.markdown(linked.CAVEAT)
        show_chart(result, map_quality, key="quality_chart", model=model)
