"""Buttons that hand out a run. A file is made when its button is pressed, not before."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lab.experiments.base import Result
from lab.export import FORMATS, download

SINGLE_FILES = {"html": ".html", "json": ".json"}  # the other formats are several files in a zip
OFFERED = ("html", "csv", "parquet", "json", "png", "svg")


def download_buttons(result: Result, *, key: str) -> None:
    """Show a button per format."""
    with st.container(horizontal=True, key=f"downloads_{key}"):
        for name in OFFERED:
            st.download_button(
                FORMATS[name].title,
                data=_maker(result, name),
                file_name=f"{result.request.run_id}{SINGLE_FILES.get(name, f'-{name}.zip')}",
                mime=FORMATS[name].media_type if name in SINGLE_FILES else "application/zip",
                key=f"download_{name}_{key}",
                icon=":material/download:",
                on_click="ignore",
            )


def _maker(result: Result, name: str) -> Callable[[], bytes]:
    return lambda: download(result, name).content
