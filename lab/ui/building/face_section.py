"""The toy: a map of eyes and a map of mouths, a kernel on each, and their sum, computed as the kernels are edited."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.experiments.building.face_toy import PRESETS, Face, FaceRequest, Preset, face, findings, kernel, kernel_text
from lab.ui.building.cells import cells, figures
from lab.ui.findings import show_command, show_sentences
from lab.ui.text import escaped
from lab.ui.url_state import opened

CELL = 15


def face_section() -> None:
    """Show the toy; presets, or a run that was opened, fill the kernels in, and every number can be edited."""
    st.markdown(
        "One input map says where **eyes** are, one where a **mouth** is. A filter adds both up; neither contains a "
        "face."
    )
    asked = _opened()
    presets, first = {**PRESETS, **asked}, next(iter(asked or PRESETS))
    preset = st.pills("Try", list(presets), default=first, key="face_preset", label_visibility="collapsed") or first
    chosen = presets[preset]
    st.caption(escaped(chosen.notice))
    eyes, mouth, rest = st.columns([3, 3, 5], gap="medium")
    with eyes:
        eyes_kernel = _kernel_box("Kernel on the eyes", chosen.eyes_kernel, f"eyes_{preset}")
    with mouth:
        mouth_kernel = _kernel_box("Kernel on the mouth", chosen.mouth_kernel, f"mouth_{preset}")
    with rest:
        least, most = min(-6.0, chosen.bias), max(3.0, chosen.bias)
        bias = st.slider("Bias", least, most, chosen.bias, 0.5, key=f"bias_{preset}")
    try:
        request = FaceRequest(eyes_kernel=eyes_kernel, mouth_kernel=mouth_kernel, bias=bias)
        found = face(request)
    except LabError as error:
        st.warning(escaped(error))
        return
    with rest:
        show_sentences(findings(found))
        show_command(request)
    st.html(face_figures(found))
    st.caption("From left to right: a face, eyes alone, a mouth alone, an upside-down face.")


def face_figures(found: Face) -> str:
    """Return the maps from left to right as HTML."""
    most = max(1.0, float(np.abs(found.total).max()))
    response = max(1.0, float(found.response.max()))
    items = [
        (found.eyes, 1.0, "Input: where eyes are"),
        (found.from_eyes, most, "× its kernel slice"),
        (found.mouth, 1.0, "Input: where mouths are"),
        (found.from_mouth, most, "× its kernel slice"),
        (found.total, most, f"Their sum {found.bias:+g} bias"),
        (found.response, response, "What is left above zero: the response"),
    ]
    return figures((cells(values, most=size, side=CELL, label=text), text) for values, size, text in items)


def _opened() -> dict[str, Preset]:
    """Return the run that the page was opened on as a preset, under the name of one that asks the same."""
    asked = opened(FaceRequest)
    if asked is None:
        return {}
    try:
        findings(face(asked))
    except LabError as error:
        st.warning(escaped(error))
        return {}
    filled = (asked.eyes_kernel, asked.mouth_kernel, asked.bias)
    for name, preset in PRESETS.items():
        if (preset.eyes_kernel, preset.mouth_kernel, preset.bias) == filled:
            return {name: preset}
    return {"The opened run": Preset(*filled, "As it was asked.")}


def _kernel_box(label: str, text: str, key: str) -> str:
    """Show a 3 × 3 kernel to edit and return it as text."""
    st.markdown(f":small[{label}]")
    names = ("1", "2", "3")
    frame = pd.DataFrame(kernel(text), columns=names)
    narrow = {name: st.column_config.NumberColumn(name, format="%g", required=True, width=52) for name in names}
    edited = st.data_editor(frame, hide_index=True, key=f"kernel_{key}", column_config=narrow, num_rows="fixed")
    return kernel_text(edited.fillna(0).to_numpy(dtype=float))
