"""The embedding maps: a walk from layer to layer, with what is selected in it, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import streamlit as st

from lab.charts.theme import layers_of
from lab.experiments.result import Result
from lab.ui.chosen import choose_image, choose_layer, chosen_image, chosen_layer
from lab.ui.components import file_url, mount
from lab.ui.embedding_maps.packed import pictures, places
from lab.ui.layer_panel import image_panel, layer_panel
from lab.ui.run_cache import CachedTables

FILES = {"places": places, "pictures": pictures}
SELECTED = "selected"
CAVEAT = (
    "A map is a way to look, not the evidence: t-SNE keeps neighbours, not distances, sizes or gaps. "
    "**Trustworthiness** is the share of neighbours on the map that are true ones; nearest-neighbour accuracy says "
    "how well classes separate before and after flattening. The probes decide."
)


@st.fragment
def walk_through_maps(result: Result, model: str) -> None:
    """Show the maps to walk through, and the chosen layer below; layer, image and selection are in the URL."""
    images = result["images"]["image"].tolist()
    walk(result, model)
    image_panel(result, model, chosen_image(images))
    layer_panel(result, model, mapped=False)


def walk(result: Result, model: str) -> None:
    """Show one large map that walks from layer to layer, a small one of each, and what is selected."""
    images = result["images"]["image"].tolist()
    key = "maps"

    def changed(what: str) -> Any:
        return st.session_state[key][what]

    def select() -> None:
        _write_selection(changed("selected"))

    mount(
        "maps",
        {
            **dict(zip(("places", "pictures"), _urls(result, model, key), strict=True)),
            "layer": chosen_layer(layers_of(result["projection"], model)),
            "selected": from_ranges(st.query_params.get(SELECTED, ""), len(images)),
        },
        key=key,
        layer=lambda: choose_layer(changed("layer")),
        image=lambda: choose_image(images[changed("image")]),
        selected=select,
    )  # fmt: skip


def to_ranges(positions: Iterable[int]) -> str:
    """Return positions as short text for a URL: "0-4.9.12-13"."""
    parts: list[list[int]] = []
    for position in sorted(set(positions)):
        if parts and position == parts[-1][-1] + 1:
            parts[-1][1:] = [position]
        else:
            parts.append([position])
    return ".".join("-".join(map(str, part)) for part in parts)


def from_ranges(text: str, count: int) -> list[int]:
    """Return the positions below `count` that `to_ranges` wrote; what is no position is left out."""
    found: list[int] = []
    for part in text.split("."):
        ends = part.split("-")
        if len(ends) <= 2 and all(end.isdecimal() for end in ends):
            found += range(int(ends[0]), min(int(ends[-1]), count - 1) + 1)
    return [position for position in dict.fromkeys(found) if position < count]


def _write_selection(rows: Iterable[int]) -> None:
    if text := to_ranges(rows):
        st.query_params[SELECTED] = text
    else:
        st.query_params.pop(SELECTED, None)


def _urls(result: Result, model: str, key: str) -> list[str]:
    """Return where the browser finds the places and the pictures of a run's images."""
    tables = result.tables
    stamp = (tables.folder, tables.stamp) if isinstance(tables, CachedTables) else ("", "")
    return [file_url(_file(*stamp, model, name, result), key=f"{key}_{name}") for name in FILES]


@st.cache_data(show_spinner=False, max_entries=16)
def _file(folder: str, stamp: str, model: str, name: str, _result: Result) -> bytes:
    return FILES[name](_result.tables, model)  # folder and stamp say what is in the result
