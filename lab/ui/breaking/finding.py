"""What was found, as a list on the page, and how high a chart with a legend below must be there."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from lab.ui.text import plain

LEGEND_LINE = 26  # pixels; a page fits chart, axis and legend into the height it is given


def findings(sentences: Iterable[str]) -> None:
    """Show the sentences one under the other; they quote what was just measured."""
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences))


def with_legend(lines: int, height: int = 430) -> int:
    """Return the height of a chart with `lines` lines of legend."""
    return height + LEGEND_LINE * lines
