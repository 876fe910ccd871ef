"""A run in the trackers that people use: one thin adapter each, a row of a table; every one reads the run's tables.

    log(result, "tensorboard", "logs")        feature-lab export RUN --to tensorboard --out logs

Nothing is sent anywhere unless the tracker's own settings say so: MLflow to `MLFLOW_TRACKING_URI` or a run that is
open, Weights & Biases with `WANDB_MODE=online` or into a run that is open; otherwise all is files in `out`. Each
library is an optional extra of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lab.errors import LabError, check_type, nearest
from lab.experiments.result import Result
from lab.export.trackers import atlas, croissant, eval_results, mlflow, tensorboard, wandb

Vectors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Tracker:
    """Where a run can go: a name, a title, the package it needs ("" for none), what writes it.

    `write(result, folder, embeddings)` returns paths of what was written, or a URI.
    """

    name: str
    title: str
    package: str
    write: Callable[[Result, Path, Vectors], list[str]]


TRACKERS: dict[str, Tracker] = {
    row.name: row
    for row in (
        Tracker(
            "tensorboard", "TensorBoard: scalars by layer, charts, the projector", "tensorboard", tensorboard.write
        ),
        Tracker("mlflow", "MLflow: parameters, metrics by layer, charts and tables", "mlflow", mlflow.write),
        Tracker("wandb", "Weights & Biases: metrics by layer, tables, charts", "wandb", wandb.write),
        Tracker("croissant", "Croissant metadata of the run's images and labels", "mlcroissant", croissant.write),
        Tracker("atlas", "Parquet for Embedding Atlas, with maps and thumbnails", "", atlas.write),
        Tracker("eval-results", "Hugging Face eval-results YAML of a model", "huggingface_hub", eval_results.write),
    )
}


def log(result: Result, to: str, out: Path | str = ".", *, embeddings: Vectors | None = None) -> list[str]:
    """Hand a result to the tracker `to` ("tensorboard", "mlflow", "wandb", "croissant", "atlas", "eval-results").

    Files go into `out`. `embeddings`, arrays `(N, D)` by name as `embeddings_of` returns them, go into TensorBoard's
    projector with the images' thumbnails. Returns paths, or the URI of what was written. Raises LabError for an
    unknown tracker, one that is not installed, and a result that has nothing for it.
    """
    check_type("result", result, Result, "what lab.probe, lab.load_run and the like return")
    row = tracker_named(to)
    try:
        return row.write(result, Path(out), embeddings or {})
    except OSError as error:
        raise LabError(f"{out} cannot be written to ({error}); choose another folder") from error


def tracker_named(name: str) -> Tracker:
    """Return a tracker that is there and installed; raises LabError otherwise."""
    if name not in TRACKERS:
        raise LabError(f"there is no tracker {name!r}{nearest(name, TRACKERS)}; known: {', '.join(TRACKERS)}")
    row = TRACKERS[name]
    if row.package and find_spec(row.package) is None:
        raise LabError(f"{row.package} is not installed; `pip install {row.package}` brings it")
    return row
