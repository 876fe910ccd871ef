"""Break the stack: what a network's layers are for, found by taking them apart."""

from __future__ import annotations

import streamlit as st

from lab.ui import working
from lab.ui.breaking.sections import SECTIONS
from lab.ui.building.cells import CSS
from lab.ui.subject import choose
from lab.ui.tabs import questions

st.title("Break the stack")
st.html(
    '<p class="lab-lead">Do layers need each other, their order, their non-linearity, each other\'s channels? '
    "Take a part away and measure what is left.</p>"
)
st.html(CSS)
working.tell_launch_problem()
questions(SECTIONS, choose("data"))
