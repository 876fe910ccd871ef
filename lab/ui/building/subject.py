"""The network and the picture that a page of questions looks at: two boxes, an upload, and the page's URL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.experiments.picture import DEFAULT_PICTURE, offered_pictures, picture_name
from lab.experiments.separability import DEFAULT_MODEL
from lab.files import write_bytes
from lab.models import ModelRef
from lab.settings import home
from lab.ui import address
from lab.ui.choices import networks, with_current
from lab.ui.text import plain

SAFE_SUFFIXES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff")


@dataclass(frozen=True)
class Choice:
    """What the page looks at, as its requests name it."""

    model: str
    picture: str


def choose() -> Choice:
    """Show the boxes and return what is chosen; both are in the URL."""
    _fill_in()
    with st.container(border=True, key="subject"):
        network, image, upload = st.columns([5, 4, 2], gap="medium", vertical_alignment="bottom")
        network.selectbox(
            "Network",
            with_current(networks(), [st.session_state["subject_model"]]),
            key="subject_model",
            accept_new_options=True,
            help="Any timm model id can be typed. packaged: no download; untrained:0: random weights.",
        )
        image.selectbox(
            "Picture",
            with_current(offered_pictures(), [st.session_state["subject_picture"]]),
            key="subject_picture",
            format_func=picture_name,
            accept_new_options=True,
            help="A picture that is on this computer already, the path of an image file, or SET#NUMBER.",
        )
        with upload.popover("Upload", icon=":material/upload:", width="stretch"):
            st.file_uploader("An image", type=list(SAFE_SUFFIXES), key="subject_upload", on_change=_take_upload)
            st.caption("It is kept in the lab's home folder on this computer.")
    problem = st.session_state.pop("subject_problem", "")
    if problem:
        st.error(plain(problem))
    return _chosen()


def _chosen() -> Choice:
    state = st.session_state
    model = str(ModelRef.parse(state["subject_model"] or DEFAULT_MODEL))
    picture = (state["subject_picture"] or DEFAULT_PICTURE).strip()
    for name, value, usual in (("model", model, DEFAULT_MODEL), ("picture", picture, DEFAULT_PICTURE)):
        if value != usual:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    return Choice(model, picture)


def _fill_in() -> None:
    """Take the boxes' first values from the URL, or from the run that the URL names."""
    state = st.session_state
    run = st.query_params.pop("run", None)
    if run is not None:
        try:
            asked = address.known_run(run).request.as_dict()
        except LabError as error:
            state["subject_problem"] = str(error)
        else:
            state["opened_request"] = asked
            state["subject_model"] = asked.get("model", DEFAULT_MODEL)
            state["subject_picture"] = asked.get("picture", DEFAULT_PICTURE)
            if asked.get("layer"):
                st.query_params["layer"] = asked["layer"]
    if "subject_model" not in state:
        state["subject_model"] = st.query_params.get("model", DEFAULT_MODEL)
    if "subject_picture" not in state:
        state["subject_picture"] = st.query_params.get("picture", DEFAULT_PICTURE)


def _take_upload() -> None:
    file = st.session_state.get("subject_upload")
    if file is None:
        return
    from lab.images.decode import DecodeError, decode

    data = file.read()
    try:
        decode(data)
    except DecodeError as error:
        st.session_state["subject_problem"] = f"{file.name} cannot be read as an image: {error}"
        return
    suffix = Path(file.name).suffix.lower()
    name = hashlib.sha256(data).hexdigest()[:16] + (suffix if suffix[1:] in SAFE_SUFFIXES else "")
    path = home() / "uploads" / name
    write_bytes(path, data)
    st.session_state["subject_picture"] = str(path)
