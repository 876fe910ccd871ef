"""`feature-lab selfcheck`: systems whose right answer is known, through the lab's own pipeline, as a table."""

from __future__ import annotations

import argparse

import pandas as pd

from lab.cli.terminal import Bars, say, show_json, show_table
from lab.selfcheck.certificate import certificate_file, certify

SHOWN = ("passed", "name", "expected", "found")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `selfcheck`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab selfcheck`; exits with 1 when an answer is not the known one."""
    bars = Bars()
    try:
        found = certify(progress=bars)
    finally:
        bars.close()
    if given.json:
        show_json(found.as_dict())
    else:
        rows = [{**row.as_dict(), "passed": "yes" if row.passed else "NO"} for row in found.rows]
        show_table(pd.DataFrame(rows)[list(SHOWN)])
    failed = sum(not row.passed for row in found.rows)
    seconds = sum(row.seconds for row in found.rows)
    say(f"{len(found.rows) - failed} of {len(found.rows)} passed in {seconds:.0f} s; kept in {certificate_file()}")
    if not found.passed:
        raise SystemExit(1)
