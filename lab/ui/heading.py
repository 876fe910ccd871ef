"""How every page begins."""

from __future__ import annotations

import streamlit as st

from lab.ui.run_status import tell_launch_problem


def heading(title: str, lead: str, *, css: str = "") -> None:
    """Show a page's title, what it is about, and what went wrong with the last click, if anything did."""
    st.title(title)
    st.html(f'<p class="lab-lead">{lead}</p>')
    if css:
        st.html(css)
    tell_launch_problem()
