"""The panels of the embedding maps: linked small maps, what is selected in them, a walk through depth, caveats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from lab.charts.map_rows import thumbnail_rows, wide_rows
from lab.charts.maps import IMAGE_BRUSH, IMAGE_PICK, depth_walk, embedding_maps
from lab.charts.theme import layers_of
from lab.experiments.base import Result
from lab.ui.gallery import Picture, gallery
from lab.ui.panels import on_a_phone, show_chart
from lab.ui.text import count

MAP_SIZE = 170  # pixels
PER_ROW, PER_ROW_ON_A_PHONE = 5, 2
WALK_SIZE, WALK_SIZE_ON_A_PHONE = 460, 330
CAVEAT = (
    "A map is a way to look, not the evidence. t-SNE keeps neighbours together and little else: distances between "
    "groups, their sizes and the empty space mean nothing. **Trustworthiness** says how many neighbours on the map are "
    "true ones (1 is all of them); the nearest-neighbour accuracy says how well the classes separate before and after "
    "the layer was flattened. Whether classes come apart is decided by the probes, on the page Separability."
)


def linked_maps(result: Result, model: str) -> list[str]:
    """Show a small map per layer and return the images that are selected in them; the selection is in the URL."""
    chart = embedding_maps(result.tables, model, columns=PER_ROW_ON_A_PHONE if on_a_phone() else PER_ROW, size=MAP_SIZE)
    opened_with = _opened_with(result)
    if opened_with:
        _preselect(chart, opened_with)
    event = show_chart(chart, key="maps_chart", width="content", on_select="rerun")
    chosen = selected_images(event.selection if event else {}, wide_rows(result.tables, model))
    if chosen is None:
        chosen = opened_with if not st.session_state.get("maps_touched") else []
    else:
        st.session_state["maps_touched"] = True
    _write_selection(result, chosen)
    return chosen


def selected_gallery(result: Result, model: str, chosen: list[str]) -> None:
    """Show the selected images with what the last layer takes them for."""
    if not chosen:
        st.caption("Drag a box around points, or click one: the images appear here, and light up in every layer.")
        return
    images = result["images"].set_index("image").loc[chosen]
    urls = thumbnail_rows(result.tables, chosen).set_index("image")["thumbnail"]
    decided = result["decisions"].query("model == @model").set_index("image")["layer"]
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
    layers = layers_of(result["projection"], model)
    show_chart(
        depth_walk(result.tables, model, start=layers[0], size=WALK_SIZE_ON_A_PHONE if on_a_phone() else WALK_SIZE),
        key="walk_chart",
        width="content",
    )


def quality(result: Result, model: str) -> None:
    """Show, per layer, how far its map can be trusted."""
    table = result["projection_quality"].query("model == @model")
    long = table.melt(["layer", "depth"], list(QUALITY), var_name="measure").assign(
        measure=lambda rows: rows["measure"].map(QUALITY)
    )
    chart = (
        alt.Chart(alt.Data(values=long.dropna().round(4).to_dict("records")))
        .mark_line(point=alt.OverlayMarkDef(size=60), strokeWidth=2.5)
        .encode(
            alt.X("depth:Q", title="relative depth (0 input, 1 output)", scale=alt.Scale(domain=[0, 1])),
            alt.Y("value:Q", title=None, scale=alt.Scale(zero=False)),
            alt.Color("measure:N", legend=alt.Legend(orient="top", title=None, labelLimit=0, columns=1)),
            alt.StrokeDash("measure:N", legend=None),
            tooltip=["layer:N", "measure:N", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(height=340, description=f"How far the maps of {model} can be trusted, by depth.")
    )
    show_chart(chart, key="quality_chart")


QUALITY = {
    "trustworthiness": "trustworthiness of the map",
    "knn_embedding": "nearest neighbours right, in the layer",
    "knn_projection": "nearest neighbours right, on the map",
}


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
    return f"right from {layer}" if layer else "never settled"


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


def _preselect(chart: alt.ConcatChart, images: list[str]) -> None:
    """Let the chart start with `images` selected."""
    for parameter in chart.params or ():  # type: ignore[union-attr]
        if parameter.name == IMAGE_PICK:
            parameter.value = [{"image": image} for image in images]
