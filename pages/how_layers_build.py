"""How layers build: the beginner's questions, each measured on a real network."""

from __future__ import annotations

import streamlit as st

from lab.ui import working
from lab.ui.building.cells import CSS
from lab.ui.building.sections import SECTIONS
from lab.ui.subject import choose
from lab.ui.tabs import questions

st.title("How layers build")
st.html(
    '<p class="lab-lead">“Edges, then parts, then faces.” What does a layer really do with the one before it? '
    "Each question here is measured on a network and a picture of your choice.</p>"
)
st.html(CSS)
working.tell_launch_problem()
questions(SECTIONS, choose("picture"))
