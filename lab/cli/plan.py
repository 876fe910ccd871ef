"""`feature-lab plan PLAN.toml`: hours, memory, disk and cost of a sweep, here or on a cluster that is described."""

from __future__ import annotations

import argparse

import pandas as pd

from lab.cli import question
from lab.cli.terminal import Bars, say, show_json, show_table
from lab.encode import text_records
from lab.models.search import quantity
from lab.shortages import amount
from lab.sweeps.folder import plan_named
from lab.sweeps.foresight import Foresight, Resources, foresee, hours_text, refuse

MOST_ROWS = 12
TIMES = {"pass_hours": "passing", "probe_hours": "probing", "hours": "takes", "saved": "saved"}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `plan`."""
    parser.add_argument("plan", metavar="PLAN.toml", help="the plan, or a sweep's id")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="units at once (default: as many as there is room for)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads a unit (default 1)")
    parser.add_argument("--memory", metavar="BYTES", help="of a worker, such as 8G (default: what is left here)")
    parser.add_argument(
        "--disk", metavar="BYTES", help="of the shared home folder, such as 2T (default: what is left here)"
    )
    parser.add_argument("--price", type=float, default=0.0, metavar="P", help="of a worker's hour (default 0)")
    parser.add_argument("--hours", type=float, metavar="H", help="that it may take in all")
    question.compute_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab plan`; exit code 2 for a plan that cannot fit."""
    here = Resources.here(given.workers, given.threads)
    memory, disk = (float(quantity(text)) if text else None for text in (given.memory, given.disk))
    having = Resources(here.workers, memory or here.memory, disk or here.disk, given.price, given.hours)
    bars = Bars()
    try:
        how = question.compute_settings(given)
        found = foresee(plan_named(given.plan), having, compute=how, threads=given.threads, progress=bars)
    finally:
        bars.close()
    show_json(_document(found)) if given.json else _show(found, having)
    refuse(found)


def _show(found: Foresight, having: Resources) -> None:
    total = found["total"].iloc[0]
    units = found["units"].sort_values("pass_hours", ascending=False, kind="stable").head(MOST_ROWS)
    shown = ["network", "images", "layers", "probe", "seed", "passes", "pass_hours", "probe_hours"]
    show_table(_timed(units[shown]))
    show_table(found["images"].round({"smallest": 3, "smallest_of_all": 3}))
    say("smallest: the smallest difference of two accuracies that so many images would show in 8 of 10 cases at 5 %")
    cost = f", cost {total.cost:.2f}" if having.price else ""
    say(
        f"{int(total.units)} unit{'' if total.units == 1 else 's'}, {int(total.passes)} passes: "
        f"{hours_text(total.hours)} of one worker, {hours_text(total.wall_hours)} with {int(total.workers)}{cost}; "
        f"{amount(total.memory)} of memory a worker, {amount(total['disk'])} of disk"
    )
    if len(found["drops"]):
        show_table(_timed(found["drops"]))


def _timed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its hours as people read them."""
    named = {name: new for name, new in TIMES.items() if name in table}
    return table.assign(**{name: table[name].map(hours_text) for name in named}).rename(columns=named)


def _document(found: Foresight) -> dict[str, object]:
    tables = {name: text_records(table) for name, table in found.tables.items()}
    return {"plan": found.plan.as_dict(), "problems": list(found.problems), "tables": tables}
