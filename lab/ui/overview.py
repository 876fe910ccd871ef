"""The panels of the overview: what is under way, where to go next, and the questions that people ask."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lab.experiments.result import Result
from lab.registry import EXPERIMENTS
from lab.runs.store import list_runs
from lab.ui.routes import dashboard_file, page_of_run
from lab.ui.text import escaped

LOOKED_AT = 50  # the newest runs: one under way is among them


@dataclass(frozen=True)
class NextStep:
    """A place to go to from the overview."""

    page: str
    title: str
    text: str
    needs_result: bool = False


NEXT_STEPS = (
    NextStep(
        "separability", "Ask it of your own images", "Name a folder, upload a zip, or pick other networks and controls."
    ),
    NextStep(
        "embedding_maps",
        "Walk through the layers",
        "See the same images move apart, layer by layer, on linked maps.",
        True,
    ),
    NextStep("runs", "Look at earlier results", "Open, compare and export everything computed on this computer."),
)


def questions() -> None:
    """Show the questions that people ask, each a way to the experiment that answers it."""
    often = [row for row in EXPERIMENTS.values() if row.often]
    half = (len(often) + 1) // 2
    for column, rows in zip(st.columns(2, gap="medium"), (often[:half], often[half:]), strict=True):
        for row in rows:
            column.page_link(
                dashboard_file(f"pages/{row.page}.py"),
                label=row.question,
                icon=":material/help:",
                query_params={"question": row.tab} if row.tab else None,
            )


def next_steps(result: Result | None) -> None:
    """Show the places to go to, as cards."""
    for step, column in zip(NEXT_STEPS, st.columns(len(NEXT_STEPS), gap="medium"), strict=True):
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
        if run.under_way:
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"under_way_{run.id}"):
                st.markdown(f":material/hourglass_top: Being computed: **{escaped(run.name)}**")
                page, query = page_of_run(run.request.experiment, run.id)
                st.page_link(page, label="Watch it", query_params=query)
