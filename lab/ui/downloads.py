"""Buttons that hand out a run. A file is made when its button is pressed, not before."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.export.formats import FORMATS, download
from lab.registry import has_charts
from lab.ui.presenting import present_link
from lab.ui.run_cache import run_of

SINGLE_FILES = {
    "html": ".html",
    "lesson": "-lesson.html",
    "json": ".json",
}  # the other formats are several files in a zip
EMBEDDINGS = ("npz", "safetensors")
TABLES, PICTURES = ("html", "lesson", "csv", "parquet", "json"), ("png", "svg")


def export(result: Result, *, key: str) -> None:
    """Show all that can be taken along of a run: its files and the command that computes it."""
    present_link(result.request.run_id, key=f"present_{key}")
    download_buttons(result, key=key)
    st.markdown("The same experiment from a terminal:")
    st.code(result.request.command(), language="bash", wrap_lines=True)


def download_buttons(result: Result, *, key: str) -> None:
    """Show a button per format that the run has something for."""
    of_a_probe = isinstance(result.request, ProbeRequest) and run_of(result.request) is not None  # no example
    drawn = has_charts(result.request.experiment)
    with st.container(horizontal=True, key=f"downloads_{key}"):
        for name in (*TABLES, *PICTURES) if drawn else TABLES:
            st.download_button(
                FORMATS[name].title,
                data=_maker(result, name),
                file_name=f"{result.request.run_id}{SINGLE_FILES.get(name, f'-{name}.zip')}",
                mime=FORMATS[name].media_type if name in SINGLE_FILES else "application/zip",
                key=f"download_{name}_{key}",
                icon=":material/download:",
                on_click="ignore",
            )
        for suffix in EMBEDDINGS if of_a_probe else ():
            st.download_button(
                f"Embeddings as .{suffix}",
                data=_embeddings_maker(result, suffix),
                file_name=f"{result.request.run_id}.{suffix}",
                mime="application/octet-stream",
                key=f"download_{suffix}_{key}",
                icon=":material/download:",
                on_click="ignore",
                help="Kept from the run, or computed anew.",
            )


def _embeddings_maker(result: Result, suffix: str) -> Callable[[], bytes]:
    """Let the command line write them: it may need the network, which must not be loaded into the server."""

    def make() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            words = ["export", result.request.run_id, "--embeddings", suffix, "--out", folder]
            done = subprocess.run(
                [sys.executable, "-P", "-c", _COMMAND_LINE, *words], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise LabError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the export failed")
            (path,) = Path(folder).iterdir()
            return path.read_bytes()

    return make


_COMMAND_LINE = "import sys; from lab.cli.main import main; sys.exit(main(sys.argv[1:]))"


def _maker(result: Result, name: str) -> Callable[[], bytes]:
    return lambda: download(result, name).content
