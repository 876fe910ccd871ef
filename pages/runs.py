"""Runs: everything computed on this computer; open, compare, rename, delete, restore, export."""

from __future__ import annotations

import streamlit as st

from lab.runs.store import list_runs, unreadable_runs
from lab.ui.heading import heading
from lab.ui.routes import dashboard_file
from lab.ui.runs import bundles, cards, overlaid

heading("Runs", "Every experiment that was computed on this computer.")

cards.undo_line()
bundles.open_bundles()
runs, unreadable = list_runs(), unreadable_runs()
if not runs and not unreadable:
    with st.container(horizontal=True, vertical_alignment="center", key="no_runs"):
        st.markdown("**Nothing has been computed here yet.**")
        st.page_link(dashboard_file("pages/separability.py"), label="Start one", icon=":material/arrow_forward:")
    cards.example_cards()
if runs:
    done = [run for run in runs if run.status == "finished" and run.request.experiment == "probe"]
    if len(done) > 1:
        overlaid.compare_runs(done)
        st.space("small")
    cards.run_cards(runs)
cards.damaged_cards(unreadable)
cards.trash_list()
cards.home_line()
