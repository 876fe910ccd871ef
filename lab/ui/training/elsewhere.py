"""Trainings that a Python process watched and kept as runs: one of them with its curves, and the list of all."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.experiments.training.request import WatchRequest
from lab.runs.store import RunFolder, list_runs
from lab.ui import url_state
from lab.ui.findings import show_command, show_findings
from lab.ui.run_cache import changed_table, finished_result
from lab.ui.tabs import tabs
from lab.ui.text import count, escaped
from lab.ui.training.settings import WATCHED
from lab.ui.training.watch import views_of

FOLLOW_SECONDS = 3.0


def watched_elsewhere() -> bool:
    """Show the training of a Python process that the URL names; return whether there is one."""
    run_id = st.query_params.get(WATCHED)
    if run_id is None:
        return False
    try:
        run = url_state.known_run(run_id)
        if problem := run.problem if run.status != "finished" else changed_table(run):
            raise LabError(f"run {run_id} cannot be shown: {problem}")
    except LabError as error:
        st.warning(escaped(error))
        return False
    result = finished_result(run)
    steps = result["probes"].query("step >= 0")["step"]
    told, back = st.columns([4, 1], vertical_alignment="center")
    told.header(escaped(run.name))
    back.button("Train one here", icon=":material/undo:", key="leave_watched", on_click=_leave, width="stretch")
    st.caption(
        f"Watched by a Python process while it trained: {count(steps.nunique(), 'step')} read so far, the last is "
        f"{int(steps.max()):,}. This page follows it as it goes on."
    )
    _follow(str(run.path), _version(run))
    if result.findings:
        show_findings(result.findings)
    show_command(result.request)
    tabs(views_of(result), result, key="watched_view")
    return True


def trainings_elsewhere() -> None:
    """List the trainings that Python processes have kept here; nothing when there is none."""
    kept = [run for run in list_runs() if _is_one(run)]
    if not kept:
        return
    st.header("Watched from Python")
    for run in kept:
        with st.container(border=True, key=f"kept_{run.id}"):
            told, show = st.columns([7, 1], vertical_alignment="center")
            told.markdown(f"**{escaped(run.name)}** :gray[{escaped(run.request.title())}]")
            show.button("Show", key=f"show_{run.id}", width="stretch", on_click=_open, args=(run.id,))


@st.fragment(run_every=FOLLOW_SECONDS)
def _follow(folder: str, seen: int) -> None:
    """Draw the page anew when the run was written again since it was `seen`."""
    if _version(RunFolder(Path(folder))) != seen:
        st.rerun()


def _version(run: RunFolder) -> int:
    try:
        return (run.path / "run.json").stat().st_mtime_ns
    except OSError:  # deleted
        return 0


def _is_one(run: RunFolder) -> bool:
    request = run.request
    return isinstance(request, WatchRequest) and bool(request.from_python()) and run.status == "finished"


def _open(run_id: str) -> None:
    st.query_params[WATCHED] = run_id


def _leave() -> None:
    st.query_params.pop(WATCHED, None)
