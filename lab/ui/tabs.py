"""Tabs as rows of a table: only the open one is computed, and which one is open is in the URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVarTuple

import streamlit as st

from lab.errors import nearest
from lab.ui.text import escaped

Seen = TypeVarTuple("Seen")


@dataclass(frozen=True)
class Tab(Generic[*Seen]):
    """One tab: its name (also in the URL), what it asks or tells (markdown), and what shows it."""

    name: str
    about: str
    show: Callable[[*Seen], None]


def tabs(rows: Sequence[Tab[*Seen]], *seen: *Seen, key: str) -> None:
    """Show the tabs of what is `seen`; `key` is their name in the URL, and a name there that is none is told."""
    names = [row.name for row in rows]
    asked = st.query_params.get(key, names[0])
    if asked not in names:
        st.warning(escaped(f"There is no tab {asked!r}{nearest(asked, names)}; here is {names[0]}."))
    places = st.tabs(names, key=key, on_change="rerun", bind="query-params")
    for place, row in zip(places, rows, strict=True):
        if place.open:
            with place:
                st.markdown(row.about)
                row.show(*seen)


def questions(rows: Sequence[Tab[*Seen]], *seen: *Seen, key: str = "question") -> None:
    """Show tabs that each answer a question: the question stands above its answer as a heading."""
    asked = [Tab(row.name, f"## {row.about}", row.show) for row in rows]
    tabs(asked, *seen, key=key)
