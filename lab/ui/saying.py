"""What an experiment found, in words on a page, and the command that finds it again."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from lab.experiments.base import Request
from lab.ui.text import plain


def explained(sentences: Iterable[str]) -> None:
    """Show the sentences as one paragraph; they quote what was just measured."""
    st.markdown(" ".join(plain(sentence) for sentence in sentences))


def listed(sentences: Iterable[str]) -> None:
    """Show the sentences one under the other."""
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences))


def command(request: Request) -> None:
    """Show the command line that asks the same."""
    with st.popover("Command", icon=":material/terminal:"):
        st.caption("The same from a terminal:")
        st.code(request.command(), language="bash", wrap_lines=True)
