"""`feature-lab ask QUESTION`: every question of the registry that is asked by fields, without a line of its own here.

Options, their help and their limits are the request's fields (`lab.experiments.request`); the answer is what the run
found in words, with its tables by `--table` and everything by `--json`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.cli.probe import compute_options, compute_settings, computed_run
from lab.cli.terminal import show_json, show_table
from lab.encode import NOT_TEXT, records, strict
from lab.errors import LabError, nearest
from lab.experiments.base import Result
from lab.experiments.request import OptionsRequest
from lab.registry import EXPERIMENTS, experiment_named
from lab.registry.row import Experiment
from lab.runs.store import RunFolder

MOST_ROWS = 40


def options(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per question."""
    rows = parser.add_subparsers(dest="question", metavar="QUESTION", required=True)
    for experiment in questions():
        row = rows.add_parser(
            experiment.name, aliases=experiment.aliases, help=experiment.question, description=experiment.question
        )
        for field in dataclasses.fields(experiment.request_type):
            add_field(row, field)
        compute_options(row)
        output_options(row)


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab ask`."""
    kind = experiment_named(given.question).request_type
    request = kind(**{field.name: getattr(given, field.name) for field in dataclasses.fields(kind)})
    run = computed_run(request, compute_settings(given), given.out)
    result = run.result()
    if given.json:
        show_json(document(run, result))
        return
    for sentence in result.manifest["findings"]:
        print(sentence)
    if given.table:
        print()
        show_table(_readable(result, given.table))


def questions() -> tuple[Experiment, ...]:
    """Return the experiments that are asked by fields."""
    return tuple(row for row in EXPERIMENTS.values() if issubclass(row.request_type, OptionsRequest))


def document(run: RunFolder, result: Result) -> dict[str, Any]:
    """Return what `--json` prints: the request, the findings and the tables that are text."""
    tables = {
        name: records(table.drop(columns=[c for c in NOT_TEXT if c in table])) for name, table in result.tables.items()
    }
    return {
        "run": run.id,
        "request": result.request.as_dict(),
        "findings": result.manifest["findings"],
        "problems": strict(result.manifest.get("problems", [])),
        "tables": tables,
    }


def output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options on where the run is kept and what is printed."""
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: among all runs)")
    parser.add_argument("--table", metavar="NAME", help="print this table of the run as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def add_field(parser: argparse.ArgumentParser, field: dataclasses.Field[Any]) -> None:
    """Add the option of a request's field."""
    default = "" if field.default in (None, "") else f" (default {field.default})"
    more: dict[str, Any] = {"choices": field.metadata["choices"]} if field.metadata.get("choices") else {}
    if field.type == "bool":
        more = {"type": _yes_no, "metavar": "yes|no"}
    elif "choices" not in more:
        more = {"type": _type_of(field), "metavar": field.name.upper()}
    about = f"{field.metadata.get('about', '')}{default}".replace("%", "%%")
    parser.add_argument(f"--{field.name.replace('_', '-')}", default=field.default, help=about, **more)


def _type_of(field: dataclasses.Field[Any]) -> Callable[[str], Any]:
    return {"int": int, "int | None": int, "float": float}.get(str(field.type), str)


def _yes_no(text: str) -> bool:
    known = {"yes": True, "true": True, "no": False, "false": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither yes nor no")
    return known[text.lower()]


def _readable(result: Result, name: str) -> Any:
    if name not in result.tables:
        raise LabError(
            f"this run has no table {name!r}{nearest(name, result.tables)}; it has: {', '.join(result.tables)}"
        )
    table = result.tables[name]
    shown = table.drop(columns=[column for column in NOT_TEXT if column in table])
    return shown.head(MOST_ROWS)
