"""`feature-lab probe`: the layers with their accuracies and controls as a table, and the verdict."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, cast

import pandas as pd

from lab.cli import question
from lab.cli.terminal import say, show_json, show_table
from lab.embeddings.vector_files import COLUMN_KINDS
from lab.encode import records
from lab.errors import LabError
from lab.experiments.nicknames import nicknames_in, renamed
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import split_text
from lab.experiments.targets.request import TARGET_REQUESTS, TargetRequest
from lab.export.native import layer_rows
from lab.images import columns_named
from lab.images.targets import CLASS, TARGETS
from lab.runs.store import RunFolder


def options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `probe`."""
    question.options(parser, ProbeRequest)
    parser.add_argument(
        "--target", choices=TARGETS, default=CLASS,
        help="what the labels are: classes, a number to be predicted, several an image (a;b), or ordered grades (text "
        "ones from low to high: --classes A,B,C); default class",
    )  # fmt: skip
    question.label_option(parser)


def act(given: argparse.Namespace) -> None:
    """Carry out `feature-lab probe`."""
    if given.target != CLASS:
        run = question.computed_run(target_request(given), question.compute_settings(given), given.out, wait=given.wait)
        question.show(run, given)
        return
    how = question.compute_settings(given)
    run = question.computed_run(question.request_of(given), how, given.out, wait=given.wait)
    result = renamed(run.result(), nicknames_in(given.label))
    show_json(document(run.id, result)) if given.json else show_result(result)


def target_request(given: argparse.Namespace) -> TargetRequest:
    """Return the request for a number, for grades or for several labels that the options of `probe` describe.

    Raises LabError for options that are for classes.
    """
    asked, usual = cast(ProbeRequest, question.request_of(given)), ProbeRequest()
    kind = TARGET_REQUESTS[given.target]
    fields = {field.name for field in dataclasses.fields(kind)}
    for field in ("beside", "classes", "probe"):
        if field not in fields and getattr(asked, field) != getattr(usual, field):
            raise LabError(f"--{field} is for classes; leave it out where --target is {given.target}")
    labels, label = _table_and_column(asked.labels)
    values = {
        "split": usual.split, **asked.as_dict(), "images": asked.per_class, "model": asked.models[0],
        "others": asked.models[1:], "labels": labels, "label": label, "row_images": asked.images,
    }  # fmt: skip
    return kind.from_dict({name: value for name, value in values.items() if name in fields})


def _table_and_column(labels: str) -> tuple[str, str]:
    """Return the table and the column that `--labels` names: `FILE`, `FILE?label=COLUMN`, `COLUMN` of the vectors."""
    table = labels.partition("?")[0]
    if table.lower().endswith(COLUMN_KINDS):
        return table, columns_named(labels).get("label", "")
    return "", labels


def show(run: RunFolder) -> None:
    """Print a finished run's table and verdict."""
    show_result(run.result())


def show_result(result: Result) -> None:
    """Print a result's table and verdict."""
    for model, layers in _by_model(result.tables["summary"]):
        print(f"\n{model} on {_subject(result)}\n")
        show_table(layer_rows(layers, result.tables["summary"]))
        print(f"\n{result.manifest['verdicts'][model]['sentence']}")
    print(f"\n{split_text(result['splits'])}")
    for problem in result.manifest["problems"]:
        say(f"Mind: {problem}")
    for note in result.manifest.get("notes", ()):
        say(f"Note: {note}")
    if len(result.tables["quarantine"]):
        say(f"{len(result.tables['quarantine'])} images were set aside; see the table quarantine")


def _subject(result: Result) -> str:
    """Return what was probed: an image set, or vectors that were given."""
    asked = result.request.as_dict()
    return str(asked["data"] or result.request.title())


def document(run_id: str, result: Result) -> dict[str, Any]:
    """Return what `--json` prints: per model and layer the accuracy and each control's, and the verdict."""
    summary = result.tables["summary"]
    return {
        "run": run_id,
        "request": result.request.as_dict(),
        "images": len(result.tables["images"]),
        "groups": int(result.tables["splits"]["group"].nunique()),
        "folds": int(result.tables["splits"].query("fold >= 0")["fold"].nunique()),
        "set_aside": len(result.tables["quarantine"]),
        "baselines": {row["control"]: _scores(row) for row in records(summary[summary.layer == ""])},
        "models": [
            {"model": model, "verdict": result.manifest["verdicts"][model], "layers": _layers(layers)}
            for model, layers in _by_model(summary)
        ],
        "problems": result.manifest["problems"],
        "notes": result.manifest.get("notes", []),
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
