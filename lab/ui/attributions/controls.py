"""What the page of attributions asks: target, layers, method and their settings, also in the URL."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lab.attributions.methods import FAST, METHODS, named
from lab.errors import LabError
from lab.experiments.attribution.request import BASELINES, AttributeRequest
from lab.experiments.result import Result
from lab.ui.choices import with_current
from lab.ui.inputs import images_box
from lab.ui.run_cache import finished_result, run_of
from lab.ui.selection import Selection, request_for
from lab.ui.text import escaped
from lab.ui.url_state import opened, param
from lab.ui.url_widgets import url_field, url_widget

TARGETS = {"auto": "The network's own answer", "probe": "A probe's decision, at each layer its own"}
USUAL = AttributeRequest()
USUAL_METHOD = "gradcam"
# field of the request -> key of its control
KEYS = {
    "target": "target", "layers": "layers", "probe_data": "probe_data", "per_class": "probe_images", "steps": "steps",
    "baseline": "baseline", "seed": "seed",
}  # fmt: skip


def choose_question(
    subject: Selection, target: DeltaGenerator, layers: DeltaGenerator, more: DeltaGenerator
) -> AttributeRequest:
    """Show what is explained, the layers and the settings, each in its place on the page; return the request for the
    methods that one pass gives."""
    kept_target = url_widget(param(AttributeRequest, "target"), USUAL.target, key="target")
    target.selectbox(
        "What is explained", with_current(TARGETS, [st.session_state["target"]]), accept_new_options=True,
        format_func=lambda name: TARGETS.get(name, name),
        help="A class by number or label (283, tabby), or probe@LAYER:CLASS, such as probe@blocks.4:dog.",
        **kept_target,
    )  # fmt: skip
    kept_layers = url_field(USUAL, "layers")
    layers.segmented_control(
        "Layers", with_current(("stages", "blocks"), [st.session_state["layers"]]), required=True, **kept_layers
    )
    with more:
        _settings(probed=str(st.session_state["target"]).startswith("probe"))
    chosen = {field: st.session_state[key] for field, key in KEYS.items()}
    asked = {field: getattr(USUAL, field) if value is None else value for field, value in chosen.items()}
    try:
        return request_for(AttributeRequest, subject, **asked, method=USUAL.method)
    except LabError as error:
        st.error(escaped(error))
        return request_for(AttributeRequest, subject, method=USUAL.method, target=USUAL.target)


def choose_method(base: AttributeRequest) -> tuple[str, AttributeRequest]:
    """Show the methods that are valid for this network and target; return the chosen one and the request it needs."""
    asked = opened(AttributeRequest)
    own = replace(base, method=asked.method) if asked else base  # of the run that was opened, so far as no box differs
    known, mine = _finished(own) or _finished(base), _methods_of(own)
    valid = _valid(known) if known is not None else FAST
    offered = [name for name in METHODS if name in valid or name in mine]
    usual = USUAL_METHOD if USUAL_METHOD in mine else mine[0]
    method = st.selectbox(
        "Method", offered,
        format_func=lambda name: METHODS[name].title + ("" if METHODS[name].fast else " (more passes)"),
        help="Methods valid for this network and target; the last table says why others are not.",
        **url_widget("shown", usual, key="method", options=offered),
    )  # fmt: skip
    if method in mine and run_of(own) is not None:
        return method, own
    return method, base if METHODS[method].fast else replace(base, method=method)


def _settings(*, probed: bool) -> None:
    images_box("Images a probe is fitted on", disabled=not probed, **url_field(USUAL, "probe_data"))
    st.number_input(
        "Images a class", 4, 100_000, disabled=not probed, **url_field(USUAL, "per_class", key=KEYS["per_class"])
    )
    st.number_input(
        "Points on a path", 2, 1000, help="Of methods that add up gradients on a path.", **url_field(USUAL, "steps")
    )
    st.selectbox(
        "A blank picture is", BASELINES, help="Where paths begin, and what covers a square.",
        **url_field(USUAL, "baseline"),
    )  # fmt: skip
    st.number_input("Seed", 0, 2**31 - 1, **url_field(USUAL, "seed"))


def _finished(request: AttributeRequest) -> Result | None:
    run = run_of(request)
    return finished_result(run) if run is not None and run.status == "finished" else None


def _methods_of(request: AttributeRequest) -> list[str]:
    """Return the methods a run has maps of; of one that is not finished, those it was asked for."""
    asked, result = [row.name for row in named(request.method)], _finished(request)
    there = set(result["maps"]["method"]) if result is not None else set()
    return [name for name in asked if name in there] or asked


def _valid(result: Result) -> list[str]:
    """Return the methods that give a map somewhere, in the table's order."""
    table = result["capability"]
    valid = set(table[table["valid"]]["method"])
    return [name for name in METHODS if name in valid]
