"""A question of the registry on the command line: its options are its request's fields, its answer is printed in words.

`feature-lab ask QUESTION` asks any; questions with a command of their own (`probe`, `compare`, `train`, …) use the
same functions and add what is theirs.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from lab.cli.terminal import Bars, say, show_json, show_table
from lab.encode import NOT_TEXT, strict, text_records
from lab.errors import BeingComputed, LabError, nearest
from lab.experiments.base import Request, type_name
from lab.experiments.nicknames import nicknames_in, renamed
from lab.experiments.number_text import about_ranges
from lab.experiments.result import Result
from lab.names import names_in
from lab.registry import EXPERIMENTS, experiment_named
from lab.runs import jobs
from lab.runs.queue import waiting_turn
from lab.runs.store import RunFolder, open_run
from lab.settings import MOST_BATCH, Compute

MOST_ROWS = 40
AUTO = "auto"
POLL_SECONDS = 1.0


def ask_options(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per question."""
    rows = parser.add_subparsers(dest="question", metavar="QUESTION", required=True)
    for experiment in EXPERIMENTS.values():
        row = rows.add_parser(
            experiment.name, aliases=experiment.aliases, help=experiment.question, description=experiment.question
        )
        options(row, experiment.request_type)


def options(
    parser: argparse.ArgumentParser,
    kind: type[Request],
    also: Mapping[str, str] | None = None,
    out: str = "the run's folder (default: among all runs)",
) -> None:
    """Add the options of a question: its request's fields, how to compute, where it is written, what is printed.

    `also` gives fields a second option: option -> field.
    """
    for field in dataclasses.fields(kind):
        _add_field(parser, field)
    for name, field_name in (also or {}).items():
        parser.add_argument(
            f"--{name}",
            dest=field_name,
            default=argparse.SUPPRESS,
            help=f"the same as --{field_name.replace('_', '-')}",
        )
    compute_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help=out)
    parser.add_argument(
        "--wait", action="store_true",
        help="wait for a turn behind the runs that are under way, and for another process that computes this very run",
    )  # fmt: skip
    parser.add_argument("--table", metavar="NAME", help="print this table of the run as well")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(question=kind.experiment)


def compute_options(parser: argparse.ArgumentParser) -> None:
    """Add the options on how to compute."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    parser.add_argument(
        "--batch-size", default=AUTO, metavar="N",
        help="images a forward pass (default auto: 16 on a CPU, elsewhere as many as are quickest)",
    )  # fmt: skip
    code_option(parser)


def label_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that gives networks nicknames; they change what is shown, not what is asked."""
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME=MODEL",
        help="call a network NAME in tables, sentences and charts; more than once",
    )  # fmt: skip


def code_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that lets code of the user's own be run."""
    parser.add_argument(
        "--allow-code", action="append", default=[], metavar="FILE",
        help="run this Python file where a network is named module:FILE:FUNCTION; more than once (default: no code)",
    )  # fmt: skip


def compute_settings(given: argparse.Namespace) -> Compute:
    """Return how to compute, from the options."""
    asked: str = given.batch_size
    if asked != AUTO and (not asked.isdecimal() or int(asked) == 0):  # 0 is what auto is within
        raise LabError(f"batch size is {asked}; it must be {AUTO}, or from 1 to {MOST_BATCH}")
    return Compute(given.device, 0 if asked == AUTO else int(asked))


def act(given: argparse.Namespace) -> None:
    """Ask the question that was given and print the answer."""
    run = computed_run(request_of(given), compute_settings(given), given.out, wait=given.wait)
    show(run, given)


def request_of(given: argparse.Namespace) -> Request:
    """Return the request that the options describe."""
    kind = experiment_named(given.question).request_type
    values = {field.name: getattr(given, field.name) for field in dataclasses.fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def computed_run(request: Request, how: Compute, folder: Path | None = None, *, wait: bool = False) -> RunFolder:
    """Return the finished run of `request`, computed here and now unless its result is there already.

    A new run whose input cannot be used leaves nothing among the runs: the error says all there is. With `wait` it
    takes its turn as the runs of pages do, and waits for a process that is at it already; else BeingComputed is raised.
    """
    run = open_run(request.canonical(), folder)
    new = run.status == "new" and folder is None
    if run.status == "finished":
        say(f"Already computed: {run.path}")
        return run
    bars = Bars()
    try:
        with waiting_turn(bars, run.name) if wait else nullcontext():
            _compute(run, how, bars, wait)
    except LabError as error:
        if new and not isinstance(error, BeingComputed):
            run.discard()
        raise
    finally:
        bars.close()
    say(f"Kept in {run.path}")
    return run


def _compute(run: RunFolder, how: Compute, bars: Bars, wait: bool) -> None:
    while True:
        try:
            return jobs.compute(run, how, bars)  # does nothing when it was finished elsewhere
        except BeingComputed:
            if not wait:
                raise
            bars("Waiting for the process that computes this run", 0, 1, "runs")
            time.sleep(POLL_SECONDS)


def show(run: RunFolder, given: argparse.Namespace) -> None:
    """Print what a run found: one JSON document, or its findings and the table that was asked for."""
    result = renamed(run.result(), nicknames_in(getattr(given, "label", [])))
    if given.json:
        show_json(document(run, result))
        return
    for sentence in (*result.findings, about_ranges(result.findings)):
        if sentence:
            print(sentence)
    if given.table:
        print()
        show_table(_readable(result, given.table))


def document(run: RunFolder, result: Result) -> dict[str, Any]:
    """Return what `--json` prints: the request, the findings and the tables that are text."""
    return {
        "run": run.id,
        "request": result.request.as_dict(),
        "findings": result.findings,
        "problems": strict(result.manifest.get("problems", [])),
        "notes": strict(result.manifest.get("notes", [])),
        "tables": {name: text_records(table) for name, table in result.tables.items()},
    }


def _add_field(parser: argparse.ArgumentParser, field: dataclasses.Field[Any]) -> None:
    """Add the option of a request's field."""
    about = field.metadata.get("about", "")
    repeated, known, choices = (field.metadata.get(key) for key in ("repeated", "known", "choices"))
    more: dict[str, Any] = {"type": _type_of(field), "metavar": field.name.upper()}
    default: Any = "" if field.default in (None, "", ()) else field.default
    if choices:
        more = {"choices": choices}
    elif type_name(field) == "bool":
        more = {"type": _yes_no, "metavar": "yes|no"}
        default = "yes" if field.default else "no"
    elif repeated:
        more = {"action": _Several, "metavar": repeated.upper(), "dest": field.name}
        default = " ".join(default)
    elif isinstance(field.default, tuple):
        more = {"action": _Several, "type": _names_of(known or ()), "metavar": "all|none|A,B" if known else "A,B"}
        about += f": {', '.join(known)}" if known else ""
        default = "all" if default and default == known else ",".join(default)
    text = f"{about} (default {default})" if default != "" else about
    name = (repeated or field.name).replace("_", "-")
    parser.add_argument(f"--{name}", default=field.default, help=text.replace("%", "%%"), **more)


class _Several(argparse.Action):
    """Collect an option that is given once for each member of a list, or for several, in the place of the default."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        so_far, more = getattr(namespace, self.dest), values if isinstance(values, tuple) else (values,)
        setattr(namespace, self.dest, [*(so_far if isinstance(so_far, list) else ()), *more])


def _names_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def names(text: str) -> tuple[str, ...]:
        whole = {"all": known, "none": ()} if known else {}
        return whole.get(text, names_in(text))

    return names


def _type_of(field: dataclasses.Field[Any]) -> Callable[[str], Any]:
    return {"int": int, "int | None": int, "float": float}.get(type_name(field), str)


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
