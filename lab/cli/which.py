"""`feature-lab which PLAN_OR_SWEEP --data NEW`: the best layer among a plan's networks for images that are new."""

from __future__ import annotations

import argparse
from dataclasses import replace

from lab.cli import question
from lab.cli.terminal import say, show_table
from lab.errors import LabError
from lab.experiments.nicknames import nicknames_in, renamed
from lab.experiments.result import Result
from lab.experiments.which.request import WhichRequest
from lab.sweeps.folder import plan_named

SHOWN = {
    "model": "model", "layer": "layer", "accuracy": "accuracy", "ci_low": "from", "ci_high": "to",
    "behind": "behind", "as_good": "as good", "ms": "ms an image", "gflops": "GFLOPs", "frontier": "frontier",
}  # fmt: skip


def options(parser: argparse.ArgumentParser) -> None:
    """Add the plan, or the options of a search."""
    parser.add_argument(
        "plan", nargs="?", metavar="PLAN_OR_SWEEP", help="a plan, or a sweep's id: its networks and layers are searched"
    )
    question.options(parser, WhichRequest)
    question.label_option(parser)
    parser.add_argument(
        "--no-speed", action="store_false", dest="speed", default=argparse.SUPPRESS, help="the same as --speed no"
    )


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab which`."""
    run = question.computed_run(_request(given), question.compute_settings(given), given.out, wait=given.wait)
    if given.json or given.table:
        question.show(run, given)
        return
    show(renamed(run.result(), nicknames_in(given.label)))


def show(result: Result) -> None:
    """Print one row per layer that was confirmed, the best first, then what was found."""
    table = result["confirmed"].sort_values("accuracy", ascending=False, kind="stable")
    show_table(table[list(SHOWN)].rename(columns=SHOWN).round(3))
    print()
    for sentence in result.findings:
        print(sentence)
    for problem in result.manifest["problems"]:
        say(f"Mind: {problem}")


def _request(given: argparse.Namespace) -> WhichRequest:
    request = question.request_of(given)
    assert isinstance(request, WhichRequest)
    if given.plan is None:
        return request
    if given.models != WhichRequest().models:
        raise LabError("name a plan or models, not both: a plan brings its own networks")
    plan = plan_named(given.plan)
    own = plan.layers[0] if len(plan.layers) == 1 else request.layers
    layers = own if request.layers == WhichRequest().layers else request.layers
    return replace(request, models=plan.networks, layers=layers)
