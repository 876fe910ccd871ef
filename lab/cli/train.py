"""`feature-lab train`: train a small network here; list and delete what was trained."""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd

from lab.cli import question
from lab.cli.terminal import say, show_json, show_table
from lab.experiments.training.request import TrainRequest
from lab.models import ModelRef
from lab.weights import trained as weights


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    question.options(parser, TrainRequest)
    add = parser.add_argument
    add("--list", action="store_true", help="show what was trained here, and do nothing else")
    add("--forget", metavar="ID@lab:NAME", help="delete trained weights, and do nothing else")


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab train`."""
    if given.list:
        _show_trained(given.json)
    elif given.forget:
        _forget(given.forget)
    else:
        _train(given)


def _train(given: argparse.Namespace) -> None:
    how = question.compute_settings(given)
    run = question.computed_run(question.request_of(given), how, given.out, wait=given.wait)
    question.show(run, given)
    if not given.json:
        model = run.result().manifest["trained"]["model"]
        say(f"Its weights are {model}: `feature-lab probe --model {model}`, `feature-lab ask watch --model {model}`")


def _forget(model: str) -> None:
    ref = ModelRef.parse(model)
    trained, _ = weights.find_trained(ref.id, ref.argument if ref.source.name == "lab" else "")
    weights.forget(trained.id, trained.name)
    say(f"deleted {trained.ref()}")


def _show_trained(as_json: bool) -> None:
    rows = [_row(trained) for trained in weights.list_trained()]
    if as_json:
        show_json(rows)
    elif rows:
        show_table(pd.DataFrame(rows))
    else:
        say("nothing was trained here yet; `feature-lab train` makes the first")


def _row(trained: weights.Trained) -> dict[str, Any]:
    about = trained.about
    return {
        "model": trained.ref(),
        "data": about["request"]["data"],
        "test_accuracy": round(about["test"]["accuracy"], 4),
        "epochs": about["epochs"],
        "seconds": round(about["seconds"], 1),
        "parameters": about["parameters"],
        "checkpoints": len(trained.steps),
    }
