"""The list of runs as cards: open, rename, cancel, delete, export; and the trash, from which they come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.runs import jobs
from lab.runs.folder import UNDER_WAY
from lab.runs.storage import home_size
from lab.runs.store import RunFolder
from lab.runs.trash import KEEP_DAYS, DeletedRun, deleted_runs, restore
from lab.ui import downloads
from lab.ui.routes import dashboard_file, page_of_run
from lab.ui.run_cache import finished_result
from lab.ui.run_labels import distinction, when
from lab.ui.run_status import note_problem
from lab.ui.text import count, escaped

PER_PAGE = 10
MOST_DELETED = 20  # in the trash that are shown
STATUS_COLOURS = {
    "finished": "green",
    "running": "blue",
    "queued": "violet",
    "failed": "red",
    "cancelled": "gray",
    "interrupted": "orange",
    "damaged": "red",
}


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
        told, actions = st.columns([6, 5], vertical_alignment="center")
        badge = f":{STATUS_COLOURS.get(status, 'gray')}-badge[{status}]"
        about = " · ".join(filter(None, (when(run), distinction(run.request), run.id)))
        told.markdown(f"**{escaped(run.name)}** &nbsp;{badge}  \n:small[:gray[{escaped(about)}]]")
        if run.problem:
            told.caption(escaped(run.problem))
        with actions.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
            _actions(run, status)


def damaged_cards(runs: list[RunFolder]) -> None:
    """Show runs that do not say what they ask: why, and a way to put them away."""
    for number, run in enumerate(runs):
        with st.container(border=True, key=f"damaged_{number}"):
            told, actions = st.columns([3, 2], vertical_alignment="center")
            told.markdown(f"**{escaped(run.shown_id)}** &nbsp;:red-badge[damaged]  \n:small[{escaped(run.damage)}]")
            with actions.container(horizontal=True, horizontal_alignment="right"):
                st.button(
                    "Delete it", key=f"delete_damaged_{number}", icon=":material/delete:", on_click=_delete, args=(run,)
                )


def trash_list() -> None:
    """Show what was deleted, the latest first, each with a way back."""
    found = deleted_runs()
    if not found:
        return
    with st.expander(f"Trash: {count(len(found), 'run')}", icon=":material/delete:", key="trash"):
        st.caption(f"Deleted runs are removed for good {KEEP_DAYS} days after they were deleted.")
        for number, run in enumerate(found[:MOST_DELETED]):
            with st.container(horizontal=True, vertical_alignment="center", key=f"deleted_{number}"):
                left = count(run.days_left, "day")
                st.markdown(f"{escaped(run.name)} :small[:gray[{escaped(ascii(run.id)[1:-1])} · {left} left]]")
                st.button(
                    "Restore", key=f"restore_{run.path.name}", icon=":material/undo:", on_click=_restore, args=(run,)
                )


def home_line() -> None:
    """Say how much the home folder holds, and its limit."""
    st.caption(
        escaped(f"The lab's home folder holds {_home_size()}."),
        help="Results, caches, trained networks and the trash. Caches above the limit are trimmed, the oldest first; "
        "`feature-lab clean` empties them, FEATURE_LAB_HOME_LIMIT sets another limit.",
    )


@st.cache_data(show_spinner=False, ttl=60)
def _home_size() -> str:
    return str(home_size())


def _actions(run: RunFolder, status: str) -> None:
    if status != "damaged":
        _open_and_export(run, status)
    if status in UNDER_WAY:
        st.button("Cancel", key=f"cancel_{run.id}", on_click=_cancel, args=(run,))
    with st.popover("More", icon=":material/more_horiz:", key=f"more_{run.id}"):
        st.text_input(
            "Its name", value=run.name, max_chars=120, key=f"name_{run.id}", on_change=_rename, args=(str(run.path),)
        )
        st.caption("Press Enter to keep it; an empty name brings the first one back.")
        if status not in UNDER_WAY:
            st.markdown(f"Put this run into the trash? It can be restored from there for {KEEP_DAYS} days.")
            st.button("Delete it", key=f"confirm_{run.id}", icon=":material/delete:", on_click=_delete, args=(run,))


def _open_and_export(run: RunFolder, status: str) -> None:
    experiment = run.request.experiment
    page, query = page_of_run(experiment, run.id)
    st.page_link(page, label="Open", icon=":material/arrow_forward:", query_params=query)
    if status != "finished":
        return
    if experiment == "probe":
        maps = dashboard_file("pages/embedding_maps.py")
        st.page_link(maps, label="Maps", icon=":material/scatter_plot:", query_params={"run": run.id})
    export = st.popover("Export", icon=":material/download:", key=f"export_{run.id}", on_change="rerun")
    if export.open:  # what is in a closed one costs more than the rest of its card
        with export:
            downloads.download_buttons(finished_result(run), key=run.id)


def _rename(folder: str) -> None:
    run = RunFolder(Path(folder))
    with noted():
        run.rename(st.session_state[f"name_{run.id}"])


def _cancel(run: RunFolder) -> None:
    with noted():
        jobs.cancel(run)


def _delete(run: RunFolder) -> None:
    with noted():
        run.delete()


def _restore(run: DeletedRun) -> None:
    with noted():
        restore(run)


@contextmanager
def noted() -> Iterator[None]:
    """Let the page tell, when it is drawn, why what a button asked for could not be done."""
    try:
        yield
    except (LabError, OSError, MemoryError) as error:
        note_problem(error)
