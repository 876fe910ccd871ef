"""What an experiment found, in words on a page, and the command that finds it again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import streamlit as st

from lab.experiments.base import Request
from lab.experiments.number_text import about_ranges
from lab.ui.text import escaped

FEW = 2  # sentences that read well as one paragraph


def show_findings(sentences: Iterable[str]) -> None:
    """Show the sentence that answers the question in bold, so that it is read first; of much else, that it is there."""
    answer, *more = sentences
    st.markdown(f"**{_as_written(answer)}**")
    show_more(more, about_ranges([answer, *more]))


def show_more(sentences: Sequence[str], note: str = "") -> None:
    """Show a few sentences and a note on them; of many, that they are there."""
    many = len(sentences) > FEW
    label = f"What else was found ({len(sentences)})"
    with st.expander(label, icon=":material/format_list_bulleted:") if many else nullcontext():
        if sentences:
            show_sentences(sentences)
        if note:
            st.caption(note)


def show_sentences(sentences: Iterable[str]) -> None:
    """Show the sentences, one or two as a paragraph, more as a list; they quote what was just measured."""
    said = [_as_written(sentence) for sentence in sentences]
    st.markdown(" ".join(said) if len(said) <= FEW else "\n".join(f"- {sentence}" for sentence in said))


def _as_written(sentence: str) -> str:
    """Return a sentence as markdown, with the space before a percent sign that the rest of the page has."""
    return escaped(re.sub(r"(?<=\d)%(?!\w)", "\u00a0%", sentence))


def show_command(request: Request) -> None:
    """Show the command line, and the line of Python, that ask the same."""
    with st.popover("Command", icon=":material/terminal:"):
        st.caption("The same from a terminal:")
        st.code(request.command(), language="bash", wrap_lines=True)
        st.caption("In Python, where the answer is `result.tables`:")
        st.code(f"import lab\n\nresult = {request.python()}", language="python", wrap_lines=True)
