"""Ground truth: how much of each map lies on the parts of drawn pictures that really differ between the classes."""

from __future__ import annotations

import streamlit as st

from lab.attributions.methods import METHODS
from lab.charts.attributions import share_matrix, shares_by_layer
from lab.errors import LabError
from lab.experiments.attribution.request import ScoreRequest
from lab.images.synthetic import DRAWN_SETS
from lab.ui.chart import show_chart
from lab.ui.choices import with_current
from lab.ui.findings import show_command, show_findings
from lab.ui.run_status import result_or_status
from lab.ui.selection import Selection, request_for
from lab.ui.tables import explained_table
from lab.ui.text import escaped
from lab.ui.url_state import opened
from lab.ui.url_widgets import url_field, url_widget

OFFER = "Fits a probe at every layer, explains its decisions, and measures how much of each map lies on what differs."


def score_section(subject: Selection) -> None:
    """Show method by layer for the chosen network."""
    st.markdown(
        "Drawn cats and dogs differ in ears, pupils and muzzle alone: what explains **cat or dog** must lie there."
    )
    left, middle, right = st.columns([5, 4, 2], gap="medium", vertical_alignment="bottom")
    usual = ScoreRequest()
    asked = opened(ScoreRequest)
    sets = with_current(DRAWN_SETS, [asked.data] if asked else [])
    data = left.selectbox(
        "Drawings", sets, format_func=lambda name: DRAWN_SETS.get(name, name),
        **url_widget("data", usual.data, key="score_data", options=sets),
    )  # fmt: skip
    images = middle.number_input("Pictures a class", 2, 1000, **url_field(usual, "images", key="score_images"))
    try:
        request = request_for(ScoreRequest, subject, data=data, images=int(images))
    except LabError as error:
        st.error(escaped(error))
        return
    with right:
        show_command(request)
    result = result_or_status(request, offer=OFFER)
    if result is None:
        return
    show_findings(result.findings)
    show_chart(result, share_matrix, key="matrix_chart")
    methods = list(dict.fromkeys(result["summary"]["method"]))
    method = st.selectbox("Method", methods, key="score_method", format_func=lambda name: METHODS[name].title)
    show_chart(result, shares_by_layer, key="shares_chart", method=method)
    with st.expander("Every number", icon=":material/table_rows:"):
        explained_table(result, "summary", key="summary_table")
        explained_table(result, "probes", key="probes_table")
        invalid = result["capability"]
        invalid = invalid[~invalid["valid"]]
        if len(invalid):
            st.dataframe(invalid, hide_index=True, key="invalid_table")
