"""The panels of the overview: what is under way, where to go next, and the questions that people ask."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from lab.experiments.base import Result
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


@dataclass(frozen=True)
class CommonQuestion:
    """A question that people new to these networks ask, and the page and tab that answer it by experiment."""

    text: str
    page: str
    tab: str = ""


COMMON_QUESTIONS = (
    CommonQuestion(
        "How can a late layer find faces if the first one only kept edges?", "how_layers_build", "What is left"
    ),
    CommonQuestion("How do edges become shapes?", "how_layers_build", "Edges become shapes"),
    CommonQuestion("Why does a filter span all input channels, and sum them?", "how_layers_build", "One filter"),
    CommonQuestion(
        "How large is what comes out, and how many weights does it take?", "how_layers_build", "Sizes and weights"
    ),
    CommonQuestion("How much of the picture does one position see?", "how_layers_build", "Receptive field"),
    CommonQuestion("Why run all the layers: why not y = j(x)?", "break_the_stack", "y = j(x)?"),
    CommonQuestion("Why the non-linearity?", "break_the_stack", "No activations"),
    CommonQuestion("Why not one wide layer, or several extractors side by side?", "break_the_stack", "Side by side"),
    CommonQuestion("Is the last layer always the best?", "break_the_stack", "All layers"),
    CommonQuestion("Is it so for every network?", "compare"),
    CommonQuestion("What does a layer look at, and is the map to be trusted?", "attributions"),
    CommonQuestion("What does a single channel look for?", "channels"),
    CommonQuestion("Where does the hierarchy come from?", "train_and_watch"),
)


def questions() -> None:
    """Show the questions that people ask, each a way to the experiment that answers it."""
    left, right = st.columns(2, gap="medium")
    half = (len(COMMON_QUESTIONS) + 1) // 2
    for column, asked in ((left, COMMON_QUESTIONS[:half]), (right, COMMON_QUESTIONS[half:])):
        with column:
            for row in asked:
                st.page_link(
                    dashboard_file(f"pages/{row.page}.py"),
                    label=row.text,
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
        if run.status == "running":
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"under_way_{run.id}"):
                st.markdown(f":material/hourglass_top: Being computed: **{escaped(run.name)}**")
                page, query = page_of_run(run.request.experiment, run.id)
                st.page_link(page, label="Watch it", query_params=query)
