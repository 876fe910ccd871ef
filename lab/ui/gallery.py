"""Thumbnails in a grid that fits any width, as HTML: every piece of text is escaped, pictures are inlined."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from lab.ui.chosen import choose_image, chosen_image
from lab.ui.components import mount

SIDE = 96  # pixels of a cell, at least
AT_MOST = 60  # thumbnails in one grid: about 200 kB, and as many as anyone looks at


@dataclass(frozen=True)
class Picture:
    """One cell of a gallery: a data URL (None when there is no thumbnail), what it shows, and a line under it.

    `image` is the id of the image that a click on it chooses, "" for none.
    """

    url: str | None
    alt: str
    caption: str = ""
    image: str = ""


def gallery(pictures: Iterable[Picture], *, key: str) -> None:
    """Show at most `AT_MOST` pictures in a grid, and say how many more there are."""
    shown = list(pictures)
    with st.container(key=key):
        if any(picture.image for picture in shown):
            _choosable(shown[:AT_MOST], key)
        else:
            st.html(gallery_html(shown[:AT_MOST]))
        if len(shown) > AT_MOST:
            st.caption(f"and {len(shown) - AT_MOST:,} more")


def _choosable(shown: list[Picture], key: str) -> None:
    """Show pictures of which a click chooses one, for all pages."""
    cells = [{"id": one.image, "url": one.url, "alt": one.alt, "caption": one.caption} for one in shown]
    name = f"{key}_pictures"
    mount(
        "pictures", {"pictures": cells, "side": SIDE, "chosen": chosen_image([one.image for one in shown])}, key=name,
        picked=lambda: choose_image(st.session_state[name]["picked"]),
    )  # fmt: skip


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
