"""`feature-lab probe`: ask, compute in this process, show the table and the verdict."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from lab.cli.terminal import Bars, say, show_json, show_table
from lab.encode import records
from lab.errors import BeingComputed, LabError
from lab.experiments.base import Request, Result
from lab.experiments.separability.request import CONTROLS, DEFAULT_DATA, DEFAULT_MODEL, ProbeRequest, parted
from lab.experiments.separability.split_notes import split_text
from lab.runs import jobs
from lab.runs.store import RunFolder, open_run
from lab.settings import Compute


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a `ProbeRequest`, and how to compute and show it."""
    default = ProbeRequest()
    add = parser.add_argument
    add(
        "--model",
        action="append",
        metavar="ID[@WEIGHTS]",
        help=f"a timm model; more than once to compare (default {DEFAULT_MODEL})",
    )
    add(
        "--data",
        default=DEFAULT_DATA,
        metavar="NAME|FOLDER|ZIP",
        help="images: a set's name, or a folder or zip with one folder a class",
    )
    add("--classes", default="", metavar="A,B", help="only these classes; quote a name that holds a comma")
    add("--per-class", type=int, metavar="N", help="at most N images a class")
    add(
        "--layers",
        default=default.layers,
        metavar="stages|blocks|NAME,…",
        help="which layers (default blocks)",
    )
    add(
        "--pooling",
        default=default.pooling,
        help="avg, max, avg+max, cls or a grid such as 2x2 (default avg)",
    )
    add(
        "--controls",
        default="all",
        metavar="all|none|A,B",
        help=f"controls beside chance: {', '.join(CONTROLS)}",
    )
    add("--folds", type=int, default=default.folds, help="folds of the cross-validation (default 5)")
    add(
        "--repeats",
        type=int,
        default=default.repeats,
        help="how often it is repeated with other folds (default 3)",
    )
    add(
        "--seed",
        type=int,
        default=default.seed,
        help="moves folds and shuffled labels (default 0)",
    )
    add(
        "--groups",
        default=default.groups,
        metavar="auto|none|CSV",
        help="images that never straddle a split: copies as found (default auto), none, or a table file_name,group",
    )
    compute_options(parser)
    add("--out", type=Path, metavar="DIR", help="the run's folder (default: among all runs)")
    add("--json", action="store_true", help="print one JSON document")


def compute_options(parser: argparse.ArgumentParser) -> None:
    """Add the options on how to compute."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    parser.add_argument(
        "--batch-size", type=int, default=Compute().batch_size, help="images a forward pass (default 16)"
    )


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab probe`."""
    request = ProbeRequest(models=tuple(given.model or (DEFAULT_MODEL,)), **fields(given))
    run = computed_run(request, compute_settings(given), given.out)
    show_json(document(run.id, run.result())) if given.json else show(run)


def fields(given: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a `ProbeRequest` beside the models, from the options."""
    return {
        "data": given.data,
        "classes": parted(given.classes),
        "per_class": given.per_class,
        "layers": given.layers,
        "pooling": given.pooling,
        "controls": {"all": tuple(CONTROLS), "none": ()}.get(given.controls, parted(given.controls)),
        "folds": given.folds,
        "repeats": given.repeats,
        "seed": given.seed,
        "groups": given.groups,
    }


def compute_settings(given: argparse.Namespace) -> Compute:
    """Return how to compute, from the options."""
    return Compute(given.device, given.batch_size)


def computed_run(request: Request, how: Compute, folder: Path | None = None) -> RunFolder:
    """Return the finished run of `request`, computed here and now unless its result is there already.

    A new run whose input cannot be used leaves nothing among the runs: the error says all there is.
    """
    run = open_run(request.canonical(), folder)
    new = run.status == "new" and folder is None
    if run.status == "finished":
        say(f"Already computed: {run.path}")
        return run
    bars = Bars()
    try:
        jobs.compute(run, how, bars)
    except LabError as error:
        if new and not isinstance(error, BeingComputed):
            run.delete()
        raise
    finally:
        bars.close()
    say(f"Kept in {run.path}")
    return run


def show(run: RunFolder) -> None:
    """Print a finished run's table and verdict."""
    result = run.result()
    for model, layers in _by_model(result.tables["summary"]):
        print(f"\n{model} on {result.request.as_dict()['data']}\n")
        show_table(_readable(layers, result.tables["summary"]))
        print(f"\n{result.manifest['verdicts'][model]['sentence']}")
    print(f"\n{split_text(result['splits'])}")
    for problem in result.manifest["problems"]:
        say(f"Mind: {problem}")
    if len(result.tables["quarantine"]):
        say(f"{len(result.tables['quarantine'])} images were set aside; see the table quarantine")


def document(run_id: str, result: Result) -> dict[str, Any]:
    """Return what `--json` prints: per model and layer the accuracy and each control's, and the verdict."""
    summary = result.tables["summary"]
    return {
        "run": run_id,
        "request": result.request.as_dict(),
        "images": len(result.tables["images"]),
        "groups": int(result.tables["splits"]["group"].nunique()),
        "folds": int(result.tables["splits"]["fold"].nunique()),
        "set_aside": len(result.tables["quarantine"]),
        "baselines": {row["control"]: _scores(row) for row in records(summary[summary.layer == ""])},
        "models": [
            {"model": model, "verdict": result.manifest["verdicts"][model], "layers": _layers(layers)}
            for model, layers in _by_model(summary)
        ],
        "problems": result.manifest["problems"],
    }


def _layers(layers: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for _, group in layers.groupby("layer", sort=False):
        by_control = {row["control"]: row for row in records(group)}
        probe = by_control.pop("probe")
        controls = {control: _scores(row) for control, row in by_control.items()}
        rows.append(
            {
                "name": probe["layer"],
                "depth": probe["depth"],
                "dim": probe["dim"],
                **_scores(probe),
                "controls": controls,
            }
        )
    return rows


def _scores(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("accuracy", "ci_low", "ci_high")}


def _by_model(summary: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    layers = summary[summary.layer != ""]
    return [(str(model), rows) for model, rows in layers.groupby("model", sort=False)]


def _readable(layers: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    probe = layers[layers.control == "probe"].set_index("layer")
    shown = pd.DataFrame(
        {
            "layer": probe.index,
            "depth": probe.depth.map("{:.2f}".format).to_list(),
            "dim": probe.dim.to_list(),
        }
    )
    shown["accuracy"] = [f"{r.accuracy:.3f} [{r.ci_low:.2f}, {r.ci_high:.2f}]" for r in probe.itertuples()]
    for control in ("matched", "untrained", "shuffled"):
        rows = layers[layers.control == control].set_index("layer")
        if len(rows):
            shown[control] = rows.accuracy.reindex(probe.index).map("{:.3f}".format).to_list()
    for baseline in summary[summary.layer == ""].itertuples():
        shown[baseline.control] = f"{baseline.accuracy:.3f}"
    return shown
