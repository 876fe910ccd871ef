"""What the five arrangements showed, in sentences that follow the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lab.experiments.width_vs_depth.tasks import ORIENTATION, TASKS

SINGLE = ("wide", "parallel")
SOLVED = 0.9
NEAR = 0.1  # above chance; intervals of two seeds are so wide that they may hold chance at any accuracy


def findings(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return what the tables show, a sentence each, the answer first."""
    names = {str(row.network): str(row.title) for row in tables["networks"].itertuples()}
    tasks = list(tables["leads"]["task"].unique())
    said = [_altogether(tables["leads"], tasks)]
    said += [_task(task, tables, names) for task in tasks if task != ORIENTATION]
    if ORIENTATION in tasks:
        said.append(_orientation(tables, names))
    return [*said, _linear(tables)]


def _final(tables: Mapping[str, pd.DataFrame], task: str) -> dict[str, Any]:
    """Return the rows of `summary` at the end of training by network."""
    table = tables["summary"]
    here = table[(table["task"] == task) & (table["seen"] == table["seen"].max())]
    return {str(row.network): row for row in here.itertuples()}


def _task(task: str, tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> str:
    final = _final(tables, task)
    best = max((name for name in final if name != "stack"), key=lambda name: float(final[name].accuracy))
    leads = tables["leads"]
    lead = leads[(leads["task"] == task) & (leads["network"] == best)].iloc[0]
    return (
        f"To tell {TASKS[task]}: the stack {final['stack'].accuracy:.2f}, the best other, {names[best]}, "
        f"{final[best].accuracy:.2f}; {_compared(lead)}."
    )


def _orientation(tables: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> str:
    final = _final(tables, ORIENTATION)
    single = max(SINGLE, key=lambda name: float(final[name].accuracy))
    leads = tables["leads"]
    lead = leads[(leads["task"] == ORIENTATION) & (leads["network"] == single)].iloc[0]
    able = "whether a single layer is enough is not settled"
    if final[single].ci_low > SOLVED:
        able = "a single layer is enough"
    elif all(final[name].ci_high < SOLVED for name in SINGLE):
        able = "no single layer has solved even this"
    return (
        f"To tell {TASKS[ORIENTATION]}, {able}: {names[single]} {final[single].accuracy:.2f}, the stack "
        f"{final['stack'].accuracy:.2f}; {_compared(lead)}."
    )


def _linear(tables: Mapping[str, pd.DataFrame]) -> str:
    table = tables["summary"]
    last = table[(table["seen"] == table["seen"].max()) & (table["network"] == "linear")]
    above = last[last["ci_low"] > last["chance"]]
    if above.empty and (last["ci_high"] <= last["chance"] + NEAR).all():
        return (
            f"Without activations the stack stays at chance, to within {NEAR:.1f}, in every task: no more than one "
            "layer."
        )
    if above.empty:
        highest = last["accuracy"].max()
        return f"Without activations the stack is not shown to beat chance in any task (highest {highest:.2f})."
    tasks = ", ".join(str(name) for name in above["task"])
    return (
        f"Without activations the stack is above chance in {len(above)} of {len(last)} tasks ({tasks}): there a linear "
        "map is enough for something."
    )


def _altogether(leads: pd.DataFrame, tasks: list[str]) -> str:
    """Count the tasks in which the stack leads every single-layer network beyond its interval."""
    wins, hard = [], [task for task in tasks if task != ORIENTATION]
    for task in hard:
        here = leads[(leads["task"] == task) & leads["network"].isin(SINGLE)]
        if (here["ci_low"] > 0).all():
            wins.append(task)
    if not hard:
        return "Only a task that one layer can solve was asked, so nothing is said of stacking."
    if len(wins) == len(hard):
        return "At equal size and training, stacked layers beat a single one in every task of joined parts."
    if not wins:
        return "At this size and training no advantage of stacked layers over a single one is shown."
    return (
        f"At equal size and training, stacked layers beat a single one in {len(wins)} of {len(hard)} tasks of joined "
        f"parts ({', '.join(wins)})."
    )


def _compared(lead: pd.Series) -> str:
    interval = f"{lead.lead:+z.2f}, {lead.ci_low:+z.2f} to {lead.ci_high:+z.2f}"
    if lead.ci_low > 0:
        return f"the stack is ahead ({interval})"
    if lead.ci_high < 0:
        return f"the stack is behind ({interval})"
    return f"no difference is shown ({interval})"
