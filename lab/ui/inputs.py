"""Boxes that every page shares: a network or several, a picture, a set of images, with uploads of one's own.

What a box holds is under its key in the session; the pages fill that in first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from lab.errors import LabError
from lab.experiments.picture import offered_pictures, picture_name
from lab.images import columns_named, with_columns
from lab.images.uploads import PICTURES, is_upload, keep_picture, keep_upload, upload_name
from lab.ui.choices import find_networks, image_sets, known_columns, known_sets, networks, with_current
from lab.ui.routes import dashboard_file
from lab.ui.run_status import note_problem
from lab.ui.text import escaped

MOST_FOUND = 8
WEIGHTS = (
    "Any timm id, with weights after an @: packaged, pretrained (downloaded once), untrained:0, "
    "checkpoint:/path/to/file, or lab:NAME (trained here)."
)
Take = Callable[[str], None]
FOUND_BY_NAME = "by its name"
COLUMN_ROLES = {
    "label": "Label (label, class, …)",
    "group": "Group that never straddles a split (group)",
    "split": "Part: train, validation, test (split)",
    "file_name": "File (file_name, image, …)",
}


def network_box(label: str = "Network", *, key: str, **more: Any) -> None:
    """Show the box for one network."""
    st.selectbox(
        label, with_current(networks(), [st.session_state[key]]), key=key, accept_new_options=True, help=WEIGHTS,
        **more,
    )  # fmt: skip


def networks_box(*, key: str, placeholder: str, **more: Any) -> None:
    """Show the box for several networks."""
    st.multiselect(
        "Networks", with_current(networks(), st.session_state[key]), key=key, accept_new_options=True, help=WEIGHTS,
        placeholder=placeholder, persist_state="page", **more,
    )  # fmt: skip


def network_finder(key: str) -> None:
    """Show a search among all networks by part of their name; a click adds one to the box of `key`."""
    text = st.text_input("Words of a timm id", key="find_network", placeholder="vit tiny")
    if not text:
        return
    found = find_networks(text)
    for row in found[:MOST_FOUND]:
        name = f"{row['name']}@{row['weights']}"
        about = "on this computer" if row["offline"] else "to download"
        st.button(
            f"{escaped(name)} :small[:gray[{about}]]",
            key=f"add_{name}",
            type="tertiary",
            on_click=_add,
            args=(key, name),
        )
    if len(found) > MOST_FOUND:
        models = dashboard_file("pages/models.py")
        st.page_link(models, label=f"All {len(found):,}", icon=":material/search:", query_params={"model_name": text})
    if not found:
        st.caption(f"timm has no network with “{escaped(text)}” in its name.")


def picture_box(*, key: str, **more: Any) -> None:
    """Show the box for one picture."""
    st.selectbox(
        "Picture", with_current(offered_pictures(), [st.session_state[key]]), key=key, format_func=picture_name,
        accept_new_options=True, help="A picture here, the path of an image file, or SET#NUMBER.", **more,
    )  # fmt: skip


def images_box(label: str = "Images", *, key: str, **more: Any) -> None:
    """Show the box for a set of images."""
    sets = known_sets()
    st.selectbox(
        label, with_current(image_sets(), [st.session_state[key]]), key=key, accept_new_options=True,
        format_func=lambda name: sets[name].title if name in sets else _file_name(name),
        placeholder="a set, or the path of a folder",
        help="A set by name (drawn:texture), a folder or zip with one subfolder per class or a metadata.csv, or a "
             "table of labels (CSV, JSON lines, Parquet).",
        **more,
    )  # fmt: skip


def columns_box(*, key: str, change: Callable[[], None]) -> None:
    """Show, for images with a table of labels, which of its columns is what; a choice rewrites the box of `key`."""
    data = (st.session_state[key] or "").strip()
    columns = known_columns(data)
    if not columns:
        return
    named = columns_named(data)

    def choose(role: str) -> None:
        chosen = st.session_state[f"{key}_{role}"]
        st.session_state[key] = with_columns(data, **{role: "" if chosen == FOUND_BY_NAME else chosen})
        change()

    with st.popover("Columns of the table", icon=":material/table:", width="stretch"):
        for role, told in COLUMN_ROLES.items():
            st.session_state[f"{key}_{role}"] = named.get(role, FOUND_BY_NAME)
            st.selectbox(
                told, with_current([FOUND_BY_NAME, *columns], [named.get(role, FOUND_BY_NAME)]), key=f"{key}_{role}",
                on_change=choose, args=(role,),
            )  # fmt: skip


def upload_images(take: Take, *, key: str) -> None:
    """Offer to upload a zip of images; `take` is given the spec that names it by its content."""
    told = "It is kept in the lab's home folder, and never unpacked."
    _upload("A zip with one subfolder per class, or with a metadata.csv", ["zip"], told, keep_upload, take, key)


def upload_picture(take: Take, *, key: str) -> None:
    """Offer to upload one picture; `take` is given the spec that names it by its content."""
    told = "It is kept in the lab's home folder."
    _upload("An image", list(PICTURES), told, keep_picture, take, key)


def _upload(label: str, types: list[str], told: str, keep: Callable[[str, Any], str], take: Take, key: str) -> None:
    def chosen() -> None:
        file = st.session_state.get(key)
        if file is None:
            return
        try:
            take(keep(file.name, file))
        except LabError as error:
            note_problem(error)

    with st.popover("Upload", icon=":material/upload:", width="stretch"):
        st.file_uploader(label, type=types, key=key, on_change=chosen)
        st.caption(told)


def _file_name(data: str) -> str:
    """Return what to call images that have no title: an upload by its file's name, anything else by its path."""
    return f"{upload_name(data)}, uploaded" if is_upload(data) else data


def _add(key: str, name: str) -> None:
    st.session_state[key] = with_current(st.session_state[key], [name])
