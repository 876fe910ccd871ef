"""One cell of the ladder: how the rung is drawn, which drawings the layer gets wrong, what it looks at there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lab.attributions.methods import METHODS
from lab.charts.map_rows import data_url
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.result import Result
from lab.images import thumbnail
from lab.images.synthetic import RUNGS, DrawnSet, draw_set
from lab.ui.attributions import overlays
from lab.ui.attributions.maps_section import strip
from lab.ui.channels.tiles import CSS as TILES
from lab.ui.channels.tiles import patches
from lab.ui.chosen import chosen_image, layer_picker
from lab.ui.gallery import Picture, gallery
from lab.ui.run_status import result_or_status
from lab.ui.text import escaped

MOST_WRONG = 12
MAP, PATCHES = "The map there", "The patches"
OWN_DIRECTION = "gradxact"  # the probe's own direction, position by position

Row = Mapping[Any, Any]


def cell(result: Result, model: str) -> None:
    """Show how a rung is drawn and which of its drawings a layer gets wrong; a click on the map chooses both."""
    layers = result["layers"]
    names = list(layers.loc[(layers["model"] == model) & (layers["twin"] < 0), "layer"])
    with st.expander("The drawings, and those that a layer gets wrong", icon=":material/image_search:", expanded=True):
        rungs, places = st.columns([2, 3], vertical_alignment="bottom")
        rung = rungs.selectbox("Rung", list(result["rungs"]["rung"]), key="ladder_rung")
        with places:
            layer = layer_picker(names, names[0])
        about = result["rungs"].set_index("rung").loc[rung]
        st.caption(escaped(f"{about['description']} Other pages take it as {about['data']}."))
        shown = result["examples"]
        gallery(map(_example, shown[shown["rung"] == rung].to_dict("records")), key="ladder_examples")
        table = result["predictions"]
        here = table[(table["model"] == model) & (table["rung"] == rung) & (table["layer"] == layer)]
        wrong = here[here["class"] != here["predicted"]].sort_values("p_true", kind="stable")
        request = result.request
        assert isinstance(request, LadderRequest)
        click = "; a click chooses one" if len(wrong) else ""
        st.caption(f"{len(wrong)} of {len(here)} drawings wrong at {escaped(layer)}, the surest mistakes first{click}:")
        first = wrong.head(MOST_WRONG)
        urls = _drawn(rung, request.per_class, request.seed, tuple(first["image"]))
        gallery(map(_mistake, urls, first.to_dict("records")), key="ladder_wrong")
        if len(first):
            _there(request, model, rung, layer, first)


def _there(request: LadderRequest, model: str, rung: str, layer: str, wrong: pd.DataFrame) -> None:
    """Show, once it is asked for, where in a drawing that is wrong the answer comes from, or what the layer's probe
    looks for in all of them."""
    what = st.segmented_control("What does it look at?", [MAP, PATCHES], key="ladder_there")
    images = _images(rung, request.per_class, request.seed)
    ids = list(wrong["image"])
    row = wrong.set_index("image").loc[chosen_image(ids) or ids[0]]
    if what == MAP:
        other = _images(rung, request.per_class, request.seed + 1)  # the probe must not have seen the drawing
        _map(
            AttributeRequest(
                model, f"{images.spec}#{row.name}", f"probe@{layer}:{row['predicted']}", layer,
                probe_data=other.spec, per_class=request.per_class, checks=False,
            ),
            f"{row.name}, taken for {row['predicted']}",
        )  # fmt: skip
    elif what == PATCHES:
        looked_for = ",".join(f"class:{name}" for name in images.classes)
        _patches(ExemplarsRequest(model, images.spec, request.per_class, layer, looked_for, 6))


def _map(request: AttributeRequest, name: str) -> None:
    found = result_or_status(request.canonical(), offer="Explains this answer by a probe fitted to other drawings.")
    if found is None:
        return
    maps = found["maps"]
    method = OWN_DIRECTION if (maps["method"] == OWN_DIRECTION).any() else maps["method"].iloc[0]
    st.html(overlays.CSS + overlays.opacity_style(0.85) + overlays.scale(METHODS[method].signed))
    st.html(strip(found, maps[maps["method"] == method], name) + overlays.under(found["picture"].iloc[0]["thumbnail"]))
    st.caption("What each position adds to the answer. *What a layer looks at* has more.")


def _patches(request: ExemplarsRequest) -> None:
    found = result_or_status(request.canonical(), offer="Finds the patches that speak most for each class.")
    if found is None:
        return
    table = found["exemplars"]
    for name, own in table[table["end"] == "most"].groupby("target", sort=False):
        st.caption(f"Most {escaped(str(name).removeprefix('class:'))} to the layer's probe:")
        st.html(TILES + patches(own))


def _example(row: Row) -> Picture:
    return Picture(data_url(row["thumbnail"]), f"a drawing of class {row['class']}", str(row["class"]))


def _mistake(url: str | None, row: Row) -> Picture:
    said = f"{row['class']}, taken for {row['predicted']}"
    return Picture(url, said, f"{row['class']}: {row['p_true']:.2f}", image=row["image"])


def _images(rung: str, per_class: int, seed: int) -> DrawnSet:
    row = RUNGS[rung]
    return draw_set(row.family.name, per_class, seed=seed, difficulty=row.difficulty)


@st.cache_data(show_spinner=False, max_entries=32)
def _drawn(rung: str, per_class: int, seed: int, ids: tuple[str, ...]) -> list[str | None]:
    """Return the drawings with these ids as data URLs."""
    images = _images(rung, per_class, seed)
    places = {record.id: index for index, record in enumerate(images.records)}
    return [data_url(thumbnail(images.pixels(places[name]))) for name in ids]
