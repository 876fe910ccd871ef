"""What an experiment looks at, seen before anything is computed: drawings of a drawn set, or the chosen picture."""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from lab.charts.map_rows import data_url
from lab.errors import LabError
from lab.experiments.picture import open_picture, picture_name
from lab.images import thumbnail
from lab.images.synthetic import FAMILIES, draw_set
from lab.ui.gallery import Picture, gallery

PREFIX = "drawn:"
FEW = 4


def drawn_examples(data: str, *, per_class: int = 5, key: str = "examples") -> None:
    """Show some drawings of each class, in turn; nothing for images that are not drawn."""
    if found := _of_set(data, per_class):
        gallery(found, key=key)


def few_examples(kind: str, spec: str) -> list[Picture]:
    """Return the picture that `spec` names, or a few of the drawn images; [] for what is not there to be seen.

    An image of another set is not looked at: opening the set may download it, which is for a run to do.
    """
    if kind == "data":
        return _of_set(spec, FEW // 2)
    if not spec.startswith(("photo:", PREFIX)) and not Path(spec).expanduser().is_file():
        return []
    try:
        return [_picture(spec)]
    except (LabError, OSError, ValueError):
        return []  # running it tells what is wrong


def small_html(pictures: list[Picture]) -> str:
    """Return pictures as one small square, side by side and one under the other (HTML)."""
    shown = "".join(f'<img src="{one.url}" alt="{html.escape(one.alt)}">' for one in pictures)
    return f'<div class="lab-small{" lab-several" if len(pictures) > 1 else ""}">{shown}</div>'


@st.cache_data(show_spinner=False, ttl=60, max_entries=32)
def _picture(spec: str) -> Picture:
    return Picture(data_url(thumbnail(open_picture(spec).pixels(0), 160)), picture_name(spec))


def _of_set(data: str, per_class: int) -> list[Picture]:
    family = data.removeprefix(PREFIX)
    return _drawings(family, per_class) if data.startswith(PREFIX) and family in FAMILIES else []


@st.cache_data(show_spinner=False, max_entries=8)
def _drawings(family: str, per_class: int) -> list[Picture]:
    images = draw_set(family, per_class, size=128)
    order = sorted(range(len(images)), key=lambda index: index % per_class)
    names = [images.classes[images.records[index].label] for index in order]
    return [
        Picture(data_url(thumbnail(images.pixels(index))), f"a drawing of class {name}", name)
        for index, name in zip(order, names, strict=True)
    ]
