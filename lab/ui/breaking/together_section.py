"""The last layer, the best one, early and late, or all of them: at the same number of dimensions."""

from __future__ import annotations

import streamlit as st

from lab.experiments.breaking.together import TogetherRequest
from lab.ui.breaking.choosing import Broken, opened, request_for
from lab.ui.breaking.finding import findings, with_legend
from lab.ui.building.saying import command
from lab.ui.showing import show_chart
from lab.ui.working import outcome

OFFER = "Reads every layer alone, an early one with the last, and all of them side by side. About half a minute."


def together_section(choice: Broken) -> None:
    """Show whether readers of several layers find more than a reader of one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        usual = int(opened("together", "dimension", "16"))
        sizes = sorted({4, 8, 16, 32, 64, usual})
        dimension = st.selectbox(
            "Dimensions each", sizes, index=sizes.index(usual), key="together_dimension", width=180
        )
        request = request_for(TogetherRequest, choice, dimension=dimension)
        command(request)
    result = outcome(request, offer=OFFER)
    if result is None:
        return
    findings(result.manifest["findings"])
    show_chart(result, "reader_forest", key="together_chart")
    show_chart(result, "single_layers", key="together_layers", height=with_legend(2, 380))
    with st.expander("Every reader", icon=":material/table_rows:"):
        st.caption(
            "The best single layer is chosen on training images only, fold by fold. gap: difference to the last layer, "
            "paired by image, with its 95 % interval. Matched: principal components found on training images; layers "
            "side by side count alike, whatever their width."
        )
        st.dataframe(result["readers"], hide_index=True, key="together_table")
