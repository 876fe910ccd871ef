"""`feature-lab compare RUN RUN… | --model A --model B`: networks side by side on the same images."""

from __future__ import annotations

import argparse

from lab.cli import probe
from lab.cli.ask import document
from lab.cli.terminal import say, show_json, show_table
from lab.errors import LabError
from lab.experiments.base import Result
from lab.experiments.comparison.request import CompareRequest, comparison_of
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
    """Add the runs, or the same options as those of a probe run."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="probe runs on the same images (id, name or folder)")
    probe.options(parser)
    parser.set_defaults(controls=",".join(CompareRequest().controls))


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab compare`."""
    run = probe.computed_run(_request(given), probe.compute_settings(given), given.out)
    result = run.result()
    if given.json:
        show_json(document(run, result))
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


def _request(given: argparse.Namespace) -> CompareRequest:
    if not given.runs:
        return CompareRequest(models=tuple(given.model or ()), **probe.fields(given))
    if given.model:
        raise LabError("name runs or models, not both: a run brings its own models")
    asked: list[ProbeRequest] = []
    for name in given.runs:
        request = find_run(name).request
        if not isinstance(request, ProbeRequest):
            raise LabError(f"run {name!r} answers another question ({request.experiment}); name probe runs")
        asked.append(request)
    return comparison_of(asked)
