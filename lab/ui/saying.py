"""What an experiment found, in words on a page, and the command that finds it again."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from lab.experiments.base import Request
from lab.ui.text import plain

FEW = 3  # sentences that read well as one paragraph


def answered(sentence: str) -> None:
    """Show the sentence that answers the question, so that it is read first."""
    st.markdown(f"**{plain(sentence)}**")


def explained(sentences: Iterable[str]) -> None:
    """Show the sentences, a few as one paragraph, more as a list; they quote what was just measured."""
    said = list(sentences)
    if len(said) > FEW:
        listed(said)
    else:
        st.markdown(" ".join(map(plain, said)))


def listed(sentences: Iterable[str]) -> None:
    """Show the sentences one under the other."""
    st.markdown("\n".join(f"- {plain(sentence)}" for sentence in sentences))


def command(request: Request) -> None:
    """Show the command line, and the line of Python, that ask the same."""
    with st.popover("Command", icon=":material/terminal:"):
        st.caption("The same from a terminal:")
        st.code(request.command(), language="bash", wrap_lines=True)
        st.caption("In Python, where the answer is `result.tables`:")
        st.code(f"import lab\n\nresult = {request.python()}", language="python", wrap_lines=True)
