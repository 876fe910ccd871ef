"""MLflow: what was asked as parameters, a metric per curve with the layer's position as its step, charts and tables.

Into the run that is open, else where `MLFLOW_TRACKING_URI` says, else into a store of one's own in the folder.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.experiments.result import Result
from lab.export.formats import export_run
from lab.export.trackers.rows import best, layer_names, parameters, scalars
from lab.registry import has_charts

EXPERIMENT = "feature-hierarchy-lab"
A_BATCH = 900  # MLflow takes 1,000 metrics at once
LONGEST = 500  # characters of a parameter in older stores


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write a run of MLflow and return "URI#RUN_ID"."""
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    curves = [Metric(one.name, one.value, now, one.step) for one in scalars(result)]
    single = [Metric(name, value, now, 0) for name, value in best(result).items()]
    asked = [Param(name, value[:LONGEST]) for name, value in parameters(result).items()]
    uri = _uri(folder)
    client = mlflow.MlflowClient(tracking_uri=uri)
    opened = mlflow.active_run()
    run_id = (
        opened.info.run_id
        if opened
        else client.create_run(_experiment(client, folder, uri), run_name=result.request.title()).info.run_id
    )
    tags = {
        "lab.run": result.request.run_id,
        "lab.command": result.request.command(),
        "lab.finding": result.findings[0],
        "lab.layers": "; ".join(layer_names(result)),
    }
    client.log_batch(run_id, params=asked, tags=[RunTag(name, value[:5000]) for name, value in tags.items()])
    metrics = curves + single
    for start in range(0, len(metrics), A_BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + A_BATCH])
    with tempfile.TemporaryDirectory() as made:
        for kind in ("parquet", "html", *(("png",) if has_charts(result.request.experiment) else ())):
            export_run(result, kind, made)
        client.log_artifacts(run_id, made)
    if opened is None:
        client.set_terminated(run_id)
    return [f"{uri}#{run_id}"]


def _uri(folder: Path) -> str:
    import mlflow

    if mlflow.active_run() or os.environ.get("MLFLOW_TRACKING_URI"):
        return str(mlflow.get_tracking_uri())
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def _experiment(client: object, folder: Path, uri: str) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)  # type: ignore[attr-defined]
    if known is not None:
        return str(known.experiment_id)
    own = (folder / "mlflow-artifacts").resolve().as_uri() if uri.startswith("sqlite:") else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=own))  # type: ignore[attr-defined]
