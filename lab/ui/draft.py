"""The settings of an experiment as a draft in this browser session: what is shown stays until the button is pressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Request
from lab.ui.findings import show_command
from lab.ui.run_status import launch
from lab.ui.text import escaped

R = TypeVar("R", bound=Request)


def fill_in(shown: Request, values: Mapping[str, Any]) -> None:
    """Set the widgets to `values` (by key) when the page shows another request than they were made from."""
    state, made_from = st.session_state, f"{shown.experiment}_draft_made_from"
    if state.get(made_from) == shown.digest and all(key in state for key in values):
        return
    state.update(values)
    state[made_from] = shown.digest


def run_row(
    shown: R, draft: Callable[[], R], *, label: str, key: str, icon: str = "play_arrow",
    start: Callable[[R], None] = launch,
) -> None:  # fmt: skip
    """Show the button that runs the draft, the command that asks the same, and whether it is what the page shows.

    `draft` returns what the widgets describe and raises LabError when that makes no sense.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        try:
            wanted = draft().canonical()
        except LabError as error:
            st.button(label, key=key, type="primary", disabled=True)
            st.markdown(f":red[{escaped(error)}]")
            return
        st.button(label, key=key, type="primary", icon=f":material/{icon}:", width=140, on_click=start, args=(wanted,))
        show_command(wanted)
        if wanted != shown:
            st.caption(f"The settings have changed; what is shown below is not theirs yet. Press {label}.")
