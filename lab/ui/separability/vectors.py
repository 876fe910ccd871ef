"""Vectors of another tool in place of networks: uploading them, and which of their columns holds the labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

from lab.embeddings.vector_files import COLUMN_KINDS, VECTOR_KINDS, read_vectors
from lab.embeddings.vector_sets import LABELS
from lab.embeddings.vector_uploads import keep_labels, keep_vectors
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.images.uploads import is_upload, upload_name
from lab.probing.controls import OPTIONAL
from lab.ui.choices import with_current
from lab.ui.run_status import note_problem
from lab.ui.text import escaped

EMBEDDINGS, LABEL, IMAGES, CONTROLS = "draft_embeddings", "draft_labels", "draft_images", "draft_controls"
UPLOADS = "vectors_uploads"
FOUND = f"the one called {' or '.join(LABELS[:2])}"


def vectors_popover() -> None:
    """Offer to upload vectors in place of a network."""
    with st.popover("Vectors", icon=":material/dataset:", width="stretch"):
        st.file_uploader(
            "One array (rows, numbers) a layer: .npz, .parquet, .safetensors, or several .npy",
            type=[kind[1:] for kind in VECTOR_KINDS], accept_multiple_files=True, key=_upload_key(),
            on_change=_take_vectors,
        )  # fmt: skip
        st.caption(
            "What another tool computed, in place of a network. Nothing in it is run. A column label (group, split, "
            "image) may be in it; labels can be uploaded next."
        )


def given_vectors() -> None:
    """Show which vectors are probed, the box for their labels, and the way back to networks."""
    state, left, right = st.session_state, *st.columns(2, gap="medium")
    with left:
        st.markdown(f":material/dataset: **{escaped(upload_name(state[EMBEDDINGS]))}**")
        st.caption(escaped(_about(state[EMBEDDINGS])))
        st.button("Back to networks", icon=":material/undo:", key="vectors_back", on_click=_forget)
    with right:
        columns = _columns(state[EMBEDDINGS])
        st.selectbox(
            "Labels", with_current(["", *columns], [state[LABEL] or ""]), key=LABEL, persist_state="page",
            format_func=lambda name: upload_name(name) if is_upload(name) else name or FOUND,
        )  # fmt: skip
        with st.popover("Upload labels", icon=":material/upload:", width="stretch"):
            st.file_uploader(
                "A column label, and if there are group, split, image", type=[kind[1:] for kind in COLUMN_KINDS],
                key="labels_upload", on_change=_take_labels,
            )  # fmt: skip


def vector_fields(controls: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a request for the vectors that the widgets name."""
    state = st.session_state
    given = {"embeddings": state[EMBEDDINGS], "labels": state[LABEL] or "", "images": state[IMAGES]}
    return {"models": (), "data": "", **given, "controls": possible(controls)}


def possible(controls: Iterable[str]) -> tuple[str, ...]:
    """Return the controls that vectors can have: they have no network, and perhaps no images."""
    left_out = {"untrained"} if st.session_state[IMAGES] else {"untrained", "pixels"}
    return tuple(name for name in controls if name not in left_out)


@st.cache_data(show_spinner=False, max_entries=16)
def _shapes(spec: str) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Return the shapes of layers and the names of columns."""
    found = read_vectors(spec)
    return {name: array.shape for name, array in found.layers.items()}, list(found.columns)


def _about(spec: str) -> str:
    try:
        layers, _ = _shapes(spec)
    except LabError as error:
        return str(error)
    told = [f"{name} ({' × '.join(map(str, shape))})" for name, shape in layers.items()]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")


def _columns(spec: str) -> list[str]:
    try:
        return _shapes(spec)[1]
    except LabError:
        return []  # `_about` tells


def _take_vectors() -> None:
    files = st.session_state.get(_upload_key())
    if not files:
        return
    st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1
    try:
        spec = keep_vectors([(file.name, file) for file in files])
        st.session_state.update({EMBEDDINGS: spec, LABEL: "", IMAGES: ""})
        st.session_state[CONTROLS] = list(possible(st.session_state[CONTROLS]))
    except LabError as error:
        note_problem(error)


def _upload_key() -> str:
    """Return the key of the next upload: its box is empty again after each, else files would add up."""
    return f"vectors_upload_{st.session_state.get(UPLOADS, 0)}"


def _take_labels() -> None:
    file = st.session_state.get("labels_upload")
    if file is None:
        return
    try:
        st.session_state[LABEL] = keep_labels(file.name, file)
    except LabError as error:
        note_problem(error)


def _forget() -> None:
    state, usual = st.session_state, ProbeRequest()
    state.update({EMBEDDINGS: "", LABEL: "", IMAGES: "", CONTROLS: list(OPTIONAL)})
    state["draft_models"] = state["draft_models"] or list(usual.models)
    state["draft_data"] = state["draft_data"] or usual.data
