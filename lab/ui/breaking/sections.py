"""The questions of the page *Break the stack*, one tab each; only the open one is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lab.ui.breaking.changes_section import changes_section
from lab.ui.breaking.choosing import Broken
from lab.ui.breaking.collapse_section import collapse_section
from lab.ui.breaking.linear_section import linear_section
from lab.ui.breaking.side_by_side_section import side_by_side_section
from lab.ui.breaking.tail_section import tail_section
from lab.ui.breaking.together_section import together_section


@dataclass(frozen=True)
class Section:
    """One tab: its name (also in the URL), the question it asks, and what shows it."""

    name: str
    asks: str
    show: Callable[[Broken], None]


def sections(choice: Broken) -> None:
    """Show the tabs."""
    tabs = st.tabs([section.name for section in SECTIONS], key="question", on_change="rerun", bind="query-params")
    for tab, section in zip(tabs, SECTIONS, strict=True):
        if tab.open:
            with tab:
                st.markdown(f"#### {section.asks}")
                section.show(choice)


SECTIONS = (
    Section("Break a part", "Skip, swap, permute, re-initialise: what is left of the network?", changes_section),
    Section("y = j(x)?", "Why not feed the image straight to the last layers?", tail_section),
    Section("No activations", "What is left when every layer is linear?", linear_section),
    Section("One convolution", "Are many linear layers more than one?", collapse_section),
    Section("Side by side", "Why stack layers and not lay them side by side?", side_by_side_section),
    Section("All layers", "Is the last layer enough?", together_section),
)
