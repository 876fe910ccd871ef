"""The panels of the embedding maps: linked small maps, what is selected in them, a walk through depth, caveats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.map_rows import thumbnail_rows, wide_rows
from lab.charts.maps import IMAGE_BRUSH, IMAGE_PICK, depth_walk, embedding_maps
from lab.charts.tables import LUCK, NEVER, decided_at
from lab.charts.theme import INK, layers_of
from lab.experiments.base import Result
from lab.ui.chart import Spec, chart_spec, on_a_phone, show_chart, show_spec
from lab.ui.gallery import Picture, gallery
from lab.ui.text import count

MAP_SIZE = 170  # pixels
FRAME = {"stroke": INK, "strokeWidth": 1, "strokeOpacity": 0.35, "cornerRadius": 4}
PER_ROW, PER_ROW_ON_A_PHONE = 5, 2
WALK_SIZE, WALK_SIZE_ON_A_PHONE = 460, 330
CAVEAT = (
    "A map is a way to look, not the evidence. t-SNE keeps neighbours together and little else: distances between "
    "groups, their sizes and the empty space mean nothing. **Trustworthiness** says how many neighbours on the map are "
    "true ones (1 is all of them); the nearest-neighbour accuracy says how well the classes separate before and after "
    "the layer was flattened. Whether classes come apart is decided by the probes, on the page Separability."
)


@st.fragment
def linked_maps(result: Result, model: str) -> None:
    """Show a small map per layer, and the images that are selected in them; the selection is in the URL."""
    per_row = PER_ROW_ON_A_PHONE if on_a_phone() else PER_ROW
    spec = chart_spec(result, embedding_maps, model=model, columns=per_row, size=MAP_SIZE)
    spec["config"]["view"] = FRAME
    opened_with = _opened_with(result)
    if opened_with:
        _preselect(spec, opened_with)
    event = show_spec(spec, key="maps_chart", width="content", on_select="rerun")
    selection = event.selection if event else {}
    points = wide_rows(result.tables, model) if any(selection.values()) else pd.DataFrame()
    chosen = selected_images(selection, points)
    if chosen is None:
        chosen = opened_with if not st.session_state.get("maps_touched") else []
    else:
        st.session_state["maps_touched"] = True
    _write_selection(result, chosen)
    selected_gallery(result, model, chosen)


def selected_gallery(result: Result, model: str, chosen: list[str]) -> None:
    """Show the selected images with what the last layer takes them for."""
    if not chosen:
        st.caption("Drag a box around points, or click one: the images appear here, and light up in every layer.")
        return
    images = result["images"].set_index("image").loc[chosen]
    urls = thumbnail_rows(result.tables, chosen).set_index("image")["thumbnail"]
    here = result["decisions"].query("model == @model")
    decided = decided_at(here).set_axis(here["image"])
    per_class = ", ".join(f"{n} {name}" for name, n in images["class"].value_counts().items())
    st.markdown(f"**{count(len(chosen), 'image')} selected**")
    st.text(per_class)
    pictures = [
        Picture(urls.get(image), f"{image}, class {label}", f"{label}, {_decided(decided.get(image))}")
        for image, label in images["class"].items()
    ]
    gallery(pictures, key="selected_gallery")


def walk(result: Result, model: str) -> None:
    """Show one large map with a slider that walks from the first layer to the last."""
    first = layers_of(result["projection"], model)[0]
    size = WALK_SIZE_ON_A_PHONE if on_a_phone() else WALK_SIZE
    show_chart(result, depth_walk, key="walk_chart", view={"width": "content"}, model=model, start=first, size=size)


def selected_images(selection: Mapping[str, Any], points: pd.DataFrame) -> list[str] | None:
    """Return the images that a selection of the linked maps means, None when nothing is selected.

    A box names ranges of columns of `points` (x3: [0.1, 0.4]); a click names images. With both, both must hold, as in
    the chart.
    """
    box: Mapping[str, Any] = selection.get(IMAGE_BRUSH) or {}
    ranges = {name: limits for name, limits in box.items() if name in points and len(limits) == 2}
    picked = [row["image"] for row in selection.get(IMAGE_PICK) or [] if "image" in row]
    if not ranges and not picked:
        return None
    inside = pd.Series(True, index=points.index)
    for name, limits in ranges.items():
        inside &= points[name].between(min(limits), max(limits))
    if picked:
        inside &= points["image"].isin(picked)
    return points.loc[inside, "image"].tolist()


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


def _decided(layer: object) -> str:
    return {LUCK: "right within luck", NEVER: "never settled"}.get(str(layer), f"decided at {layer}")


def _opened_with(result: Result) -> list[str]:
    """Return the images that the link named when this session opened the run."""
    key = f"maps_opened_{result.manifest['run']}"
    if key not in st.session_state:
        images = result["images"]["image"]
        st.session_state[key] = [images[i] for i in from_ranges(st.query_params.get("selected", ""), len(images))]
    return list(st.session_state[key])


def _write_selection(result: Result, chosen: list[str]) -> None:
    places = {image: place for place, image in enumerate(result["images"]["image"])}
    text = to_ranges(places[image] for image in chosen)
    if text == st.query_params.get("selected", ""):
        return
    if text:
        st.query_params["selected"] = text
    else:
        del st.query_params["selected"]


def _preselect(spec: Spec, images: list[str]) -> None:
    """Let the maps start with `images` selected."""
    for parameter in spec.get("params", ()):
        if parameter["name"] == IMAGE_PICK:
            parameter["value"] = [{"image": image} for image in images]
