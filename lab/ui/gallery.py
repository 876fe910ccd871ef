"""Thumbnails in a grid that fits any width, as HTML: every piece of text is escaped, pictures are inlined."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

AT_MOST = 60  # thumbnails in one grid: about 200 kB, and as many as anyone looks at


@dataclass(frozen=True)
class Picture:
    """One cell of a gallery: a data URL (None when there is no thumbnail), what it shows, and a line under it."""

    url: str | None
    alt: str
    caption: str = ""


def gallery(pictures: Iterable[Picture], *, key: str) -> None:
    """Show at most `AT_MOST` pictures in a grid, and say how many more there are."""
    shown = list(pictures)
    with st.container(key=key):
        st.html(gallery_html(shown[:AT_MOST]))
        if len(shown) > AT_MOST:
            st.caption(f"and {len(shown) - AT_MOST:,} more")


def gallery_html(pictures: Iterable[Picture]) -> str:
    """Return the grid as HTML."""
    return f'<div class="lab-gallery">{"".join(map(_figure, pictures))}</div>'


def _figure(picture: Picture) -> str:
    alt = html.escape(picture.alt, quote=True)
    if picture.url:
        shown = f'<img src="{html.escape(picture.url, quote=True)}" alt="{alt}" loading="lazy">'
    else:
        shown = f'<div class="lab-no-picture">{alt}</div>'
    caption = f"<figcaption>{html.escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure title="{alt}">{shown}{caption}</figure>'
