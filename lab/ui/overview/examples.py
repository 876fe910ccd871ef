"""A few images of a drawn set, so that one sees what an experiment looks at before anything is computed."""

from __future__ import annotations

import streamlit as st

from lab.charts.map_rows import data_url
from lab.drawn import FAMILIES, draw_set
from lab.images import thumbnail
from lab.ui.gallery import Picture, gallery

PREFIX = "drawn:"


def drawn_examples(data: str, *, per_class: int = 5) -> None:
    """Show some drawings of each class, in turn; nothing for images that are not drawn."""
    family = data.removeprefix(PREFIX)
    if data.startswith(PREFIX) and family in FAMILIES:
        gallery(_examples(family, per_class), key="examples")


@st.cache_data(show_spinner=False, max_entries=8)
def _examples(family: str, per_class: int) -> list[Picture]:
    images = draw_set(family, per_class, size=128)
    order = sorted(range(len(images)), key=lambda index: index % per_class)
    names = [images.classes[images.records[index].label] for index in order]
    return [
        Picture(data_url(thumbnail(images.pixels(index))), f"a drawing of class {name}", name)
        for index, name in zip(order, names, strict=True)
    ]
