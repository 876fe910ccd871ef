"""What a page of questions looks at: boxes for a network and for a picture or images, in the URL of the page.

The choice goes along from page to page in a browser session.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, DEFAULT_MODEL, Request
from lab.experiments.picture import DEFAULT_PICTURE
from lab.images.uploads import upload_name
from lab.models import ModelRef
from lab.ui import inputs, url_state
from lab.ui.chosen import forget_layer
from lab.ui.examples import few_examples, small_html
from lab.ui.text import escaped
from lab.ui.url_widgets import set_url_param, url_field
from lab.ui.vectors import about_vectors, labels_popover, row_images_box, vectors_popover

Asked = TypeVar("Asked", bound=Request)
# box -> fields of requests that name parts of what is in it: with another choice they mean nothing
PARTS = {
    "model": ("layer", "layers", "channel", "channels", "row", "column", "stage", "early"),
    "data": ("classes", "label"),
    "embeddings": ("classes", "controls", "label", "layers", "labels", "row_images", "model", "data", "others"),
    "labels": ("classes", "label"),
    "row_images": ("controls",),  # raw pixels are one where there are images
}
VECTORS = ("embeddings", "labels", "row_images")
_LAST = "last_subject"


@dataclass(frozen=True)
class Selection:
    """What the page looks at, as its requests name it; `chosen` are the fields that the page has a box for."""

    model: str = DEFAULT_MODEL
    picture: str = DEFAULT_PICTURE
    data: str = DEFAULT_DATA
    embeddings: str = ""
    labels: str = ""
    row_images: str = ""
    chosen: tuple[str, ...] = ()


USUAL = Selection()
# field -> its box and its upload
SECOND: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "picture": (inputs.picture_box, inputs.upload_picture),
    "data": (inputs.images_box, inputs.upload_images),
}


def choose(second: str, *, vectors: bool = False) -> Selection:
    """Show the boxes for the network and for `second` ("picture" or "data"), and return what they name.

    With `vectors` those of another tool can be uploaded in the place of both.
    """
    chosen = ("model", second)
    try:
        url_state.spell_out_opened()
    except LabError as error:
        st.error(escaped(error))
    _go_on_from_last((*chosen, *VECTORS) if vectors else chosen)
    if vectors and st.query_params.get("embeddings"):
        return _given_vectors()
    box, upload = SECOND[second]
    with st.container(border=True, key="subject"):
        widths, tied = [5, 4, 2], _tied(second)
        seen = few_examples(second, st.session_state[tied["key"]])
        *picture, network, other, aside = st.columns(
            [1, *widths] if seen else widths, gap="medium", vertical_alignment="bottom"
        )
        if seen:
            picture[0].html(small_html(seen))
        with network:
            inputs.network_box(**_tied("model"))
        with other:
            box(**tied)
        with aside:
            upload(lambda path: _take(second, path), key="subject_upload")
            if vectors:
                vectors_popover(lambda spec: _take("embeddings", spec))
    state = st.session_state
    found = {name: (state[f"subject_{name}"] or "").strip() or getattr(USUAL, name) for name in chosen}
    state[_LAST] = {**state.get(_LAST, {}), **found}
    return replace(USUAL, **{**found, "model": str(ModelRef.parse(found["model"]))}, chosen=chosen)


def request_for(kind: type[Asked], subject: Selection, **fields: Any) -> Asked:
    """Return the request of one kind about the subject; what no box decides is as in the run that was opened.

    Raises LabError when `fields` make no sense.
    """
    names = {field.name for field in dataclasses.fields(kind)}
    mine = {name: getattr(subject, name) for name in subject.chosen if name in names}
    return replace(url_state.opened(kind) or kind(), **{**mine, **fields}).canonical()


def _given_vectors() -> Selection:
    """Show which vectors are probed with the boxes for what belongs to their rows, and return what they name."""
    state, spec = st.session_state, st.query_params["embeddings"]
    with st.container(border=True, key="subject"):
        told, labels, images = st.columns([5, 3, 4], gap="medium")
        with told:
            about_vectors(spec, back=_leave_vectors)
        with labels:
            table = _tied("labels")["key"]
            known = upload_name(state[table]) if state[table] else "columns of the vectors' own file"
            st.markdown(f"Labels: {escaped(known)}")
            labels_popover(lambda own: _take("labels", own), told="A table: the column to read, group, split, image")
        with images:
            row_images_box(lambda own: _take("row_images", own), **_tied("row_images"))
    found = {"embeddings": spec, "labels": state[table], "row_images": (state["subject_row_images"] or "").strip()}
    state[_LAST] = {**state.get(_LAST, {}), **found}
    return replace(USUAL, **found, chosen=VECTORS)


def _leave_vectors() -> None:
    for name in VECTORS:
        _take(name, "")


def leave_opened() -> None:
    """Forget which run the page was opened on."""
    st.query_params.pop(url_state.OPENED, None)


def _tied(name: str) -> dict[str, Any]:
    return {**url_field(USUAL, name, key=f"subject_{name}"), "on_change": _changed, "args": (name,)}


def _changed(name: str) -> None:
    _take(name, st.session_state[f"subject_{name}"])


def _take(name: str, value: str | None) -> None:
    usual = getattr(USUAL, name)
    set_url_param(name, value, usual)
    st.session_state[_LAST] = {**st.session_state.get(_LAST, {}), name: value or usual}
    if name == "model":
        forget_layer()
    for param in list(st.query_params):
        if param.rpartition(".")[2] in PARTS.get(name, ()):
            del st.query_params[param]


def _go_on_from_last(chosen: tuple[str, ...]) -> None:
    """Where the URL says nothing of the subject, go on with what this session looked at last."""
    if url_state.OPENED not in st.query_params and not any(name in st.query_params for name in chosen):
        for name in chosen:
            set_url_param(name, st.session_state.get(_LAST, {}).get(name), getattr(USUAL, name))
