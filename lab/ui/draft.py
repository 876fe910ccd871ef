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


def folding(shown: Request, *, folded: bool) -> Any:
    """Return what the settings of `shown` are in, `folded` to one line once there is a result: that comes first."""
    label = f"Settings: {escaped(shown.title())}"
    return st.expander(label, expanded=not folded, icon=":material/tune:", key=f"settings_{folded}")


def run_row(
    shown: R, draft: Callable[[], R], *, label: str, key: str, icon: str = "play_arrow",
    start: Callable[[R], None] = launch,
) -> bool:  # fmt: skip
    """Show the button that runs the draft and the command that asks the same; return whether the page shows another.

    `draft` returns what the widgets describe and raises LabError when that makes no sense.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        try:
            wanted = draft().canonical()
        except LabError as error:
            st.button(label, key=key, type="primary", disabled=True)
            st.markdown(f":red[{escaped(error)}]")
            return True
        st.button(label, key=key, type="primary", icon=f":material/{icon}:", width=140, on_click=start, args=(wanted,))
        show_command(wanted)
        if wanted != shown:
            st.caption(f"The settings have changed; what is shown below is not theirs yet. Press {label}.")
        return wanted != shown


def result_container(changed: bool) -> Any:
    """Return what the result is shown in: faint, with a word on why, while the settings are no longer its own."""
    place = st.container(key="of_other_settings" if changed else "of_these_settings")
    if changed:
        place.caption(":material/history: This is the result of other settings.")
    return place
