"""y = j(x)? The last stage gets the image instead of the features it was trained on.

First what really happens: shapes do not fit, and the error says so. Then the image is made to fit by the adapters of
`adapters`, and two readers say what accuracy remains.

    tables   error     the stage, what it expects, what it was given, and the message it ended with
             adapters  one row per way to feed the stage, the real features first: accuracy after the stage of the
                       reader fitted to the intact network (`carried`) and of one fitted anew (`refitted`), accuracy
                       of a reader of the stage's input itself (`before`), R² against the real features
             controls  chance and raw pixels
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from lab.embeddings import pixels_embedding
from lab.errors import LabError, nearest
from lab.experiments.ablation.adapters import ADAPTERS, Cells, adapted, explained
from lab.experiments.ablation.late_layers_only_findings import REAL, findings
from lab.experiments.ablation.probe_data import ProbeData, open_probe_data, share_of
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.ablation.stage_input import StageInputs, record_stage
from lab.experiments.base import PartialResults, Result, option
from lab.experiments.manifest import result_with_findings
from lab.interventions import Part, anatomy
from lab.models import LoadedModel
from lab.progress import Progress, silent
from lab.settings import Compute


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
    material, model = open_probe_data(request, progress, replace(compute, device="cpu"))
    trunk = anatomy(model).trunk
    part = _stage(trunk, request.stage)
    error = real_error(model, part)
    fed, cells = record_stage(model, material, part, progress)
    rows = [_real_row(material, fed)]
    for row in _adapter_rows(material, fed, cells, partial_results if partial_results is not None else {}, progress):
        rows.append(row)
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


def _real_row(material: ProbeData, fed: StageInputs) -> dict[str, Any]:
    carried = material.carried_over(fed.intact, [fed.intact])[0][:1]
    refitted, before = material.refitted(fed.intact)[:1], material.refitted(fed.features.mean(axis=1))[:1]
    return {"adapter": REAL, "r2": 1.0, **_read(material, carried, refitted, before, carried, refitted)}


def _adapter_rows(
    material: ProbeData, fed: StageInputs, cells: Cells, partial_results: PartialResults, progress: Progress
) -> list[dict[str, Any]]:
    carried = material.carried_over(fed.intact, [fed.intact])[0][:1]
    refitted = material.refitted(fed.intact)[:1]
    rows = []
    for number, name in enumerate(ADAPTERS):
        if name not in partial_results:
            partial_results[name] = _adapter(material, fed, cells, name, number, len(ADAPTERS), progress)
        found = partial_results[name]
        read = _read(material, found["carried"], found["refitted"], found["before"], carried, refitted)
        rows.append({"adapter": name, "r2": float(found["r2"]), **read})
    return rows


def _adapter(
    material: ProbeData, fed: StageInputs, cells: Cells, name: str, number: int, of: int, progress: Progress
) -> dict[str, np.ndarray]:
    """Fit an adapter in every fold of the first repeat and read what the stage makes of it."""
    folds, labels, groups = material.splits[0], material.labels, material.groups
    count = int(folds.max()) + 1
    shape = (1, len(labels), max(int(labels.max()) + 1, 2))
    found = {key: np.full(shape, np.nan) for key in ("carried", "refitted", "before")}
    fits = []
    for fold in range(count):
        shown = share_of(progress, f"Feeding {fed.part.name}: {name}", number * count + fold, of * count)
        test = folds == fold
        made = adapted(name, cells, fed.features, ~test, material.seed)
        after = fed.after(made, shown)
        mean = fed.features[~test].mean(axis=(0, 1))
        fits.append(explained(fed.features[test], made[test], mean))
        for key, known, seen in (
            ("carried", fed.intact, after),
            ("refitted", after, after),
            ("before", made.mean(axis=1), made.mean(axis=1)),
        ):
            found[key][0, test] = material.read(known[~test], labels[~test], groups[~test], [seen[test]])[0]
    return {**found, "r2": np.array(np.mean(fits))}


def _read(
    material: ProbeData,
    carried: np.ndarray,
    refitted: np.ndarray,
    before: np.ndarray,
    real_carried: np.ndarray,
    real_refitted: np.ndarray,
) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, found in (("carried", carried), ("refitted", refitted), ("before", before)):
        row |= material.scores(found).interval.columns(name)
    for name, one, other in (
        ("carried_gap", carried, real_carried),
        ("refitted_gap", refitted, real_refitted),
        ("added", refitted, before),
    ):
        row |= material.against(one, other).columns(name)
    return row


def _controls(material: ProbeData, progress: Progress) -> pd.DataFrame:
    once = replace(material, splits=material.splits[:1])
    score = once.scores(once.refitted(pixels_embedding(material.images, progress=progress)))
    return pd.DataFrame(
        [
            {"control": "chance", "accuracy": material.chance},
            {"control": "pixels", **score.interval.columns("accuracy", "ci")},
        ]
    )
