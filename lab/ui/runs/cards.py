"""The list of runs as cards: open, rename, cancel, delete, export."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.runs import jobs
from lab.runs.store import RunFolder
from lab.ui import downloads
from lab.ui.routes import dashboard_file, page_of_run
from lab.ui.run_cache import finished_result
from lab.ui.run_labels import distinction, when
from lab.ui.run_status import note_problem
from lab.ui.text import escaped

PER_PAGE = 10
STATUS_COLOURS = {"finished": "green", "running": "blue", "failed": "red", "cancelled": "gray", "interrupted": "orange"}


def run_cards(runs: list[RunFolder]) -> None:
    """Show runs, the newest first, a page of them at a time, narrowed by a search."""
    text = ""
    if len(runs) > PER_PAGE // 2:
        text = st.text_input("Search", key="search", placeholder="part of a name or id", label_visibility="collapsed")
    found = [run for run in runs if text.lower() in f"{run.name} {run.id}".lower()]
    if not found:
        st.caption(f"No run fits “{escaped(text)}”.")
    pages = max(1, -(-len(found) // PER_PAGE))
    number = st.pagination(pages, key="page_of_runs") if pages > 1 else 1
    for run in found[(number - 1) * PER_PAGE : number * PER_PAGE]:
        _card(run)


def _card(run: RunFolder) -> None:
    status = run.status
    with st.container(border=True, key=f"run_{run.id}"):
        told, actions = st.columns([3, 2], vertical_alignment="center")
        badge = f":{STATUS_COLOURS.get(status, 'gray')}-badge[{status}]"
        about = " · ".join(filter(None, (when(run), distinction(run.request), run.id)))
        told.markdown(f"**{escaped(run.name)}** &nbsp;{badge}  \n:small[:gray[{escaped(about)}]]")
        if run.problem:
            told.caption(escaped(run.problem))
        with actions.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
            _actions(run, status)


def _actions(run: RunFolder, status: str) -> None:
    experiment = run.request.experiment
    page, query = page_of_run(experiment, run.id)
    st.page_link(page, label="Open", icon=":material/arrow_forward:", query_params=query)
    if status == "finished":
        if experiment == "probe":
            maps = dashboard_file("pages/embedding_maps.py")
            st.page_link(maps, label="Maps", icon=":material/scatter_plot:", query_params={"run": run.id})
        export = st.popover("Export", icon=":material/download:", key=f"export_{run.id}", on_change="rerun")
        if export.open:  # what is in a closed one costs more than the rest of its card
            with export:
                downloads.download_buttons(finished_result(run), key=run.id)
    if status == "running":
        st.button("Cancel", key=f"cancel_{run.id}", on_click=jobs.cancel, args=(run,))
    with st.popover("More", icon=":material/more_horiz:", key=f"more_{run.id}"):
        st.text_input(
            "Its name", value=run.name, max_chars=120, key=f"name_{run.id}", on_change=_rename, args=(str(run.path),)
        )
        st.caption("Press Enter to keep it; an empty name brings the first one back.")
        if status != "running":
            st.markdown("Delete this run with its tables? This cannot be undone.")
            st.button(
                "Delete it", key=f"confirm_{run.id}", icon=":material/delete:", on_click=_delete, args=(str(run.path),)
            )


def _rename(folder: str) -> None:
    run = RunFolder(Path(folder))
    try:
        run.rename(st.session_state[f"name_{run.id}"])
    except (LabError, OSError) as error:
        note_problem(error)


def _delete(folder: str) -> None:
    try:
        RunFolder(Path(folder)).delete()
    except (LabError, OSError) as error:
        note_problem(error)
