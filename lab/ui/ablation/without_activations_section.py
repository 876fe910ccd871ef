"""Activations are taken out from the front to a depth: what is left of the probe curve."""

from __future__ import annotations

import streamlit as st

from lab.charts.ablation import linear_curves, linear_depths
from lab.experiments.ablation.without_activations import WithoutActivationsRequest
from lab.ui.answer import answered
from lab.ui.chart import show_chart, with_legend
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table

OFFER = "Takes activations out from the front to one depth after another, and reads every layer anew."


def without_activations_section(subject: Selection) -> None:
    """Show what the chosen network is without its activations."""
    request = request_for(WithoutActivationsRequest, subject)
    if (result := answered(request, offer=OFFER)) is None:
        return
    show_chart(result, linear_depths, key="linear_chart")
    show_chart(result, linear_curves, key="linear_curves", height=with_legend(len(result["depths"])))
    with st.expander("Every depth", icon=":material/table_rows:"):
        explained_table(result, "depths", key="linear_table")
