"""All channels of a layer, the most selective first, each with the patches that excite it, and its image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.channels.channel_names import MOST
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.visualize import VisualizeRequest
from lab.models import ModelRef
from lab.models.cards import cached_card
from lab.runs.examples import example_of
from lab.ui.channels.sheet_section import WHICH, layer_box
from lab.ui.channels.wall import wall
from lab.ui.choices import own_size
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_cache import finished_result, run_of
from lab.ui.run_status import result_or_status, start_aside
from lab.ui.selection import Selection, request_for
from lab.ui.text import count, escaped
from lab.ui.url_state import opened

ALL = "all"
COUNT, AT_ONCE, SIDE = 4, 60, 190  # patches of each end, cells, pixels of a cell


def wall_section(subject: Selection) -> None:
    """Show the wall of one layer, or of the run that was opened."""
    try:
        request = _request(subject)
    except LabError as error:
        st.error(escaped(error))
        return
    result = result_or_status(request, offer="Finds the patches that excite every channel of this layer.")
    if result is None:
        _some(subject, request.layers)
        return
    images = _images(subject, list(result["exemplars"]["layer"].unique()))
    order = _order(result)
    shown = AT_ONCE * st.session_state.get("wall_pages", 1)
    wall(subject, result["exemplars"], images, order=order.head(shown), side=SIDE, key="wall")
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(order) > shown:
            st.caption(f"{shown} of {count(len(order), 'channel')}, the most selective first.")
            st.button("Show more", key="wall_more", on_click=_more)
        _make_images(subject, result, len(order), len(images))
    show_sentences(result.manifest["findings"])
    show_command(request)


def _request(subject: Selection) -> ExemplarsRequest:
    if asked := opened(ExemplarsRequest):
        return request_for(ExemplarsRequest, subject, layers=layer_box(subject, asked, asked.layers))
    usual = ExemplarsRequest(channels=ALL, count=COUNT)
    layer = layer_box(subject, usual, "")
    card = cached_card(ModelRef.parse(subject.model))
    wide = any(one.name == layer and one.channels > MOST for one in card.layers) if card else False
    channels = f"top:{MOST}" if wide else ALL
    return request_for(ExemplarsRequest, subject, layers=layer, channels=channels, count=COUNT)


def _order(result: Result) -> pd.DataFrame:
    """Return a row per channel: layer, target, channel, and how selective it is, those that are so first."""
    shown = result["exemplars"].drop_duplicates(["layer", "target"])[["layer", "target", "channel"]]
    if "channels" not in result.tables:
        return shown
    known = result["channels"][["layer", "channel", "class", "auc"]]
    table = shown.merge(known, on=["layer", "channel"], how="left")
    return table.assign(far=(table["auc"] - 0.5).abs()).sort_values("far", ascending=False, kind="stable")


def _some(subject: Selection, layer: str) -> None:
    """Show the channels of a layer that are known before all of them are."""
    for result in _visualized(subject, [layer])[:1]:
        images = result["visualizations"]
        wall(subject, result["exemplars"], images, order=images[images["copy"] == 0], side=SIDE, key="wall")


def _visualized(subject: Selection, layers: list[str]) -> list[Result]:
    """Return the runs that made images for channels of these layers, those of the network's own size first."""
    found = []
    for layer in layers:
        for channels in (ALL, *WHICH):
            usual = _visualize(subject, layer, channels)
            for request in (replace(usual, **_own(subject)), usual):
                run = run_of(request) or example_of(request)
                if run is not None and run.status == "finished":
                    found.append(finished_result(run))
    return found


def _images(subject: Selection, layers: list[str]) -> pd.DataFrame:
    """Return the images that were made for channels of these layers, in any run there is: layer, target, thumbnail."""
    columns = ["layer", "target", "copy", "thumbnail"]
    made = [result["visualizations"][columns] for result in _visualized(subject, layers)]
    tables = made or [pd.DataFrame(columns=columns)]
    return pd.concat(tables, ignore_index=True).drop_duplicates(["layer", "target", "copy"])


def _make_images(subject: Selection, result: Result, channels: int, made: int) -> None:
    """Offer to make an image for every channel, in the background, or say how far that is."""
    layers = result["exemplars"]["layer"].unique()
    if made >= channels or len(layers) != 1:
        return
    request = replace(_visualize(subject, str(layers[0]), ALL), **_own(subject))
    run = run_of(request)
    if run is not None and run.under_way:
        st.caption(
            f"Making images for all of them: {escaped(run.progress.get('stage', 'starting'))}. Look again later."
        )
    else:
        st.button(
            f"Make an image for all {channels}", key="wall_images", icon=":material/brush:", on_click=start_aside,
            args=(request,), help="In the background; the wall shows what is there.",
        )  # fmt: skip


def _visualize(subject: Selection, layer: str, channels: str) -> VisualizeRequest:
    return VisualizeRequest(model=subject.model, data=subject.data, layers=layer, channels=channels).canonical()


def _own(subject: Selection) -> dict[str, Any]:
    """Return the size of images to ask for: the network's own, where it is known."""
    own = own_size(subject.model)
    return {"size": own} if own else {}


def _more() -> None:
    st.session_state["wall_pages"] = st.session_state.get("wall_pages", 1) + 1
