"""A run taken to another computer and back: a button that hands out its bundle, a place to drop one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.images.uploads import received_file
from lab.runs.bundle import open_bundle, write_bundle
from lab.runs.folder import RunFolder
from lab.ui.run_status import note_problem
from lab.ui.text import escaped

UPLOAD, OPENED = "bundle_upload", "bundle_opened"


def bundle_button(run: RunFolder) -> None:
    """Show the button that hands out a run as one zip; it is made when the button is pressed."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            return write_bundle(run, Path(folder) / "run.zip").read_bytes()

    st.download_button(
        "Bundle for another computer", data=make, file_name=f"{run.shown_id}.zip", mime="application/zip",
        key=f"bundle_{run.id}", icon=":material/inventory_2:", on_click="ignore",
        help="All that was found, as a zip that *Runs* or `feature-lab open FILE.zip` opens.",
    )  # fmt: skip


def open_bundles() -> None:
    """Offer to open a bundle, and say what came of the last one."""
    with st.popover("Open a bundle", icon=":material/unarchive:"):
        st.file_uploader("A zip that the lab bundled", type=["zip"], key=UPLOAD, on_change=_take)
        st.caption("Tables and text only; nothing is executed, every table is verified.")
    if name := st.session_state.pop(OPENED, ""):
        st.success(f"**{escaped(name)}** is among the runs now.", icon=":material/check_circle:")


def _take() -> None:
    file = st.session_state.get(UPLOAD)
    if file is None:
        return
    try:
        with received_file(file) as path:
            st.session_state[OPENED] = open_bundle(path, file.name).name
    except (LabError, OSError) as error:
        note_problem(error)
