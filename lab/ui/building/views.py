"""Several questions in one tab: which of them is shown, also in the URL; and of which weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

from lab.models import ModelRef
from lab.ui.url_state import OPENED
from lab.ui.url_widgets import url_widget


def chosen_view(key: str, views: Mapping[str, tuple[str, ...]]) -> str:
    """Show a choice of `views` (their names and the experiments they show) and return the chosen one.

    The run that the page was opened on chooses its own.
    """
    names, asked = list(views), st.query_params.get(OPENED, "")
    first = next((name for name in names if asked in views[name]), names[0])
    shown = st.segmented_control(
        "What to look at", names, required=True, label_visibility="collapsed",
        **url_widget("part", first, key=key, options=names),
    )  # fmt: skip
    return str(shown or first)


def by_weights(models: Iterable[str]) -> dict[str, str]:
    """Return a network and its twin by what they are: trained, untrained."""
    return {"untrained" if ModelRef.parse(model).untrained else "trained": model for model in models}
