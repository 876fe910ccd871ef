"""y = j(x)? The last stage is given the image: the real error first, then adapters and what remains."""

from __future__ import annotations

import streamlit as st

from lab.charts.ablation import adapter_forest
from lab.experiments.ablation.late_layers_only import LateLayersRequest
from lab.ui.chart import show_chart
from lab.ui.choices import with_current
from lab.ui.findings import show_command, show_findings
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table
from lab.ui.url_widgets import url_field

LAST = "the last one"
OFFER = "Hands the image to the last stage, then makes it fit in four ways, and measures what remains."


def late_layers_section(subject: Selection) -> None:
    """Show what a late stage makes of the image itself."""
    st.markdown("Why not give the last stage the image itself?")
    known = st.session_state.setdefault("tail_stages", {})
    kept = url_field(LateLayersRequest(), "stage", key="tail_stage")
    stages = with_current(["", *known.get(subject.model, ())], [st.session_state["tail_stage"]])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        stage = st.selectbox(
            "Stage that gets the image", stages, format_func=lambda name: name or LAST, width=260, **kept
        )  # fmt: skip
        request = request_for(LateLayersRequest, subject, stage=stage or "")
        show_command(request)
    result = result_or_status(request, offer=OFFER)
    if result is None:
        return
    if known.get(subject.model) != tuple(result.manifest["stages"]):
        known[subject.model] = tuple(result.manifest["stages"])
        st.rerun()
    error = result["error"].iloc[0]
    st.code(
        f"{error['kind']}: {error['message']}" if error["kind"] else error["message"], language=None, wrap_lines=True
    )
    show_findings(result.manifest["findings"])
    show_chart(result, adapter_forest, key="tail_chart")
    with st.expander("How the image is made to fit, and every number", icon=":material/table_rows:"):
        st.markdown(
            "- **tiling**: the average colour of each position's part of the image, repeated over channels\n"
            "- **random**: a random linear map of its pixels\n"
            "- **least squares**: the linear map closest to the real features (ridge)"
        )
        explained_table(result, "adapters", key="tail_table")
