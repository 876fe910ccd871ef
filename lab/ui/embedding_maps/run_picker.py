"""Choose which finished run a page shows."""

from __future__ import annotations

import streamlit as st

from lab.experiments.base import Request
from lab.runs.store import list_runs
from lab.ui import url_state
from lab.ui.run_labels import run_labels

NEWEST = 100


def run_picker(shown: Request) -> None:
    """Show a box with the finished runs of this experiment; choosing one makes it the page's."""
    runs = [run for run in list_runs() if run.status == "finished" and run.request.experiment == shown.experiment]
    names = run_labels(runs[:NEWEST])
    if list(names) in ([], [shown.run_id]):
        return
    # The box follows the page's request, also when a link or another page has changed it.
    st.session_state["picked_run"] = shown.run_id if shown.run_id in names else None

    def choose() -> None:
        picked = st.session_state["picked_run"]
        if picked:
            url_state.show(url_state.known_run(picked).request)
            st.query_params.pop("selected", None)

    st.selectbox(
        "Run",
        list(names),
        key="picked_run",
        format_func=lambda i: names.get(i, i),
        on_change=choose,
        placeholder="choose a run",
    )
