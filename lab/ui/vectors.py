"""Vectors of another tool in place of networks: uploading them, their labels and the images of their rows.

What is chosen is the page's to keep: each function is given what takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from lab.embeddings.vector_files import COLUMN_KINDS, VECTOR_KINDS, read_columns, read_vectors
from lab.embeddings.vector_uploads import keep_labels, keep_vectors
from lab.errors import LabError
from lab.images.uploads import is_upload, upload_name
from lab.ui.choices import image_sets, known_sets, with_current
from lab.ui.inputs import upload_images
from lab.ui.run_status import note_problem
from lab.ui.text import escaped

Take = Callable[[str], None]
UPLOADS = "vectors_uploads"
NO_IMAGES = "none: no control of raw pixels"


def vectors_popover(take: Take) -> None:
    """Offer to upload vectors in place of a network."""
    with st.popover("Vectors", icon=":material/dataset:", width="stretch"):
        st.file_uploader(
            "One array (rows, numbers) a layer: .npz, .parquet, .safetensors, or several .npy",
            type=[kind[1:] for kind in VECTOR_KINDS], accept_multiple_files=True, key=_upload_key(),
            on_change=_take_vectors, args=(take,),
        )  # fmt: skip
        st.caption(
            "Vectors that another tool computed, in place of a network. Nothing is run. Labels may be in them or be "
            "uploaded next."
        )


def about_vectors(spec: str, *, back: Callable[[], None]) -> None:
    """Show which vectors are probed, and the way back to networks."""
    st.markdown(f":material/dataset: **{escaped(upload_name(spec))}**")
    st.caption(escaped(_about(spec)))
    st.button("Back to networks", icon=":material/undo:", key="vectors_back", on_click=back)


def labels_popover(take: Take, *, told: str = "A column label, and if there are group, split, image") -> None:
    """Offer to upload a table of labels beside vectors."""
    with st.popover("Upload labels", icon=":material/upload:", width="stretch"):
        st.file_uploader(
            told, type=[kind[1:] for kind in COLUMN_KINDS], key="labels_upload", on_change=_take_labels, args=(take,)
        )


def row_images_box(take: Take, *, key: str, **more: Any) -> None:
    """Show the box for the images of the rows, with an upload: with them raw pixels are a control."""
    sets, current = known_sets(), st.session_state[key] or ""

    def name(spec: str) -> str:
        if not spec:
            return NO_IMAGES
        return sets[spec].title if spec in sets else f"{upload_name(spec)}, uploaded" if is_upload(spec) else spec

    st.selectbox(
        "Images of the rows", with_current(["", *image_sets()], [current]), key=key, format_func=name,
        accept_new_options=True, help="What they were computed from: a folder, zip or table here, matched by a column"
                                      " image or row order. Raw pixels become a control.", **more,
    )  # fmt: skip
    upload_images(take, key="row_images_upload")


@st.cache_data(show_spinner=False, max_entries=16)
def _shapes(spec: str) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Return the shapes of layers and the names of columns."""
    found = read_vectors(spec)
    return {name: array.shape for name, array in found.layers.items()}, list(found.columns)


@st.cache_data(show_spinner=False, max_entries=16)
def _columns_of_table(spec: str) -> list[str]:
    return list(read_columns(spec))


def columns_of(spec: str, table: str = "") -> list[str]:
    """Return the columns of vectors and of the table beside them; [] for a file that cannot be read, which is told
    elsewhere."""
    try:
        return with_current(_shapes(spec)[1], _columns_of_table(table) if table else ())
    except LabError:
        return []  # `about_vectors` tells


def arrays_of(spec: str) -> list[str]:
    """Return the arrays of vectors that are no columns, [] for a file that cannot be read."""
    try:
        return list(_shapes(spec)[0])
    except LabError:
        return []


def _about(spec: str) -> str:
    try:
        layers, _ = _shapes(spec)
    except LabError as error:
        return str(error)
    told = [f"{name} ({' × '.join(map(str, shape))})" for name, shape in layers.items()]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")


def _take_vectors(take: Take) -> None:
    files = st.session_state.get(_upload_key())
    if not files:
        return
    st.session_state[UPLOADS] = st.session_state.get(UPLOADS, 0) + 1
    try:
        take(keep_vectors([(file.name, file) for file in files]))
    except LabError as error:
        note_problem(error)


def _upload_key() -> str:
    """Return the key of the next upload: its box is empty again after each, else files would add up."""
    return f"vectors_upload_{st.session_state.get(UPLOADS, 0)}"


def _take_labels(take: Take) -> None:
    file = st.session_state.get("labels_upload")
    if file is None:
        return
    try:
        take(keep_labels(file.name, file))
    except LabError as error:
        note_problem(error)
