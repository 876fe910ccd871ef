"""Sizes and weights of a network, window by window."""

from __future__ import annotations

import streamlit as st

from lab.charts.sizes import map_sizes, weight_counts
from lab.experiments.building.sizes import SizesRequest
from lab.experiments.result import Result
from lab.ui.answer import answered
from lab.ui.chart import show_chart
from lab.ui.selection import Selection, request_for

OFFER = "Compares every window of this network with the formula."
COLUMNS = {
    "layer": "layer",
    "kind": "kind",
    "in_height": "in",
    "kernel_height": "kernel F",
    "stride_y": "stride S",
    "padding_y": "padding P",
    "dilation_y": "dilation D",
    "formula_height": "formula",
    "real_height": "real",
    "agrees": "agrees",
}


def sizes_section(subject: Selection) -> None:
    """Show what the formula says of every window of the chosen network, and what came out."""
    request = request_for(SizesRequest, subject)
    if (result := answered(request, offer=OFFER)) is None:
        return
    left, right = st.columns(2, gap="large")
    with left:
        show_chart(result, map_sizes, key="sizes_chart", height=430)
    if not result["weights"].empty:
        with right:
            show_chart(result, weight_counts, key="weights_chart", height=430)
    _table(result)


def _table(result: Result) -> None:
    with st.expander("Every window", icon=":material/table_rows:"):
        st.caption("Rows only. Padding is that of each end.")
        st.dataframe(result["windows"][list(COLUMNS)].rename(columns=COLUMNS), hide_index=True, key="windows_table")
