"""Weights & Biases: a history whose steps are layers, the tables, the charts as images.

Into the run that is open; else a run of its own, offline in the folder unless `WANDB_MODE` says otherwise.
"""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.charts.pictures import picture
from lab.encode import text_records
from lab.experiments.result import Result
from lab.export.trackers.rows import best, layer_names, parameters, scalars, text_tables
from lab.registry import charts_of

PROJECT = "feature-hierarchy-lab"
LAYER = "layer"  # the axis of the curves


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write a run and return its folder, which `wandb sync` uploads."""
    import wandb
    from PIL import Image

    steps: dict[int, dict[str, float]] = defaultdict(dict)
    for one in scalars(result):
        steps[one.step][one.name] = one.value
    folder.mkdir(parents=True, exist_ok=True)
    opened = wandb.run
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    run = opened or wandb.init(
        project=PROJECT, name=result.request.title(), dir=str(folder), mode=mode,
        config=parameters(result), settings=wandb.Settings(silent=True, console="off", disable_git=True),
    )  # fmt: skip
    for name in {name for values in steps.values() for name in values}:
        run.define_metric(name, step_metric=LAYER)
    for step, values in sorted(steps.items()):
        run.log({LAYER: step, **values})
    tables = {name: wandb.Table(columns=list(table.columns), data=[list(row.values()) for row in text_records(table)])
              for name, table in text_tables(result).items()}  # fmt: skip
    charts = {f"charts/{name}": wandb.Image(Image.open(io.BytesIO(picture(chart, "png"))))
              for name, chart in charts_of(result).items()}  # fmt: skip
    run.log({**{f"tables/{name}": table for name, table in tables.items()}, **charts})
    run.summary.update({**best(result), "finding": result.findings[0], "layers": layer_names(result)})
    place = str(Path(run.dir).parent)
    if opened is None:
        run.finish()
        wandb.teardown()  # a process of its own writes the file, and is done only when it has ended
    return [place]
