"""The questions of the page *How layers build*, one tab each; only the open one is computed."""

from __future__ import annotations

import streamlit as st

from lab.ui.building.decoding_section import decoding_section
from lab.ui.building.face_section import face_section
from lab.ui.building.field_section import field_section
from lab.ui.building.filter_section import filter_section
from lab.ui.building.shapes_section import shapes_section
from lab.ui.building.sizes_section import sizes_section
from lab.ui.building.slide_section import slide_section
from lab.ui.building.stack_section import stack_section
from lab.ui.question_section import Sections
from lab.ui.selection import Selection


def _filter(subject: Selection) -> None:
    filter_section(subject)
    with st.expander("A toy to edit: eyes plus a mouth", icon=":material/sentiment_satisfied:", expanded=True):
        face_section()


def _sizes(subject: Selection) -> None:
    sizes_section(subject)
    with st.expander("Try it: a window slides over a row of pixels", icon=":material/linear_scale:", expanded=True):
        slide_section()


def _fields(subject: Selection) -> None:
    field_section(subject)
    with st.expander("Try it: layers on top of each other", icon=":material/stacks:", expanded=True):
        stack_section()


SECTIONS: Sections = {
    "One filter": _filter,
    "Edges become shapes": shapes_section,
    "Sizes and weights": _sizes,
    "Receptive field": _fields,
    "What is left": decoding_section,
}
