"""Channels: what single channels look for, from exemplar patches to optimised images, at every depth."""

from __future__ import annotations

import streamlit as st

from lab.ui import working
from lab.ui.looking.channel_tabs import SECTIONS
from lab.ui.looking.tiles import CSS
from lab.ui.subject import choose
from lab.ui.tabs import questions

st.title("Channels")
st.html(
    '<p class="lab-lead">What does a single channel look for? First the natural patches that excite it, then an image '
    "made for it, from the first layer to the last.</p>"
)
st.html(CSS)
working.tell_launch_problem()
questions(SECTIONS, choose("data"))
