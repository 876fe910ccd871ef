"""Channels as a wall of buttons: each with the patches that excite it and the image made for it; a click enlarges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.map_rows import image_url
from lab.experiments.channels.channel import ChannelRequest
from lab.ui.channels.tiles import FEW, caption, image, light, patches
from lab.ui.components import mount
from lab.ui.run_status import launch
from lab.ui.selection import Selection
from lab.ui.text import escaped

SMALL = 4  # patches of a cell
NONE = pd.DataFrame({"layer": [], "target": []})


def wall(
    subject: Selection,
    exemplars: pd.DataFrame,
    images: pd.DataFrame = NONE,
    *,
    order: pd.DataFrame,
    side: int,
    key: str,
) -> None:
    """Show a cell for each row of `order` (layer, target, and what `caption` tells of it), of `side` pixels or more."""
    at = ["layer", "target"]
    most = dict(iter(exemplars[exemplars["end"] == "most"].groupby(at)))
    made = dict(iter(images.groupby(at)))
    data = {"pictures": [_cell(row, most, made) for row in order.to_dict("records")], "side": side, "chosen": ""}
    picked = mount("pictures", data, key=key, picked=lambda: None).picked
    for row in order.to_dict("records"):
        if picked == _name(row):
            st.dialog(f"{row['target']} of {row['layer']}", width="large")(_enlarged)(subject, row, exemplars, images)


def open_card(subject: Selection, layer: str, channel: int) -> None:
    """Show the card of a channel, computing it if need be."""
    st.session_state["question"] = "Channel card"
    launch(ChannelRequest(subject.model, subject.data, layer=layer, channel=channel))


def _cell(row: Mapping[Any, Any], most: Mapping[Any, pd.DataFrame], made: Mapping[Any, pd.DataFrame]) -> dict[str, Any]:
    at = row["layer"], row["target"]
    found = most[at].head(SMALL).to_dict("records") if at in most else []
    small = [
        {
            "url": image_url(one["thumbnail"]),
            "pixelated": max(one["bottom"] - one["top"], one["right"] - one["left"]) <= FEW,
        }
        for one in found
    ]
    words, note = caption(row)
    shown = {"url": image_url(light(made[at]["thumbnail"].iloc[0]))} if at in made else {}
    return {"id": _name(row), "alt": f"{words}: enlarge", "caption": words, "note": note, "row": small, **shown}


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['layer']} {row['target']}"


def _enlarged(subject: Selection, row: Mapping[Any, Any], exemplars: pd.DataFrame, images: pd.DataFrame) -> None:
    """Show one channel large: every image made for it, and the patches of both ends side by side."""
    st.markdown(" · ".join(map(escaped, filter(None, caption(row)))))
    made = images[(images["layer"] == row["layer"]) & (images["target"] == row["target"])]
    mine = exemplars[(exemplars["layer"] == row["layer"]) & (exemplars["target"] == row["target"])]
    *left, most, least = st.columns([3, 2, 2] if len(made) else 2, gap="medium")
    for picture in made["thumbnail"]:
        left[0].html(image(picture, f"image made for {row['target']} of {row['layer']}"))
    for place, end, told in ((most, "most", "excites"), (least, "least", "suppresses")):
        with place:
            st.markdown(f"**What {told} it most**")
            st.html(patches(mine[mine["end"] == end]))
    if (channel := int(row.get("channel", -1))) >= 0:
        st.button(
            "Open its card", key="wall_open", icon=":material/badge:", on_click=open_card,
            args=(subject, str(row["layer"]), channel),
        )  # fmt: skip
