"""The layer and the image that one looks at: chosen once, on any page, and shown on all of them.

Both are in the URL and in this browser session; the URL goes first. Pages name layers more or less finely, so a layer
that a page has not stands for its nearest relative there: a stage for its last block, a block for its stage.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Request
from lab.runs.examples import example_of
from lab.ui import url_state
from lab.ui.components import mount
from lab.ui.run_cache import run_of
from lab.ui.text import escaped

LAYER, IMAGE = "layer", "image"
_SESSION = "chosen_{}"


def choose_layer(name: str) -> None:
    """Make a layer the one that all pages show."""
    _choose(LAYER, name)


def choose_image(name: str) -> None:
    """Make an image of the set the one that all pages show; "" for none."""
    _choose(IMAGE, name)


def forget_layer() -> None:
    """Choose no layer: another network has others."""
    _choose(LAYER, "")


def chosen_layer(layers: Sequence[str], usual: str = "") -> str:
    """Return which of `layers` is chosen; where none of them is, `usual` or the last."""
    return _chosen(layers) or usual or layers[-1]


def chosen_image(images: Sequence[str]) -> str:
    """Return which of `images` is chosen, "" where none of them is."""
    asked = st.query_params.get(IMAGE), st.session_state.get(_SESSION.format(IMAGE))
    return next((str(name) for name in asked if name in images), "")


def relative(name: str, layers: Sequence[str]) -> str:
    """Return the layer itself, the last one within it or the one that it is within; "" where there is none of these."""
    if name in layers:
        return name
    within = [layer for layer in layers if layer.startswith(f"{name}.")]
    around = [layer for layer in layers if name.startswith(f"{layer}.")]
    return (within or around or [""])[-1]


def layer_picker(layers: Sequence[str], usual: str = "", *, key: str = LAYER) -> str:
    """Show the chosen layer with a way to the one before and the one after, by the arrow keys too; return it."""
    now = chosen_layer(layers, usual)
    place = list(layers).index(now)
    st.session_state[key] = now

    def picked() -> None:
        choose_layer(st.session_state[key])

    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_row"):
        st.selectbox("Layer", layers, key=key, on_change=picked, width=280)
        for label, arrow, to in (("Before", "Left", place - 1), ("Next", "Right", place + 1)):
            there = 0 <= to < len(layers)
            st.button(
                label, key=f"{key}_{label.lower()}", shortcut=arrow, disabled=not there, on_click=choose_layer,
                args=(layers[to] if there else now,),
            )  # fmt: skip
    return now


def layers_as_html(content: str, *, key: str) -> None:
    """Show HTML in which a click on an element with the attribute `data-layer` chooses that layer."""
    name = f"{key}_clicks"
    with st.container(key=key, gap=None):
        st.html(content)
        mount(
            "clicks", {"within": f"st-key-{key}"}, key=name,
            layer=lambda: choose_layer(st.session_state[name]["layer"]),
        )  # fmt: skip


def follow(request: Request, field: str, layers: Sequence[str]) -> None:
    """Let a question that names a layer in `field` go along with the chosen one, unless the URL says which it is about.

    It does so where the answer is there; else that is one click away, and what is there stays. What the URL says is
    chosen from then on. `layers` are those of the network, none where they are not known yet.
    """
    name = url_state.param(type(request), field)
    if name in st.query_params or url_state.opened(type(request)):
        if st.query_params.get(name) in layers:
            choose_layer(st.query_params[name])
        return
    wanted = _chosen(layers)
    if not wanted or getattr(request, field) == wanted:
        return
    there = replace(request, **{field: wanted})
    with contextlib.suppress(LabError):  # one that the network has not is told when it is asked for
        if (run_of(there.canonical()) or example_of(there.canonical())) is not None:
            st.query_params[name] = wanted
            return
    st.button(
        f"Look at {escaped(wanted)}, the layer you chose", key=f"follow_{name}", icon=":material/my_location:",
        on_click=st.query_params.__setitem__, args=(name, wanted),
    )  # fmt: skip


def _choose(what: str, name: str) -> None:
    st.session_state[_SESSION.format(what)] = name
    if name:
        st.query_params[what] = name
    else:
        st.query_params.pop(what, None)


def _chosen(layers: Sequence[str]) -> str:
    """Return which of `layers` the URL names, or this session, which is then put into the URL; "" for none.

    Where it is not known what layers there are, it is believed.
    """
    asked = st.query_params.get(LAYER), st.session_state.get(_SESSION.format(LAYER))
    for name in filter(None, asked):
        if found := relative(name, layers) if layers else name:
            st.query_params[LAYER] = name
            return found
    return ""
