"""y = j(x)? The last stage gets the image instead of the features it was trained on.

First what really happens: shapes do not fit, and the error says so. Then the image is made to fit by the adapters of
`adapters`, and two probes say what accuracy remains.

    tables   error     the stage, what it expects, what it was given, and the message it ended with
             adapters  one row per way to feed the stage, the real features first: accuracy after the stage of the
                       probe fitted to the intact network (`carried`) and of one refit (`refitted`), accuracy of a
                       probe of the stage's input itself (`before`), R² against the real features, and beyond the mean
                       map, which needs no image
             controls  chance and raw pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import pixels_embedding
from lab.errors import LabError, nearest
from lab.experiments.ablation.adapters import ADAPTERS, Cells, adapted, squared_errors
from lab.experiments.ablation.late_layers_only_findings import REAL, findings
from lab.experiments.ablation.probe_data import ProbeData, open_probe_data, share_of
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.ablation.stage_input import StageInputs, record_stage
from lab.experiments.base import PartialResults, option
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.interventions import Part, anatomy
from lab.models import LoadedModel, load_model
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.differences import simultaneous
from lab.stats.intervals import correctness
from lab.stats.simultaneous import intervals_at_once

PROBES = ("carried", "refitted", "before")


@dataclass(frozen=True)
class LateLayersRequest(ProbeDataRequest):
    """Which network, images, and which stage is fed."""

    experiment: ClassVar[str] = "late_layers_only"

    stage: str = option("", "the stage that gets the image; the last one when left out")

    def title(self) -> str:
        """Return what is looked at."""
        return f"The image fed to {self.stage or 'the last stage'} of {self.network}"


def run(
    request: LateLayersRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what a stage makes of images that were made to fit; raises LabError when there is no such stage."""
    if request.stage:  # before the images are read
        _stage(anatomy(load_model(request.model)).trunk, request.stage)
    material, model = open_probe_data(request, progress, compute)
    trunk = anatomy(model).trunk
    part = _stage(trunk, request.stage)
    error = real_error(model, part)
    fed, cells = record_stage(model, material, part, progress)
    rows = _adapter_rows(material, fed, cells, partial_results if partial_results is not None else {}, progress)
    tables = {
        "error": pd.DataFrame([error]),
        "adapters": pd.DataFrame(rows),
        "controls": _controls(material, progress),
    }
    stages = [one.name for one in trunk[1:]]
    return result_with_findings(
        request,
        tables,
        findings(tables),
        hashes=material.hashes(model),
        notes=list(material.images.notes),
        stages=stages,
    )


def real_error(model: LoadedModel, part: Part) -> dict[str, Any]:
    """Hand the image itself to a stage and return what happens: its own message, or that there was none."""
    import torch

    how = model.preprocessing
    image = torch.rand((1, 3, how.height, how.width), generator=torch.Generator().manual_seed(0))
    stage = model.module.get_submodule(part.name)
    row = {"stage": part.name, "expects": shape_text(part.entering), "given": shape_text(tuple(image.shape[1:]))}
    try:
        with torch.no_grad():
            out = stage(image.to(model.device))
    except (RuntimeError, ValueError, AssertionError, IndexError, TypeError) as error:
        said = str(error).strip().splitlines() or ["(no message)"]
        return {**row, "kind": type(error).__name__, "message": said[0]}
    return {**row, "kind": "", "message": f"no error: it puts out {shape_text(tuple(out.shape[1:]))}"}


def shape_text(shape: tuple[int, ...]) -> str:
    """Return "192 × 7 × 7"."""
    return " × ".join(map(str, shape))


def _stage(trunk: tuple[Part, ...], name: str) -> Part:
    parts = {part.name: part for part in trunk[1:]}
    if not parts:
        raise LabError("this network has no stages or blocks that take one tensor and put out one; choose another")
    if name and name not in parts:
        raise LabError(f"there is no stage {name!r} to feed{nearest(name, parts)}; known: {', '.join(parts)}")
    return parts[name] if name else trunk[-1]


def _adapter_rows(
    material: ProbeData, fed: StageInputs, cells: Cells, partial_results: PartialResults, progress: Progress
) -> list[dict[str, Any]]:
    """Return one row per adapter, the real features first; intervals of differences hold for all adapters at once."""
    intact = material.carried_over(fed.intact, [fed.intact])[0][:1]
    rows = [
        {
            "carried": intact,
            "refitted": material.refitted(fed.intact)[:1],
            "before": material.refitted(fed.features.mean(axis=1))[:1],
        }
    ]
    for number, name in enumerate(ADAPTERS):
        if name not in partial_results:
            partial_results[name] = _adapter(material, fed, cells, name, number, len(ADAPTERS), progress)
        rows.append(dict(partial_results[name]))
    right = [{key: correctness(row[key], material.labels) for key in PROBES} for row in rows]
    gaps = {
        "carried_gap": [one["carried"] - right[0]["carried"] for one in right[1:]],
        "refitted_gap": [one["refitted"] - right[0]["refitted"] for one in right[1:]],
        "added": [one["refitted"] - one["before"] for one in right[1:]],
    }
    at_once = {name: simultaneous(material.resamples, np.stack(values)) for name, values in gaps.items()}
    real = {**_accuracies(material, rows[0]), "r2": 1.0, "r2_low": 1.0, "r2_high": 1.0}
    real |= {f"{name}{end}": 0.0 for name in ("carried_gap", "refitted_gap") for end in ("", "_low", "_high")}
    real |= material.against(rows[0]["refitted"], rows[0]["before"]).columns("added")
    found = [{"adapter": REAL, **real}]
    close = _closeness(material, rows[1:])
    for number, (name, row) in enumerate(zip(ADAPTERS, rows[1:], strict=True)):
        differences = {key: one for gap in gaps for key, one in at_once[gap][number].columns(gap).items()}
        found.append({"adapter": name, **close[number], **_accuracies(material, row), **differences})
    return found


def _closeness(material: ProbeData, rows: Sequence[dict[str, np.ndarray]]) -> list[dict[str, float]]:
    """Return R² against each channel's mean, that of the mean map, and R² beyond the mean map, over images.

    The closest adapter is picked by the same images, so the last two hold for all adapters at once.
    """
    weights = material.resamples.weights
    found: list[dict[str, float]] = [{} for _ in rows]
    for name, whole in (("r2", "whole"), ("r2_beyond", "mean_map")):
        values = np.array([1 - row["rest"].sum() / max(float(row[whole].sum()), 1e-300) for row in rows])
        draws = np.stack(
            [1 - (weights @ row["rest"]) / np.maximum(weights @ row[whole], 1e-300) for row in rows], axis=1
        )
        for into, interval in zip(found, intervals_at_once(values, draws), strict=True):
            into |= interval.columns(name)
    for into, row in zip(found, rows, strict=True):
        into["r2_mean_map"] = 1 - float(row["mean_map"].sum()) / max(float(row["whole"].sum()), 1e-300)
    return found


def _adapter(
    material: ProbeData, fed: StageInputs, cells: Cells, name: str, number: int, of: int, progress: Progress
) -> dict[str, np.ndarray]:
    """Fit an adapter in every fold of the first repeat and probe what the stage makes of it.

    `rest`, `mean_map` and `whole` are each image's squared distance from the real features to the adapter's, to their
    mean over training images at each position, and to their mean over all positions.
    """
    folds, labels, groups = material.splits[0], material.labels, material.groups
    count = int(folds.max()) + 1
    shape = (1, len(labels), max(int(labels.max()) + 1, 2))
    found: dict[str, np.ndarray] = {key: np.full(shape, np.nan) for key in PROBES}
    found |= {key: np.full(len(labels), np.nan) for key in ("rest", "mean_map", "whole")}
    for fold in range(count):
        shown = share_of(progress, f"Feeding {fed.part.name}: {name}", number * count + fold, of * count)
        test = folds == fold
        made = adapted(name, cells, fed.features, ~test, material.seed)
        after = fed.after(made, shown)
        mean_map = fed.features[~test].mean(axis=0)
        for key, guess in (("rest", made[test]), ("mean_map", mean_map), ("whole", mean_map.mean(axis=0))):
            found[key][test] = squared_errors(fed.features[test], guess)
        for key, known, seen in (
            ("carried", fed.intact, after),
            ("refitted", after, after),
            ("before", made.mean(axis=1), made.mean(axis=1)),
        ):
            found[key][0, test] = material.read(known[~test], labels[~test], groups[~test], [seen[test]])[0]
    return found


def _accuracies(material: ProbeData, row: dict[str, np.ndarray]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in PROBES:
        found |= material.scores(row[name]).interval.columns(name)
    return found


def _controls(material: ProbeData, progress: Progress) -> pd.DataFrame:
    once = replace(material, splits=material.splits[:1])
    score = once.scores(once.refitted(pixels_embedding(material.images, progress=progress)))
    return pd.DataFrame(
        [
            {"control": "chance", "accuracy": material.chance},
            {"control": "pixels", **score.interval.columns("accuracy", "ci")},
        ]
    )
