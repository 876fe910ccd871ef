"""A run as slides for a projector, at `/present/RUN`: a page of its own, without the dashboard's controls."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.errors import LabError
from lab.export.lesson import lesson_policy, render_lesson
from lab.runs.examples import example_named
from lab.runs.folder import RunFolder
from lab.settings import runs_dir
from lab.ui.access import PRESENT


def present_link(run_id: str, *, key: str) -> None:
    """Show the link that opens a finished run as slides, in a tab of its own."""
    st.link_button(
        "Present", f"{PRESENT}{run_id}", icon=":material/slideshow:", key=key,
        help="Slides: → and ← walk, F fills the screen, N shows the notes.",
    )  # fmt: skip


def present_routes() -> list[Route]:
    """Return the routes of the server's app that show slides."""
    return [Route(f"{PRESENT}{{run}}", _present)]


async def _present(request: Request) -> Response:
    run = _run_named(request.path_params["run"])
    if run is None:
        return PlainTextResponse("There is no such run here; the page Runs lists them.", status_code=404)
    try:
        page = await run_in_threadpool(_slides, run.path, (run.path / "run.json").stat().st_mtime_ns)
    except (LabError, OSError) as error:
        return PlainTextResponse(str(error), status_code=404)
    return HTMLResponse(page, headers={"Content-Security-Policy": lesson_policy(), "Cache-Control": "no-cache"})


def _run_named(run_id: str) -> RunFolder | None:
    """Return a finished run of this computer or an example, by its id alone: no other path is looked at."""
    if not re.fullmatch(r"\w+-[0-9a-f]+", run_id):
        return None
    run = RunFolder(runs_dir() / run_id)
    return run if (run.path / "run.json").is_file() else example_named(run_id)


@functools.lru_cache(maxsize=4)
def _slides(folder: Path, version: int) -> str:
    """Make the slides once for each version of a run."""
    return render_lesson(RunFolder(folder).result(), present=True)
