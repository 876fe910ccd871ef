"""Several questions in one tab: which of them is shown, and the run that was opened from the list of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Request

Asked = TypeVar("Asked", bound=Request)


def chosen_view(key: str, views: Mapping[str, tuple[str, ...]]) -> str:
    """Show a choice of `views` (their names and the experiments they show) and return the chosen one.

    A run that was just opened from the list of runs chooses its own.
    """
    names = list(views)
    opened_now = st.session_state.get("opened_request", {}).get("experiment", "")
    first = next((name for name in names if opened_now in views[name]), names[0])
    shown = st.segmented_control(
        "What to look at", names, default=first, required=True, key=key, label_visibility="collapsed"
    )
    return str(shown or first)


def opened(usual: Asked) -> Asked:
    """Return the request of the run that was opened from the list, if it asks the same of the same network."""
    values = st.session_state.get("opened_request", {})
    if values.get("experiment") != usual.experiment:
        return usual
    try:
        asked = type(usual).from_dict(values)
    except LabError:
        return usual
    same = getattr(asked.canonical(), "model", None) == getattr(usual.canonical(), "model", None)
    return asked if same else usual
