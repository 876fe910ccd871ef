"""`feature-lab clean`, `verify RUN`, `bundle RUN` and `open FILE`: room in the home folder, whether a run is what it
says, and a run taken to another computer."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.cli import question
from lab.cli.terminal import Bars, say, show_json
from lab.errors import LabError
from lab.runs.bundle import open_bundle, write_bundle
from lab.runs.storage import clean, home_size
from lab.runs.store import find_run
from lab.runs.verify import verify
from lab.settings import home
from lab.shortages import amount


def clean_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `clean`."""
    parser.add_argument("--caches", action="store_true", help="empty all caches, downloaded image sets included")
    parser.add_argument("--trash", action="store_true", help="remove all deleted runs for good, also the latest")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def clean_act(given: argparse.Namespace) -> None:
    """Make room in the home folder and show what it holds."""
    freed = clean(caches=given.caches, deleted=given.trash)
    size = home_size()
    if given.json:
        show_json({"home": str(home()), "freed": freed, "total": size.total, "limit": size.limit, "parts": size.parts})
        return
    say(f"Freed {amount(freed)}")
    print(f"{home()}: {size}")


def verify_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `verify`."""
    parser.add_argument("run", help="the run's id, name or folder")
    question.compute_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def verify_act(given: argparse.Namespace) -> None:
    """Compute a run again and say whether every table came out the same; raises LabError when one did not."""
    run, bars = find_run(given.run), Bars()
    try:
        checks = verify(run, question.compute_settings(given), bars)
    finally:
        bars.close()
    differing = [check for check in checks if check.difference]
    if given.json:
        show_json({"run": run.id, "tables": [vars(check) for check in checks]})
    elif not differing:
        print(f"{run.id}: all {len(checks)} tables came out the same, value for value")
    if differing:
        told = "; ".join(f"{check.name} ({check.difference})" for check in differing)
        raise LabError(
            f"run {run.id}: {len(differing)} of {len(checks)} tables came out otherwise: {told}; results repeat at the "
            "same versions and number of threads"
        )


def bundle_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bundle`."""
    parser.add_argument("run", help="the run's id, name or folder")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="the folder to write into (default here)"
    )


def bundle_act(given: argparse.Namespace) -> None:
    """Write a finished run as one zip and print its path."""
    run = find_run(given.run)
    print(write_bundle(run, given.out / f"{run.shown_id}.zip"))


def open_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `open`."""
    parser.add_argument("file", type=Path, help="a zip that `feature-lab bundle` wrote")


def open_act(given: argparse.Namespace) -> None:
    """Put a bundle among the runs of this computer and print the run's id."""
    print(open_bundle(given.file.expanduser()).id)
