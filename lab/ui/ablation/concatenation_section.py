"""The last layer, the best one, early and late, or all of them: at the same number of dimensions."""

from __future__ import annotations

import streamlit as st

from lab.charts.ablation import concatenation_forest, single_layers
from lab.experiments.ablation.layer_concatenation import ConcatenationRequest
from lab.ui.answer import answered
from lab.ui.chart import show_chart, with_legend
from lab.ui.findings import show_command
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table
from lab.ui.url_widgets import url_field

SIZES = (4, 8, 16, 32, 64)
OFFER = "Reads every layer alone, an early one with the last, and all of them side by side."


def concatenation_section(subject: Selection) -> None:
    """Show whether probes of several layers find more than a probe of one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kept = url_field(ConcatenationRequest(), "dimension", key="together_dimension")
        sizes = sorted({*SIZES, st.session_state["together_dimension"]})
        dimension = st.selectbox("Dimensions each", sizes, width=180, **kept)
        request = request_for(ConcatenationRequest, subject, dimension=dimension)
        show_command(request)
    if (result := answered(request, offer=OFFER, command=False)) is None:
        return
    show_chart(result, concatenation_forest, key="together_chart")
    show_chart(result, single_layers, key="together_layers", height=with_legend(2, 380))
    with st.expander("Every probe", icon=":material/table_rows:"):
        explained_table(result, "readers", key="together_table")
