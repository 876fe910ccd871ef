"""The list of runs as cards: open, present, rename, tag, cancel, delete, export; and the trash, from which they come
back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st

from lab.errors import LabError
from lab.runs import jobs
from lab.runs.examples import list_examples
from lab.runs.folder import UNDER_WAY
from lab.runs.storage import home_size
from lab.runs.store import RunFolder
from lab.runs.trash import KEEP_DAYS, DeletedRun, deleted_runs, restore
from lab.ui import downloads
from lab.ui.presenting import present_link
from lab.ui.routes import dashboard_file, page_of_run
from lab.ui.run_cache import finished_result
from lab.ui.run_labels import distinction, when
from lab.ui.run_status import note_problem
from lab.ui.runs.bundles import bundle_button
from lab.ui.runs.summary import summary
from lab.ui.text import count, escaped

PER_PAGE = 10
FEW = 3  # runs that need no search
# outcome -> (what a badge says, its colour)
VERDICTS = {
    "for": ("come apart", "green"),
    "against": ("do not come apart", "red"),
    "undecided": ("undecided", "orange"),
}
JUST_DELETED = "just_deleted"
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
    if len(runs) > FEW:
        text = st.text_input(
            "Search",
            key="search",
            placeholder="words of its name, tags, network, verdict",
            label_visibility="collapsed",
        )
    words = [*text.lower().split(), *_chosen_tags(runs)]
    found = [run for run in runs if all(word in _searched(run) for word in words)] if words else runs
    if not found:
        st.caption(f"No run fits “{escaped(text)}”.")
    for run in _page_of(found):
        _card(run, _actions)


def example_cards() -> None:
    """Show what came with the lab, as runs are shown."""
    if examples := list_examples():
        st.markdown("These examples came with the lab.")
    for run in _page_of(examples):
        _card(run, lambda run, _: _open(run))


def _page_of(runs: list[RunFolder]) -> list[RunFolder]:
    """Return the runs of one page, and show a way to the others."""
    pages = max(1, -(-len(runs) // PER_PAGE))
    number = st.pagination(pages, key="page_of_runs") if pages > 1 else 1
    return runs[(number - 1) * PER_PAGE : number * PER_PAGE]


def _chosen_tags(runs: list[RunFolder]) -> list[str]:
    """Return the tags that the list is narrowed to, of those that runs have."""
    known = sorted({tag for run in runs for tag in run.tags})
    if not known:
        return []
    chosen: list[str] = st.pills("Tags", known, selection_mode="multi", key="tags", label_visibility="collapsed")
    return chosen


def _searched(run: RunFolder) -> str:
    """Return all by which a run can be found, in small letters."""
    said = [run.name, run.id, run.status, *run.tags]
    with suppress(LabError):  # a damaged one is found by its name
        said += [*run.request.networks(), run.request.experiment]
        said += [VERDICTS[found["outcome"]][0] for found in run.manifest.get("verdicts", {}).values()]
    return " ".join(said).lower()


def _card(run: RunFolder, actions_of: Callable[[RunFolder, str], None]) -> None:
    status, found = run.status, summary(run)
    with st.container(border=True, key=f"run_{run.id}"):
        told, actions = st.columns([6, 5], vertical_alignment="center")
        badge = "" if status == "finished" else f":{STATUS_COLOURS.get(status, 'gray')}-badge[{status}]"
        if found.outcome in VERDICTS:
            said, colour = VERDICTS[found.outcome]
            badge = f":{colour}-badge[{said}]"
        tags = " ".join(f":gray-badge[{escaped(tag)}]" for tag in run.tags)
        about = " · ".join(filter(None, (when(run), distinction(run.request), run.id)))
        told.markdown(f"**{escaped(run.name)}** &nbsp;{badge} {tags}  \n:small[:gray[{escaped(about)}]]")
        if run.problem:
            told.caption(escaped(run.problem))
        elif found.sentence and found.outcome not in VERDICTS:
            told.caption(escaped(found.sentence))
        if found.line or found.images:
            told.html(f'<div class="lab-card">{found.line}{found.images}</div>')
        with actions.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
            actions_of(run, status)


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
        help="Results, caches, trained networks and the trash. `feature-lab clean` empties caches, "
        "FEATURE_LAB_HOME_LIMIT sets their limit.",
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
        st.caption("Enter keeps it; an empty name brings the first one back.")
        st.text_input(
            "Tags, between commas", value=", ".join(run.tags), placeholder="talk, 2026", key=f"tags_{run.id}",
            on_change=_tag, args=(str(run.path),),
        )  # fmt: skip
        if status not in UNDER_WAY:
            st.markdown(f"Put this run into the trash? It can be restored from there for {KEEP_DAYS} days.")
            st.button("Delete it", key=f"confirm_{run.id}", icon=":material/delete:", on_click=_delete, args=(run,))


def _open_and_export(run: RunFolder, status: str) -> None:
    experiment = run.request.experiment
    _open(run)
    if status != "finished":
        return
    if experiment == "probe":
        maps = dashboard_file("pages/embedding_maps.py")
        st.page_link(maps, label="Maps", icon=":material/scatter_plot:", query_params={"run": run.id})
    present_link(run.id, key=f"present_{run.id}")
    export = st.popover("Export", icon=":material/download:", key=f"export_{run.id}", on_change="rerun")
    if export.open:  # what is in a closed one costs more than the rest of its card
        with export:
            bundle_button(run)
            downloads.download_buttons(finished_result(run), key=run.id)


def _open(run: RunFolder) -> None:
    page, query = page_of_run(run.request.experiment, run.id)
    st.page_link(page, label="Open", icon=":material/arrow_forward:", query_params=query)


def _rename(folder: str) -> None:
    run = RunFolder(Path(folder))
    with noted():
        run.rename(st.session_state[f"name_{run.id}"])


def _tag(folder: str) -> None:
    run = RunFolder(Path(folder))
    with noted():
        run.tag(st.session_state[f"tags_{run.id}"].split(","))


def _cancel(run: RunFolder) -> None:
    with noted():
        jobs.cancel(run)


def _delete(run: RunFolder) -> None:
    with noted():
        st.session_state[JUST_DELETED] = run.delete()


def undo_line() -> None:
    """Say what was just deleted, and offer to bring it back at once."""
    deleted = st.session_state.get(JUST_DELETED)
    if deleted is None or not deleted.path.is_dir():
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo"):
        st.markdown(f":material/delete: **{escaped(deleted.name)}** is in the trash.")
        st.button("Undo", key="undo_delete", icon=":material/undo:", on_click=_restore, args=(deleted,))


def _restore(run: DeletedRun) -> None:
    with noted():
        restore(run)
        st.session_state.pop(JUST_DELETED, None)


@contextmanager
def noted() -> Iterator[None]:
    """Let the page tell, when it is drawn, why what a button asked for could not be done."""
    try:
        yield
    except (LabError, OSError, MemoryError) as error:
        note_problem(error)
