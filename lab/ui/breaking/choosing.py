"""The network and the images that the page of broken networks looks at: two boxes, and the page's URL."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from lab.errors import LabError
from lab.experiments.asking import AskRequest
from lab.experiments.separability import DEFAULT_DATA, DEFAULT_MODEL
from lab.models import ModelRef
from lab.ui import address
from lab.ui.choices import NETWORKS, image_sets, with_current
from lab.ui.text import plain

Asked = TypeVar("Asked", bound=AskRequest)
BOXES = (("broken_model", "model", DEFAULT_MODEL), ("broken_data", "data", DEFAULT_DATA))


@dataclass(frozen=True)
class Broken:
    """What the page looks at, as its requests name it."""

    model: str
    data: str


def choose() -> Broken:
    """Show the boxes and return what is chosen; both are in the URL."""
    _fill_in()
    state, sets = st.session_state, image_sets()
    with st.container(border=True, key="subject"):
        network, images = st.columns(2, gap="medium", vertical_alignment="bottom")
        network.selectbox(
            "Network",
            with_current(NETWORKS, [state["broken_model"]]),
            key="broken_model",
            accept_new_options=True,
            help="Any timm model id can be typed. packaged: no download; untrained:0: random weights.",
        )
        images.selectbox(
            "Images",
            with_current(sets, [state["broken_data"]]),
            key="broken_data",
            accept_new_options=True,
            format_func=lambda name: sets[name].title if name in sets else name,
            help="Or type the path of a folder with one subfolder per class, or of a zip of one.",
        )
    problem = state.pop("subject_problem", "")
    if problem:
        st.error(plain(problem))
    return _chosen()


def _chosen() -> Broken:
    state = st.session_state
    model = str(ModelRef.parse(state["broken_model"] or DEFAULT_MODEL))
    data = (state["broken_data"] or DEFAULT_DATA).strip()
    for (_, name, usual), value in zip(BOXES, (model, data), strict=True):
        if value != usual:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)
    return Broken(model, data)


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
            for key, name, usual in BOXES:
                state[key] = asked.get(name, usual)
    for key, name, usual in BOXES:
        if key not in state:
            state[key] = st.query_params.get(name, usual)


def request_for(kind: type[Asked], choice: Broken, **fields: Any) -> Asked:
    """Return the request of one kind about what is chosen; what no box decides is as in the run that the URL opened."""
    fixed = {**_opened(kind.experiment), "model": choice.model, **fields}
    if any(field.name == "data" for field in dataclasses.fields(kind)):
        fixed["data"] = choice.data
    return kind.from_dict(fixed).canonical()


def opened(experiment: str, name: str, usual: str) -> str:
    """Return field `name` of the run that the URL opened, if it answers `experiment`; else what is usual."""
    return str(_opened(experiment).get(name, usual))


def _opened(experiment: str) -> dict[str, Any]:
    asked = st.session_state.get("opened_request") or {}
    return dict(asked) if asked.get("experiment") == experiment else {}
