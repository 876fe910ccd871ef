"""The panels of the overview: what is under way, and where to go next."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lab.experiments.base import Result
from lab.store import list_runs
from lab.ui.places import dashboard_file, page_of_run
from lab.ui.text import plain

LOOKED_AT = 50  # the newest runs: one under way is among them


@dataclass(frozen=True)
class Step:
    """A place to go to from the overview."""

    page: str
    title: str
    text: str
    needs_result: bool = False


STEPS = (
    Step(
        "separability", "Ask it of your own images", "Name a folder, upload a zip, or pick other networks and controls."
    ),
    Step(
        "embedding_maps",
        "Walk through the layers",
        "See the same images move apart, layer by layer, on linked maps.",
        True,
    ),
    Step("runs", "Look at earlier results", "Open, compare and export everything computed on this computer."),
)


def next_steps(result: Result | None) -> None:
    """Show the places to go to, as cards."""
    for step, column in zip(STEPS, st.columns(len(STEPS), gap="medium"), strict=True):
        with column.container(border=True, height="stretch", key=f"next_{step.page}"):
            st.markdown(f"**{step.title}**  \n{step.text}")
            run = result.manifest.get("run") if result and step.needs_result else None
            page = dashboard_file(f"pages/{step.page}.py")
            st.page_link(
                page, label="Open", icon=":material/arrow_forward:", query_params={"run": run} if run else None
            )


def runs_under_way() -> None:
    """Name the runs that are being computed, each with a way to look at it."""
    for run in list_runs()[:LOOKED_AT]:
        if run.status == "running":
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"under_way_{run.id}"):
                st.markdown(f":material/hourglass_top: Being computed: **{plain(run.name)}**")
                page, query = page_of_run(run.request.experiment, run.id)
                st.page_link(page, label="Watch it", query_params=query)
