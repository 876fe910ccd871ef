"""Models: find a network in all of timm, and see its layers."""

from __future__ import annotations

import streamlit as st

from lab.ui import model_search

st.title("Models")
st.html(
    '<p class="lab-lead">Every network that timm knows, by name, family, size and cost. Copy an id into the box of '
    "networks on any page; what is on this computer needs no download.</p>"
)
model_search.model_search()
