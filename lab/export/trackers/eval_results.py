"""Hugging Face eval-results: a YAML file for the folder `.eval_results` of a model's repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lab.errors import LabError
from lab.experiments.result import Result
from lab.files import write_bytes


def write(result: Result, folder: Path, embeddings: Mapping[str, np.ndarray]) -> list[str]:
    """Write `.eval_results/RUN.yaml` into `folder`: an entry per network with the accuracy at its best layer.

    The task's id says what it is: a linear probe and the layer. Raises LabError for a run that probed no layers.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    summary = result.tables.get("summary")
    if summary is None or "control" not in summary:
        raise LabError(f"run {result.request.run_id} probed no layers; name a probe run or a comparison")
    entries = []
    for _, rows in summary.query("control == 'probe'").groupby("model", sort=False):
        best = rows.iloc[int(rows["accuracy"].to_numpy().argmax())]
        entries.append(
            EvalResultEntry(
                dataset_id=str(result.request.as_dict().get("data") or result.request.title()),
                task_id=f"linear_probe:{best['layer']}",
                value=round(float(best["accuracy"]), 4),
                date=result.manifest.get("created"),
                notes=f"{best['model']}: held-out accuracy of a linear probe at the layer that is best of {len(rows)} "
                f"on these images (95 % interval {best['ci_low']:.3f} to {best['ci_high']:.3f}); "
                f"{result.request.command()}",
            )
        )
    path = folder / ".eval_results" / f"{result.request.run_id}.yaml"
    text = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)
    write_bytes(path, text.encode())
    return [str(path)]
