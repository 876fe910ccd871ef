"""`feature-lab sweep PLAN.toml`: networks × image sets × layers × probes × seeds, on this machine or a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from lab.cli import question
from lab.cli.terminal import Bars, say, show_json, show_table
from lab.encode import as_csv, text_records
from lab.export.atlas import atlas_html
from lab.files import write_bytes, write_json
from lab.runs.tables import write_tables
from lab.sweeps.drive import Sweep, sweep
from lab.sweeps.engines import ENGINES
from lab.sweeps.folder import list_sweeps, plan_named
from lab.sweeps.plan import Plan
from lab.sweeps.tables import sweep_tables


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `sweep`."""
    parser.add_argument("plan", nargs="?", metavar="PLAN.toml", help="the plan, or a sweep's id; without: list sweeps")
    engine_options(parser)
    question.compute_options(parser)
    parser.add_argument("--show", action="store_true", help="compute nothing, show what is there")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the tables there, as Parquet and CSV")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write its atlas there, one file that opens offline")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def engine_options(parser: argparse.ArgumentParser) -> None:
    """Add what computes units, and how many at once."""
    about = "; ".join(f"{name}: {row.about}" for name, row in ENGINES.items())
    parser.add_argument("--engine", default="local", metavar="|".join(ENGINES), help=f"{about} (default local)")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="units at once (default: as many as there is room for)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads a unit (default 1)")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab sweep`."""
    if given.plan is None:
        _list(given.json)
        return
    plan = plan_named(given.plan)
    found = Sweep(plan, sweep_tables(plan)) if given.show else _computed(plan, given)
    if given.out:
        _write(found, given.out)
    if given.html:
        write_bytes(given.html, atlas_html(plan, found.tables).encode())
        say(f"Written to {given.html}")
    show_json(_document(found)) if given.json else _show(found)


def _computed(plan: Plan, given: argparse.Namespace) -> Sweep:
    bars = Bars()
    how = question.compute_settings(given)
    try:
        return sweep(
            plan, engine=given.engine, workers=given.workers, threads=given.threads, compute=how, progress=bars
        )
    finally:
        bars.close()


def _show(found: Sweep) -> None:
    show_table(found["coverage"])
    lost = found.set_aside.query("reason != ''")
    for (network, images, status, reason), own in lost.groupby(["network", "images", "status", "reason"], sort=False):
        say(f"{len(own)} unit{'s' * (len(own) > 1)} {status}: {network} on {images}: {reason}")
    say(f"{found.finished} of {len(found['units'])} units are finished; {found.plan.id}, tables {found.digest[:12]}")


def _document(found: Sweep) -> dict[str, object]:
    return {
        "sweep": found.plan.id,
        "plan": found.plan.as_dict(),
        "finished": found.finished,
        "planned": len(found["units"]),
        "digest": found.digest,
        "failures": dict(found.failures),
        "tables": {name: text_records(table) for name, table in found.tables.items()},
    }


def _write(found: Sweep, folder: Path) -> None:
    about = write_tables(folder, found.tables)
    for name, table in found.tables.items():
        write_bytes(folder / f"{name}.csv", as_csv(table))
    write_json(folder / "sweep.json", {"sweep": found.plan.id, "plan": found.plan.as_dict(), **about})
    say(f"Written to {folder}")


def _list(as_json: bool) -> None:
    rows = []
    for plan in list_sweeps():
        found = Sweep(plan, sweep_tables(plan))
        rows.append({"sweep": plan.id, "name": plan.name, "finished": found.finished, "planned": len(plan.units)})
    if as_json:
        show_json(rows)
    elif rows:
        show_table(pd.DataFrame(rows))
    else:
        say("no sweeps yet; `feature-lab sweep PLAN.toml` makes the first")
