"""What stands above every page: that a network is served, and that a path in a link waits for a click.

A link may come from anybody, so it opens no file of this computer by itself: where it names one (a folder, a picture,
a checkpoint), the page is shown without the link's settings until the button is pressed. What was typed, uploaded or
started here, or clicked once, is opened from then on, for as long as the dashboard runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from lab.images import MEMORY, names_a_path
from lab.roots import on_network, roots
from lab.ui.text import escaped
from lab.weights import LOCAL_SCHEME

# Fields that hold an image set, a picture or vectors: what is no name is a path.
PATHS = ("data", "probe_data", "picture", "embeddings", "labels", "images", "row_images", "concepts", "against")
RUN = "run"  # the id of a run that is here, and nothing else (`lab.ui.url_state.known_run`)
HELD = "held_link"
MOST_REMEMBERED = 10_000
# In any other field: a path in full or relative, of Windows too, weights that are read from a file, a file of vectors.
VECTORS = r".*\.(?:npz|npy|parquet|safetensors)\Z"
LOCAL = re.compile(
    rf"{LOCAL_SCHEME}|.*@checkpoint:|file:|hf:[/~.]|[/~\\.]|[A-Za-z]:[/\\]|{VECTORS}", re.DOTALL | re.IGNORECASE
)


def notices(page: str) -> None:
    """Show what stands above a page of this name; to be called before the page reads its URL."""
    if on_network():
        folders = ", ".join(escaped(root) for root in roots() or ()) or "none"
        st.warning(
            "This dashboard is served on a network: everyone who has its link sees and can delete all runs, and can "
            f"compute here. Folders of its computer it can read: {folders}.",
            icon=":material/lan:",
        )
    _hold(page)
    held = st.session_state.get(HELD)
    if held is None:
        return
    with st.container(border=True, key="held_link"):
        named = ", ".join(f"**{escaped(path)}**" for path in local_paths(held["params"]))
        st.markdown(f":material/link: This link names files of the dashboard's computer: {named}. Nothing was opened.")
        st.button("Open them", key="open_held", icon=":material/folder_open:", on_click=_open)


def local_paths(params: Mapping[str, Iterable[str]]) -> list[str]:
    """Return what names a file of this computer among the parameters of a URL."""
    return [
        value
        for name, values in params.items()
        for value in values
        if name != RUN and (LOCAL.match(value) or (name.rpartition(".")[2] in PATHS and _is_path(value)))
    ]


def consent(value: Any) -> None:
    """Remember what a person has chosen here: a link may open it from now on."""
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple | list) else ():
        if len(_consented()) < MOST_REMEMBERED and local_paths({"data": [text]}):
            _consented().add(text)


def _hold(page: str) -> None:
    """Take a link that names files nobody has chosen here out of the URL."""
    held = st.session_state.get(HELD)
    if held is not None and held["page"] != page:
        del st.session_state[HELD]
    params = {name: st.query_params.get_all(name) for name in st.query_params}
    if set(local_paths(params)) - _consented():
        st.session_state[HELD] = {"page": page, "params": params}
        st.query_params.clear()


def _open() -> None:
    """Give the page the link that was held back."""
    params = st.session_state.pop(HELD)["params"]
    consent(local_paths(params))
    st.query_params.from_dict(params)


def _is_path(value: str) -> bool:
    name, mark, _ = value.rpartition("#")
    return not value.startswith(("photo:", MEMORY)) and names_a_path(name if mark else value)


@st.cache_resource(show_spinner=False)
def _consented() -> set[str]:
    """What was chosen since the server started, by whomever."""
    return set()
