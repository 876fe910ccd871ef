"""Choose networks: from a short list, by typing any timm id, or by searching all of timm by name."""

from __future__ import annotations

import streamlit as st

from lab.ui.choices import find_networks, networks, with_current
from lab.ui.text import plain

MOST_FOUND = 8


def network_box() -> None:
    """Show the box that holds the draft's networks, `draft_models` in the session."""
    st.multiselect(
        "Networks",
        with_current(networks(), st.session_state["draft_models"]),
        key="draft_models",
        accept_new_options=True,
        placeholder="choose one, or type any timm id",
        persist_state="page",
        help=(
            "Any timm model id, with its weights after an @: packaged (no download), pretrained (downloaded once), "
            "untrained:0 (random weights) or checkpoint:/path/to/file. Several networks are drawn over each other."
        ),
    )
    told, find = st.columns([2, 1], vertical_alignment="top")
    told.caption("Choose one or more, or type any timm id and press Enter.")
    with find.popover("Find", icon=":material/search:", width="stretch"):
        _finder()


def _finder() -> None:
    """Search all networks by part of their name; a click adds one to the draft."""
    text = st.text_input("Part of a timm id", key="find_network", placeholder="resnet18")
    if not text:
        return
    found = find_networks(text)
    for row in found[:MOST_FOUND]:
        name = f"{row['name']}@{row['weights']}"
        about = "on this computer" if row["offline"] else "to download"
        st.button(
            f"{plain(name)} :small[:gray[{about}]]",
            key=f"add_{name}",
            type="tertiary",
            on_click=_add_network,
            args=(name,),
        )
    if len(found) > MOST_FOUND:
        st.caption(f"and {len(found) - MOST_FOUND} more")
    if not found:
        st.caption(f"timm has no network with “{plain(text)}” in its name.")


def _add_network(name: str) -> None:
    st.session_state["draft_models"] = with_current(st.session_state["draft_models"], [name])
