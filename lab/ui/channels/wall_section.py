"""All channels of a layer, the most selective first, each with the patches that excite it, and its image."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from lab.errors import LabError
from lab.experiments.channels.channel_names import MOST as MOST_CHANNELS
from lab.experiments.channels.exemplars import ExemplarsRequest
from lab.experiments.channels.optimised import COLUMNS, MOST, first_images, unfinished_images
from lab.experiments.channels.visualize import VisualizeRequest
from lab.experiments.result import Result
from lab.models import ModelRef
from lab.models.cards import cached_card
from lab.runs.examples import example_of
from lab.runs.store import RunFolder
from lab.ui.channels.sheet_section import WHICH, layer_box
from lab.ui.channels.wall import ENLARGED, wall
from lab.ui.findings import show_command, show_sentences
from lab.ui.run_cache import finished_result, run_of
from lab.ui.run_status import result_or_status, start_aside, tell_launch_problem
from lab.ui.selection import Selection, request_for
from lab.ui.text import count, escaped
from lab.ui.url_state import opened

ALL = "all"
SHEETS = ((ALL, False), *((channels, negative) for channels in WHICH for negative in (True, False)))
COUNT, AT_ONCE, SIDE = 4, 60, 204  # patches, cells, pixels of a cell
LAST_SEEN = "wall_seen"  # place in the session of the network, images and layer whose wall was shown last
LOOK_AGAIN = 4.0  # seconds until images that are being made are looked at again


def wall_section(subject: Selection) -> None:
    """Show the wall of one layer, or of the run that was opened."""
    try:
        request = _request(subject)
    except LabError as error:
        st.error(escaped(error))
        return
    _at_once(subject, request)
    result = result_or_status(request, offer="Finds the patches that excite every channel of this layer.")
    if result is None:
        _some(subject, request.layers)
        return
    images = _images(subject, list(result["exemplars"]["layer"].unique()))
    order = _order(result)
    shown = AT_ONCE * st.session_state.get("wall_pages", 1)
    first = ", the most selective for the classes first" * ("rank" in order)
    st.caption(
        f"{count(len(order), 'channel')}{first}, each with the patches that excite it most"
        f"{' and an image optimised for it, where there is one' * (len(images) > 0)}. A click enlarges them."
    )
    wall(subject, result["exemplars"], images, order=order.head(shown), side=SIDE, key="wall")
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(order) > shown:
            st.caption(f"{shown} of {count(len(order), 'channel')}.")
            st.button("Show more", key="wall_more", on_click=_more)
        _make_images(subject, result, len(order), len(images))
    show_sentences(result.manifest["findings"])
    show_command(request)


def _request(subject: Selection) -> ExemplarsRequest:
    if asked := opened(ExemplarsRequest):
        return request_for(ExemplarsRequest, subject, layers=layer_box(subject, asked, asked.layers))
    usual = ExemplarsRequest(channels=ALL, count=COUNT, ends=MOST)
    layer = layer_box(subject, usual, "")
    card = cached_card(ModelRef.parse(subject.model))
    wide = any(one.name == layer and one.channels > MOST_CHANNELS for one in card.layers) if card else False
    channels = f"top:{MOST_CHANNELS}" if wide else ALL
    return request_for(ExemplarsRequest, subject, layers=layer, channels=channels, count=COUNT, ends=MOST)


def _at_once(subject: Selection, request: ExemplarsRequest) -> None:
    """Start finding the patches of a layer chosen here after another one: who turns to a layer wants to see it.

    A page that opens computes nothing unasked, nor does another network or other images.
    """
    seen = (subject, request.layers)
    before = st.session_state.get(LAST_SEEN, seen)
    st.session_state[LAST_SEEN] = seen
    if before[0] == subject and before[1] != request.layers and not (run_of(request) or example_of(request)):
        start_aside(request)
        tell_launch_problem()


def _order(result: Result) -> pd.DataFrame:
    """Return a row per channel: layer, target, channel, and how selective it is, the most selective first.

    Their order is that of the half of the images on which classes were chosen, the area that of the other half: sorted
    by what is shown, the first would look better than they are.
    """
    shown = result["exemplars"].drop_duplicates(["layer", "target"])[["layer", "target", "channel"]]
    if "channels" not in result.tables:
        return shown
    known = result["channels"][["layer", "channel", "class", "auc", "rank"]]
    return shown.merge(known, on=["layer", "channel"], how="left").sort_values("rank", kind="stable")


def _some(subject: Selection, layer: str) -> None:
    """Show the channels of a layer that are known before all of them are."""
    for result in _visualized(subject, [layer])[:1]:
        images = first_images(result["visualizations"])
        wall(subject, result["exemplars"], images, order=images, side=SIDE, key="wall")


def _visualized(subject: Selection, layers: list[str]) -> list[Result]:
    """Return the runs that made images for channels of these layers."""
    asked = [_visualize(subject, layer, channels, negative) for layer in layers for channels, negative in SHEETS]
    runs = [run_of(request) or example_of(request) for request in asked]
    return [finished_result(run) for run in runs if run is not None and run.status == "finished"]


def _images(subject: Selection, layers: list[str]) -> pd.DataFrame:
    """Return the images that raise channels of these layers, in any run so far: `unfinished.COLUMNS`."""
    made = [first_images(result["visualizations"])[COLUMNS] for result in _visualized(subject, layers)]
    under_way = [run for layer in layers if (run := run_of(_visualize(subject, layer, ALL))) and run.under_way]
    made += [unfinished_images(run.partial_results) for run in under_way]
    tables = made or [pd.DataFrame(columns=COLUMNS)]
    return pd.concat(tables, ignore_index=True).drop_duplicates(COLUMNS[:-1])


def _make_images(subject: Selection, result: Result, channels: int, made: int) -> None:
    """Offer to make an image for every channel, in the background, or say how far that is."""
    layers = result["exemplars"]["layer"].unique()
    if len(layers) != 1:
        return
    request = _visualize(subject, str(layers[0]), ALL)
    run = run_of(request)
    if run is not None and run.under_way:
        _under_way(str(run.path))
    elif made < channels:
        st.button(
            f"Make an image for all {channels}", key="wall_images", icon=":material/brush:", on_click=start_aside,
            args=(request,), help="In the background; they appear as they come.",
        )  # fmt: skip


@st.fragment(run_every=LOOK_AGAIN)
def _under_way(folder: str) -> None:
    """Say how far the images of all channels are; when they have changed, draw the page, unless one is enlarged."""
    run = RunFolder(Path(folder))
    images = unfinished_images(run.partial_results)
    st.caption(f"Making images for all, {len(images)} so far: {escaped(run.progress.get('stage', 'starting'))}.")
    seen, changed = f"seen_{run.id}", hash(tuple(images["thumbnail"]))
    if not st.session_state.get(ENLARGED) and (not run.under_way or changed != st.session_state.get(seen)):
        st.session_state[seen] = changed
        st.rerun()


def _visualize(subject: Selection, layer: str, channels: str, negative: bool = False) -> VisualizeRequest:
    return VisualizeRequest(
        model=subject.model, data=subject.data, layers=layer, channels=channels, negative=negative
    ).canonical()


def _more() -> None:
    st.session_state["wall_pages"] = st.session_state.get("wall_pages", 1) + 1
