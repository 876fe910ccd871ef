"""Channels as a wall of buttons: each with the patches that excite it and the image made for it; a click enlarges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lab.charts.map_rows import image_url, light
from lab.experiments.channels.channel import ChannelRequest
from lab.experiments.channels.optimised import LEAST, MOST, with_ends
from lab.ui.channels.tiles import FEW, caption, image, patches
from lab.ui.components import mount
from lab.ui.run_status import launch
from lab.ui.selection import Selection
from lab.ui.text import escaped

SMALL = 4  # patches of a cell
ENLARGED = "enlarged_channel"  # place in the session of the one whose dialog is open
WORDS = {MOST: "What excites it most", LEAST: "What suppresses it most"}
NONE = pd.DataFrame({"layer": [], "target": [], "end": []})


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
    ends = ["layer", "target", "end"]
    patches_of, made = dict(iter(exemplars.groupby(ends))), dict(iter(with_ends(images).groupby(ends)))
    data = {"pictures": [_cell(row, patches_of, made) for row in order.to_dict("records")], "side": side, "chosen": ""}
    picked = mount("pictures", data, key=key, picked=lambda: None).picked
    st.session_state[ENLARGED] = picked
    for row in order.to_dict("records"):
        if picked == _name(row):
            shown = st.dialog(f"{row['target']} of {row['layer']}", width="large", on_dismiss="rerun")(_enlarged)
            shown(subject, row, exemplars, images)


def open_card(subject: Selection, layer: str, channel: int) -> None:
    """Show the card of a channel, computing it if need be."""
    st.session_state["question"] = "Channel card"
    launch(ChannelRequest(subject.model, subject.data, layer=layer, channel=channel))


def _cell(
    row: Mapping[Any, Any], patches_of: Mapping[Any, pd.DataFrame], made: Mapping[Any, pd.DataFrame]
) -> dict[str, Any]:
    """Return one cell for the component: where the channel has a negative, its two ends side by side."""
    words, note = caption(row)
    cell = {"id": _name(row), "alt": f"{words}: enlarge", "caption": words, "note": note}
    at = row["layer"], row["target"]
    if (*at, LEAST) not in made:
        return {**cell, **_end((*at, MOST), cell["alt"], patches_of, made)}
    halves = [
        {"word": word, **_end((*at, end), f"{_name(row)}, {word}", patches_of, made)} for end, word in WORDS.items()
    ]
    return {**cell, "halves": halves}


def _end(
    key: tuple[str, str, str], alt: str, patches_of: Mapping[Any, pd.DataFrame], made: Mapping[Any, pd.DataFrame]
) -> dict[str, Any]:
    found = patches_of[key].head(SMALL).to_dict("records") if key in patches_of else []
    small = [
        {
            "url": image_url(one["thumbnail"]),
            "pixelated": max(one["bottom"] - one["top"], one["right"] - one["left"]) <= FEW,
        }
        for one in found
    ]
    first, *more = [image_url(light(data)) for data in made[key]["thumbnail"]] if key in made else [None]
    return {"row": small, **({"url": first, "alt": alt, "more": more} if first else {})}


def _name(row: Mapping[Any, Any]) -> str:
    return f"{row['layer']} {row['target']}"


def _enlarged(subject: Selection, row: Mapping[Any, Any], exemplars: pd.DataFrame, images: pd.DataFrame) -> None:
    """Show one channel large: every image made for it, and the patches of both ends side by side."""
    st.markdown(" · ".join(map(escaped, filter(None, caption(row)))))
    at = (row["layer"], row["target"])
    made, mine = (
        table[(table["layer"] == at[0]) & (table["target"] == at[1])] for table in (with_ends(images), exemplars)
    )
    two = (made["end"] == LEAST).any() or (mine["end"] == LEAST).any()
    for place, (end, word) in zip(
        st.columns(2, gap="medium") if two else [st.container()], WORDS.items(), strict=False
    ):
        with place:
            st.markdown(f"**{word}**")
            found = made.loc[made["end"] == end, "thumbnail"]
            st.html(
                f'<div class="lab-large">{"".join(image(one, f"{word}: image made for it") for one in found)}</div>'
                + patches(mine[mine["end"] == end])
            )
    if (channel := int(row.get("channel", -1))) >= 0:
        st.button(
            "Open its card", key="wall_open", icon=":material/badge:", on_click=open_card,
            args=(subject, str(row["layer"]), channel),
        )  # fmt: skip
