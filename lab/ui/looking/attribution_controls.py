"""What the page of attributions asks: target, layers, method and their settings, also in the URL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from lab.attributions.methods import FAST, METHODS
from lab.errors import LabError
from lab.experiments.attributing.asked import BASELINES, AttributeRequest
from lab.experiments.base import Result
from lab.ui.building.subject import Choice
from lab.ui.choices import image_sets, with_current
from lab.ui.reading import find, finished
from lab.ui.text import plain

TARGETS = {"auto": "The network's own answer", "probe": "A probe's decision, at each layer its own"}
DEFAULTS = AttributeRequest()
# field of the request -> key of its control, which is its name in the URL
KEYS = {
    "target": "target", "layers": "layers", "probe_data": "probe_data", "per_class": "probe_images", "steps": "steps",
    "baseline": "baseline", "seed": "seed",
}  # fmt: skip


def choose_question(choice: Choice) -> AttributeRequest:
    """Show the controls and return the request for the methods that one pass gives."""
    _fill_in()
    asked = {field: st.session_state[key] for field, key in KEYS.items()}
    target, layers, more = st.columns([5, 3, 2], gap="medium", vertical_alignment="bottom")
    target.selectbox(
        "What is explained", with_current(TARGETS, [asked["target"]]), key="target", accept_new_options=True,
        format_func=lambda name: TARGETS.get(name, name),
        help="A class can be typed by number or label (283, tabby); so can probe@LAYER:CLASS, such as "
        "probe@blocks.4:dog.",
    )  # fmt: skip
    layers.segmented_control(
        "Layers", with_current(("stages", "blocks"), [asked["layers"]]), key="layers", required=True
    )
    with more.popover("Settings", icon=":material/tune:", width="stretch"):
        _settings(asked)
    values = {field: st.session_state[key] for field, key in KEYS.items()}
    _keep_in_url(values)
    try:
        return AttributeRequest(choice.model, choice.picture, **_whole(values)).canonical()
    except LabError as error:
        st.error(plain(error))
        return AttributeRequest(choice.model, choice.picture).canonical()


def choose_method(base: AttributeRequest) -> tuple[str, AttributeRequest]:
    """Show the methods that are valid for this network and target; return the chosen one and the request it needs."""
    known = _finished(base)
    offered = _valid(known) if known is not None else list(FAST)
    if st.session_state.get("method") not in offered:
        asked = st.query_params.get("method", "gradcam")
        st.session_state["method"] = asked if asked in offered else offered[0]
    method = st.selectbox(
        "Method", offered, key="method",
        format_func=lambda name: METHODS[name].title + ("" if METHODS[name].fast else " (more passes)"),
        help="Only methods that are valid for this network and target; the table at the end says why others are not.",
    )  # fmt: skip
    st.query_params["method"] = method
    return method, base if METHODS[method].fast else replace(base, method=method)


def _settings(asked: dict[str, Any]) -> None:
    probed = str(asked["target"]).startswith("probe")
    st.selectbox(
        "Images a probe is fitted on", with_current(image_sets(), [asked["probe_data"]]), key="probe_data",
        accept_new_options=True, disabled=not probed,
    )  # fmt: skip
    st.number_input("Images a class", 4, 100_000, key="probe_images", disabled=not probed)
    st.number_input("Points on a path", 2, 1000, key="steps", help="Of methods that add up gradients on a path.")
    st.selectbox("A blank picture is", BASELINES, key="baseline", help="Where paths begin, and what covers a square.")
    st.number_input("Seed", 0, 2**31 - 1, key="seed")


def _fill_in() -> None:
    """Take first values from a run that was opened, else from the URL."""
    state = st.session_state
    opened = state.get("opened_request", {})
    if opened.get("experiment") == AttributeRequest.experiment and state.get("attribution_opened") != opened:
        state["attribution_opened"] = opened
        state.update({key: opened.get(field, getattr(DEFAULTS, field)) for field, key in KEYS.items()})
        if opened.get("method") in METHODS:
            st.query_params["method"] = opened["method"]
            state.pop("method", None)
    for field, key in KEYS.items():
        if state.get(key) in (None, ""):
            state[key] = _typed(field, st.query_params.get(key))


def _typed(field: str, text: str | None) -> Any:
    default = getattr(DEFAULTS, field)
    if text is None:
        return default
    if isinstance(default, int):
        return int(text) if text.isdecimal() else default
    return text if field != "baseline" or text in BASELINES else default


def _keep_in_url(values: dict[str, Any]) -> None:
    for field, key in KEYS.items():
        if values[field] != getattr(DEFAULTS, field):
            st.query_params[key] = str(values[field])
        else:
            st.query_params.pop(key, None)


def _whole(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as a request holds them."""
    return {
        field: int(value) if isinstance(getattr(DEFAULTS, field), int) else value for field, value in values.items()
    }


def _finished(request: AttributeRequest) -> Result | None:
    run = find(request)
    return finished(run) if run is not None and run.status == "finished" else None


def _valid(result: Result) -> list[str]:
    """Return the methods that give a map somewhere, in the table's order."""
    table = result["capability"]
    valid = set(table[table["valid"]]["method"])
    return [name for name in METHODS if name in valid]
