"""The questions of the page *What a layer looks at*, one tab each; only the open one is computed."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lab.ui.building.subject import Choice
from lab.ui.looking.attribution_section import attribution_section
from lab.ui.looking.score_section import score_section

TABS: dict[str, Callable[[Choice], None]] = {
    "Maps of a picture": attribution_section,
    "Which maps are right": score_section,
}


def tabs(choice: Choice) -> None:
    """Show the tabs."""
    places = st.tabs(list(TABS), key="question", on_change="rerun", bind="query-params")
    for place, show in zip(places, TABS.values(), strict=True):
        if place.open:
            with place:
                show(choice)
