"""`feature-lab train`: train a small network here; list and delete what was trained."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from lab.cli.ask import document
from lab.cli.probe import compute_options, compute_settings, computed_run
from lab.cli.terminal import say, show_json, show_table
from lab.experiments.training.request import TrainRequest
from lab.models import ModelRef
from lab.weights import trained as weights


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `train`."""
    usual = TrainRequest()
    add = parser.add_argument
    add("--model", default=usual.model, metavar="ID", help=f"a timm architecture (default {usual.model})")
    add("--data", default=usual.data, metavar="NAME|FOLDER|ZIP", help=f"images to learn from (default {usual.data})")
    add("--per-class", type=int, default=usual.per_class, metavar="N", help="at most N images a class (default 700)")
    add("--size", type=int, default=usual.size, metavar="PIXELS", help="side of the images (default 96)")
    add("--epochs", type=int, default=0, metavar="N", help="epochs at most (default: the recipe's)")
    add("--rate", type=float, default=0.0, help="the highest learning rate (default: the recipe's)")
    add("--enough", type=float, default=usual.enough, help="validation accuracy that is enough to stop (default 0.98)")
    add("--seed", type=int, default=0, help="moves first weights, split and order (default 0)")
    add("--name", default="", help="the weights will be lab:NAME (default: named after the images)")
    compute_options(parser)
    add("--out", type=Path, metavar="DIR", help="the run's folder (default: among all runs)")
    add("--json", action="store_true", help="print one JSON document")
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
    names = ("model", "data", "per_class", "size", "epochs", "rate", "enough", "seed", "name")
    request = TrainRequest(**{name: getattr(given, name) for name in names})
    run = computed_run(request, compute_settings(given), given.out)
    result = run.result()
    if given.json:
        show_json(document(run, result))
        return
    for sentence in result.manifest["findings"]:
        print(sentence)
    model = result.manifest["trained"]["model"]
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
