"""Vectors of another tool in place of networks, on the page *Separability*: what is chosen is part of the draft."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

from lab.embeddings.vector_sets import LABELS
from lab.experiments.separability.request import ProbeRequest
from lab.images.uploads import is_upload, upload_name
from lab.probing.controls import OPTIONAL
from lab.ui import vectors
from lab.ui.choices import with_current

EMBEDDINGS, LABEL, IMAGES, CONTROLS = "draft_embeddings", "draft_labels", "draft_images", "draft_controls"
FOUND = f"the one called {' or '.join(LABELS[:2])}"


def vectors_popover() -> None:
    """Offer to upload vectors in place of a network."""
    vectors.vectors_popover(_take_vectors)


def given_vectors() -> None:
    """Show which vectors are probed, the boxes for their labels and images, and the way back to networks."""
    state, left, right = st.session_state, *st.columns(2, gap="medium")
    with left:
        vectors.about_vectors(state[EMBEDDINGS], back=_forget)
    with right:
        st.selectbox(
            "Labels", with_current(["", *vectors.columns_of(state[EMBEDDINGS])], [state[LABEL] or ""]), key=LABEL,
            format_func=lambda name: upload_name(name) if is_upload(name) else name or FOUND, persist_state="page",
        )  # fmt: skip
        vectors.labels_popover(_take_labels)
        vectors.row_images_box(_take_images, key=IMAGES, on_change=_images_changed, persist_state="page")


def vector_fields(controls: Iterable[str]) -> dict[str, Any]:
    """Return the fields of a request for the vectors that the widgets name."""
    state = st.session_state
    given = {"embeddings": state[EMBEDDINGS], "labels": state[LABEL] or "", "images": (state[IMAGES] or "").strip()}
    return {"models": (), "data": "", **given, "controls": possible(controls)}


def possible(controls: Iterable[str]) -> tuple[str, ...]:
    """Return the controls that vectors can have: they have no network, and perhaps no images."""
    left_out = {"untrained"} if st.session_state[IMAGES] else {"untrained", "pixels"}
    return tuple(name for name in controls if name not in left_out)


def _take_vectors(spec: str) -> None:
    st.session_state.update({EMBEDDINGS: spec, LABEL: "", IMAGES: ""})
    _images_changed()


def _take_labels(spec: str) -> None:
    st.session_state[LABEL] = spec


def _take_images(spec: str) -> None:
    st.session_state[IMAGES] = spec
    _images_changed()


def _images_changed() -> None:
    """Take raw pixels among the controls where there are images, and out where there are none."""
    chosen = {*st.session_state[CONTROLS], *(["pixels"] if st.session_state[IMAGES] else [])}
    st.session_state[CONTROLS] = list(possible(name for name in OPTIONAL if name in chosen))


def _forget() -> None:
    state, usual = st.session_state, ProbeRequest()
    state.update({EMBEDDINGS: "", LABEL: "", IMAGES: "", CONTROLS: list(OPTIONAL)})
    state["draft_models"] = state["draft_models"] or list(usual.models)
    state["draft_data"] = state["draft_data"] or usual.data
