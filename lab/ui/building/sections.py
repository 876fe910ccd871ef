"""The questions of the page *How layers build*, one tab each; only the open one is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lab.ui.building.face_section import face_section
from lab.ui.building.field_section import field_section
from lab.ui.building.filter_section import filter_section
from lab.ui.building.left_section import left_section
from lab.ui.building.shapes_section import shapes_section
from lab.ui.building.sizes_section import sizes_section
from lab.ui.building.slide_section import slide_section
from lab.ui.building.stack_section import stack_section
from lab.ui.building.subject import Choice


@dataclass(frozen=True)
class Section:
    """One tab: its name (also in the URL), the question it asks, and what shows it."""

    name: str
    asks: str
    show: Callable[[Choice], None]


def sections(choice: Choice) -> None:
    """Show the tabs."""
    tabs = st.tabs([section.name for section in SECTIONS], key="question", on_change="rerun", bind="query-params")
    for tab, section in zip(tabs, SECTIONS, strict=True):
        if tab.open:
            with tab:
                st.markdown(f"#### {section.asks}")
                section.show(choice)


def _filter(choice: Choice) -> None:
    with st.expander("A toy first: eyes plus a mouth", icon=":material/sentiment_satisfied:", expanded=True):
        face_section()
    st.markdown("##### The same in a real network")
    filter_section(choice)


def _sizes(choice: Choice) -> None:
    with st.expander("Try it: a window slides over a row of pixels", icon=":material/linear_scale:", expanded=True):
        slide_section()
    st.markdown("##### Layer by layer in a real network")
    sizes_section(choice)


def _fields(choice: Choice) -> None:
    with st.expander("Try it: layers on top of each other", icon=":material/stacks:", expanded=True):
        stack_section()
    st.markdown("##### What one position of a real network sees")
    field_section(choice)


SECTIONS = (
    Section("One filter", "Does a filter look at all input channels at once?", _filter),
    Section("Edges become shapes", "How does a layer make shapes out of edges?", shapes_section),
    Section("Sizes and weights", "How large is what comes out, and why does it take so few weights?", _sizes),
    Section("Receptive field", "How much of the picture does one position see?", _fields),
    Section("What is left", "Is the rest of the image lost?", left_section),
)
