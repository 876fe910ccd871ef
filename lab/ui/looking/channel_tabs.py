"""The questions of the page *Channels*, one tab each; only the open one is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lab.ui.looking.card_section import card_section
from lab.ui.looking.channel_choice import ChannelChoice
from lab.ui.looking.kernels_section import kernels_section
from lab.ui.looking.sheet_section import sheet_section
from lab.ui.looking.strip_section import strip_section


@dataclass(frozen=True)
class Tab:
    """One tab: its name (also in the URL), the question it asks, and what shows it."""

    name: str
    asks: str
    show: Callable[[ChannelChoice], None]


TABS = (
    Tab("Depth strip", "What does each depth pick out?", strip_section),
    Tab("Layer sheet", "What do the channels of a layer look for?", sheet_section),
    Tab("Channel card", "What excites one channel, what feeds it, and what does it do?", card_section),
    Tab("First filters", "What do the first filters look like?", kernels_section),
)


def tabs(choice: ChannelChoice) -> None:
    """Show the tabs."""
    shown = st.tabs([tab.name for tab in TABS], key="question", on_change="rerun", bind="query-params")
    for place, tab in zip(shown, TABS, strict=True):
        if place.open:
            with place:
                st.markdown(f"#### {tab.asks}")
                tab.show(choice)
