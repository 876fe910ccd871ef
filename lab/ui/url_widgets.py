"""Widgets whose value is in the page's URL, so that a copied link shows the same.

The URL is the truth: a widget shows what the URL says, and what is chosen is written there before the page is drawn.
What is usual is left out of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from typing import Any

import streamlit as st

from lab.errors import LabError
from lab.ui import url_state
from lab.ui.notices import consent


def url_widget(name: str, usual: str, *, key: str = "", options: Collection[str] = ()) -> dict[str, Any]:
    """Return the arguments of a widget that tie it to parameter `name` of the URL, and fill the widget in.

    A value in the URL that is not one of `options`, where there are some, counts as the usual one.
    """
    value = st.query_params.get(name, usual)
    return _tied(name, usual, value if not options or value in options else usual, key)


def url_field(usual: Any, name: str, *, key: str = "") -> dict[str, Any]:
    """Do the same for field `name` of a request; `usual` is the request that says what is usual and what is allowed."""
    value = default = getattr(usual, name)
    param = url_state.param(type(usual), name)
    if given := st.query_params.get_all(param):
        with contextlib.suppress(LabError):  # of a value that means nothing
            value = getattr(url_state.from_params(type(usual), {param: given}), name)
    return _tied(param, default, value, key or name)


def set_url_param(name: str, value: Any, usual: Any) -> None:
    """Put a value into the URL, or take it out where it is empty or the usual one."""
    if isinstance(value, list):  # of a box that takes several
        consent(value)
        st.query_params[name] = [str(one) for one in value]
        return
    text = "" if value is None else str(value).strip()
    consent(text)
    if text and value != usual:
        st.query_params[name] = text
    else:
        st.query_params.pop(name, None)


def _tied(name: str, usual: Any, value: Any, key: str) -> dict[str, Any]:
    key = key or name
    st.session_state[key] = value
    return {"key": key, "on_change": _chosen, "args": (name, usual, key)}


def _chosen(name: str, usual: Any, key: str) -> None:
    set_url_param(name, st.session_state[key], usual)
