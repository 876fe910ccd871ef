"""`feature-lab compare RUN RUN… | --model A --model B`: networks side by side on the same images."""

from __future__ import annotations

import argparse
from dataclasses import replace

from lab.cli import question
from lab.cli.terminal import say, show_json, show_table
from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.comparison.request import CompareRequest, comparison_of
from lab.experiments.nicknames import nicknames_in, renamed
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import split_text
from lab.runs.store import find_run

SHOWN = {
    "model": "model",
    "best_layer": "best layer",
    "accuracy": "accuracy",
    "emergence": "apart at",
    "gflops": "GFLOPs",
    "parameters": "parameters",
    "images_per_second": "images/s",
    "cut_layer": "smallest good cut",
    "cut_accuracy": "its accuracy",
    "cut_gflops": "its GFLOPs",
}


def options(parser: argparse.ArgumentParser) -> None:
    """Add the runs, or the options of a comparison."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="probe runs on the same images (id, name or folder)")
    question.options(parser, CompareRequest)
    question.label_option(parser)
    parser.add_argument(
        "--no-speed", action="store_false", dest="speed", default=argparse.SUPPRESS, help="the same as --speed no"
    )


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab compare`."""
    run = question.computed_run(_request(given), question.compute_settings(given), given.out, wait=given.wait)
    result = renamed(run.result(), nicknames_in(given.label))
    if given.json:
        show_json(question.document(run, result))
    else:
        show(result)


def show(result: Result) -> None:
    """Print one row per network, then what was found."""
    table = result["models"][list(SHOWN)].rename(columns=SHOWN)
    show_table(table.round(3))
    print()
    for sentence in result.manifest["findings"]:
        print(sentence)
    print(f"\n{split_text(result['splits'])}")
    for problem in result.manifest["problems"]:
        say(f"Mind: {problem}")


def _request(given: argparse.Namespace) -> Request:
    if not given.runs:
        return question.request_of(given)
    if given.models != CompareRequest().models:
        raise LabError("name runs or models, not both: a run brings its own models")
    asked: list[ProbeRequest] = []
    for name in given.runs:
        request = find_run(name).request
        if not isinstance(request, ProbeRequest):
            raise LabError(f"run {name!r} answers another question ({request.experiment}); name probe runs")
        asked.append(request)
    return replace(comparison_of(asked), speed=given.speed)
