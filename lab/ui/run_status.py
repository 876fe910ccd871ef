"""From a request to its result on a page: offer to run it, show how far it is, tell why it ended, or hand it over.

Work happens in a process of its own (`lab.runs.jobs`); a page only looks at the run's folder, so it can be closed and
opened again at any time, in any browser.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.early import card_at_hand
from lab.experiments.result import Result
from lab.runs import jobs
from lab.runs.examples import example_of
from lab.runs.folder import UNDER_WAY
from lab.runs.store import RunFolder, list_runs
from lab.shortages import shortage
from lab.ui import url_state
from lab.ui.progress import show_progress
from lab.ui.run_cache import changed_table, finished_result, run_of
from lab.ui.run_labels import example_note, when
from lab.ui.text import duration, escaped

POLL_SECONDS = 0.5
SHOWN = "shown_of_"  # begins the place in the session of the last request of a question whose result was shown
HEADLINES = {
    "failed": "This run could not be completed",
    "cancelled": "This run was cancelled",
    "interrupted": "This run was interrupted",
    "damaged": "This run is damaged",
}


def launch(request: Request) -> None:
    """Start computing `request` and make it the one the page shows; an error is told on the page."""
    try:
        canonical = request.canonical()
        jobs.start(canonical)
        url_state.show(canonical)
    except (LabError, OSError, MemoryError) as error:
        note_problem(error)


def start_aside(request: Request) -> None:
    """Start computing `request` where the page's URL is that of another one, and stays so."""
    try:
        jobs.start(request.canonical())
    except (LabError, OSError, MemoryError) as error:
        note_problem(error)


def result_or_status(
    request: Request, *, offer: str, button: bool = True, start: Callable[[Request], None] = launch
) -> Result | None:
    """Return the result of `request` if it is finished; else show where it stands and return None.

    `offer` says, for a request nobody has run yet, what running it would bring; `button` is off on pages that have
    their own; `start` is what the buttons do. Where an example of it comes with the lab, that is the result until then.
    """
    run = run_of(request)
    status = run.status if run else "new"
    if run is None or status == "new":
        if (example := example_of(request)) is not None:
            _note_example(example, request, start)
            st.session_state[f"{SHOWN}{request.experiment}"] = request
            return finished_result(example)
        _offer(offer, request, button, start)
        return None
    if status in UNDER_WAY:
        _progress(str(run.path))
        return None
    problem = run.problem if status != "finished" else changed_table(run)
    if problem:
        _trouble(status if status != "finished" else "damaged", problem, request, start)
        return None
    _note_changed_images(run, request, start)
    st.session_state[f"{SHOWN}{request.experiment}"] = request
    return finished_result(run)


def result_before(request: Request) -> Result | None:
    """Return the last result of the same question that this browser session has shown, while `request` is computed."""
    run = run_of(request)
    before = st.session_state.get(f"{SHOWN}{request.experiment}")
    if before is None or run is None or not run.under_way:
        return None
    kept = run_of(before) or example_of(before)
    return finished_result(kept) if kept is not None and kept.status == "finished" else None


def note_problem(error: Exception) -> None:
    """Remember, in a callback, what the page is to tell when it is drawn."""
    st.session_state["launch_problem"] = str(shortage(error) or error)


def tell_launch_problem() -> None:
    """Show, once, why the last launch did not happen."""
    problem = st.session_state.pop("launch_problem", "")
    if problem:
        st.error(escaped(problem))


@st.cache_data(show_spinner=False, ttl=20, max_entries=64)
def time_of_last(experiment: str) -> float | None:
    """Return how many seconds the newest finished run of a question took on this computer, None without any."""
    for run in list_runs():
        with contextlib.suppress(LabError, KeyError):  # a damaged one, or one without times, says nothing
            if run.request.experiment == experiment and run.status == "finished":
                return float(run.manifest["timings"]["total"])
    return None


def _offer(text: str, request: Request, button: bool, start: Callable[[Request], None]) -> None:
    try:
        request.check(card_at_hand)
    except LabError as error:  # a link to an upload of another computer, say: nothing to be offered
        st.warning(escaped(f"This cannot be run: {error}."))
        return
    took = time_of_last(request.experiment)
    with st.container(
        border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="offer"
    ):
        st.markdown(f"{text} The last one here took {duration(took)}." if took else text)
        if button:
            st.button(
                "Run this experiment", key="run_offered", type="primary", icon=":material/play_arrow:",
                on_click=start, args=(request,),
            )  # fmt: skip


@st.fragment(run_every=POLL_SECONDS)
def _progress(folder: str) -> None:
    """Show a run under way, twice a second; when it ends, the whole page is drawn anew."""
    run = RunFolder(Path(folder))
    if not run.under_way:
        st.rerun()
    show_progress(run)


def _note_example(example: RunFolder, request: Request, start: Callable[[Request], None]) -> None:
    """Say that a result was not computed here, when and with what it was, and offer to do so."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"example_{request.experiment}"):
        st.markdown(example_note(when(example), example.manifest.get("versions", {})))
        st.button(
            "Run it here", key=f"run_example_{request.experiment}", type="tertiary", icon=":material/play_arrow:",
            on_click=start, args=(request,),
        )  # fmt: skip


def _trouble(status: str, problem: str, request: Request, start: Callable[[Request], None]) -> None:
    with st.container(key="trouble"):
        message = f"**{HEADLINES.get(status, 'This run has no result')}**: {escaped(problem)}."
        (st.warning if status == "cancelled" else st.error)(message)
        st.button(
            "Start it again",
            key="resume",
            type="primary",
            icon=":material/replay:",
            help="It goes on from what was finished.",
            on_click=start,
            args=(request,),
        )


def _note_changed_images(run: RunFolder, request: Request, start: Callable[[Request], None]) -> None:
    if _is_fresh(str(run.path)):
        return
    told = (
        ":blue[:material/inventory_2:] This run came in a bundle. It was computed from files that are not on this "
        "computer."
        if run.opened
        else ":orange[:material/warning:] The image or weight files have changed since this was computed, or are no "
        "longer where they were."
    )
    with st.container(
        border=True, horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="stale"
    ):
        st.markdown(told)
        st.button("Compute it anew", key="recompute", icon=":material/replay:", on_click=start, args=(request,))


@st.cache_data(show_spinner=False, ttl=20, max_entries=64)
def _is_fresh(folder: str) -> bool:
    """Look at the files a run was computed from; not at every click, since there can be many."""
    try:
        return RunFolder(Path(folder)).fresh
    except (LabError, OSError):
        return False
