"""`feature-lab`: one row per command. Answers go to stdout, everything else to stderr.

Exit codes: 0 done, 1 `selfcheck` found another answer than the known one or `check` a network that is worse, 2 bad
arguments or input (one sentence on stderr), 3 `check` cannot tell, 130 interrupted; a traceback is a defect.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.cli import (
    attribute,
    check,
    commands,
    compare,
    export_backbone,
    ladder,
    plan,
    probe,
    question,
    selfcheck,
    shards,
    storage,
    sweep,
    train,
    visualize,
    which,
)
from lab.errors import LabError, nearest
from lab.registry import EXPERIMENTS
from lab.settings import home
from lab.shortages import shortage
from lab.weights.own_code import code_allowed


@dataclass(frozen=True)
class Command:
    """A row of the table: its name, one line of help, what adds its options and what carries it out."""

    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], None]
    act: Callable[[argparse.Namespace], None]


COMMANDS = (
    Command(
        "demo",
        "compute the default experiment, show it, open the dashboard on it",
        commands.demo_options,
        commands.demo,
    ),
    Command("app", "open the dashboard", commands.app_options, commands.app),
    Command("models", "search the networks that can be loaded", commands.models_options, commands.models),
    Command("layers", "show the layers of a network", commands.layers_options, commands.layers),
    Command("probe", "measure at which layer the classes come apart", probe.options, probe.act),
    Command("train", "train a small network here, to be used as ID@lab:NAME", train.options, train.act),
    Command("compare", "compare networks on the same images, layer by layer", compare.options, compare.act),
    Command("check", "say whether a new network is no worse than the one before, for CI", check.options, check.act),
    Command("ladder", "measure at which depth each level of vision becomes readable", ladder.options, question.act),
    Command("plan", "say what a sweep will take, and refuse what cannot fit", plan.options, plan.act),
    Command("sweep", "probe many networks on many image sets, here or on a cluster", sweep.options, sweep.act),
    Command("shards", "pass the shards of one image set, here or on a cluster", shards.options, shards.act),
    Command("which", "find the best layer among many networks for new images", which.options, which.act),
    Command("ask", "ask how layers build on layers, question by question", question.ask_options, question.act),
    Command(
        "attribute",
        "map what each layer of a network looks at in a picture, with checks",
        attribute.attribute_options,
        attribute.attribute,
    ),
    Command(
        "attribution-score",
        "measure which methods find what really differs, on drawn pictures",
        attribute.score_options,
        question.act,
    ),
    Command("visualize", "optimise images that channels respond to, and write them", visualize.options, visualize.act),
    Command("runs", "list, rename, tag, delete, restore or cancel runs", commands.runs_options, commands.runs),
    Command("verify", "compute a run again and compare its tables", storage.verify_options, storage.verify_act),
    Command("bundle", "write a run as one zip for another computer", storage.bundle_options, storage.bundle_act),
    Command("open", "open a zip that `bundle` wrote", storage.open_options, storage.open_act),
    Command("clean", "make room in the lab's home folder", storage.clean_options, storage.clean_act),
    Command(
        "export",
        "write a run as CSV, Parquet, JSON or an HTML report",
        commands.export_options,
        commands.export,
    ),
    Command(
        "export-backbone",
        "write a network cut at a layer, with its probe, to take along",
        export_backbone.options,
        export_backbone.act,
    ),
    Command(
        "selfcheck",
        "put systems with a known answer through the lab and show which come out right",
        selfcheck.options,
        selfcheck.act,
    ),
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise LabError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from importlib.metadata import version

    top = _Parser(prog="feature-lab", description="See what each layer of a vision network knows.")
    top.add_argument("--version", action="version", version=version("feature-hierarchy-lab"))
    rows = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        row = rows.add_parser(command.name, help=command.help, description=f"{command.help.capitalize()}.")
        command.options(row)
        row.set_defaults(act=command.act)
        _own_help(row)
    return top


def _own_help(parser: argparse.ArgumentParser) -> None:
    """Let every command know its own parser: the help that answers a misspelt option is that of the innermost."""
    parser.set_defaults(parser=parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _own_help(inner)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; raises LabError naming the first that there is not, and those that are near."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] not in [row.name for row in COMMANDS] and words[0].replace("-", "_") in EXPERIMENTS:
        question = words[0].replace("-", "_")
        raise LabError(f"{words[0]} is no command but a question; write `feature-lab ask {question}`")
    given, unknown = parser().parse_known_args(arguments)
    if not unknown:
        return given
    own: argparse.ArgumentParser = given.parser
    options = [option for action in own._actions for option in action.option_strings]
    what = unknown[0].partition("=")[0]
    kind = "option" if what.startswith("-") else "argument"
    raise LabError(f"{own.prog} has no {kind} {what}{nearest(what, options)}; see `{own.prog} --help`")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return its exit code."""
    try:
        given = _parsed(arguments)
        with code_allowed(getattr(given, "allow_code", ())):
            _check_places(given)
            given.act(given)
    except LabError as error:
        print(f"feature-lab: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (`| head`) has gone; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        told = shortage(error) or _told(error)
        if told is None:
            raise
        print(f"feature-lab: {told}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("feature-lab: interrupted; the same command goes on from what was finished", file=sys.stderr)
        return 130
    return 0


def _check_places(given: argparse.Namespace) -> None:
    """Raise LabError for a place to write to that cannot be one: before the work, not after it."""
    out, html = getattr(given, "out", None), getattr(given, "html", None)
    if html and html.is_dir():
        raise LabError(f"--html {html} is a folder; name a file, such as {html / 'atlas.html'}")
    for option, place, folder in (("--out", out, out), ("--html", html, html and html.parent)):
        if folder is None:
            continue
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise LabError(f"{option} {place}: {there} is a file; name a folder, or a place in one")
        if not os.access(there, os.W_OK | os.X_OK):
            raise LabError(f"{option} {place}: you may not write to {there}; name another folder")


def _told(error: Exception) -> str | None:
    """Return the sentence for a file that could not be read or written, None for what is a defect."""
    if not isinstance(error, OSError) or error.filename is None:
        return None
    told = f"{error.filename}: {error.strerror}"
    path, own = Path(os.fsdecode(error.filename)).absolute(), home().absolute()
    if path.is_relative_to(own) or own.is_relative_to(path):
        return f"{told}; the lab's files are in {own}, FEATURE_LAB_HOME names another folder"
    return told
