"""What a layer looks at: attributions at every layer, and whether they are to be trusted."""

from __future__ import annotations

import streamlit as st

from lab.ui import working
from lab.ui.looking.tabs import SECTIONS
from lab.ui.subject import choose
from lab.ui.tabs import questions

st.title("What a layer looks at")
st.html(
    '<p class="lab-lead">Which places of a picture does an answer come from, seen at each depth? Every map here stands '
    "beside the checks that tell an explanation from a pretty picture.</p>"
)
working.tell_launch_problem()
questions(SECTIONS, choose("picture"))
