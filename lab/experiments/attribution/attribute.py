"""What does the network look at, seen from each of its layers, and is the picture of it to be trusted?

tables   maps        one row per map: method, `layer` it lies on ("" for the picture's pixels), `score_at` (the layer
                     whose probe is explained, "" for the network's output), its values (float32, height × width) and
                     its checks
         targets     what is explained: one row per place of a score
         randomised  similarity of each map to that of a network with random weights, step by step
         curves      probability while places come back or go, by map and by orders it is compared with
         orders      gain of those orders
         capability  which method is valid where, and why not
         picture     what the network saw
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from lab.activations.recording import record
from lab.attributions.linear_probe import fit_linear_probes
from lab.attributions.methods import named
from lab.attributions.targets import LinearProbe, Target, TargetChoice, class_name, class_target
from lab.attributions.task import AttributionTask
from lab.errors import LabError, nearest
from lab.experiments.attribution.map_findings import findings
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.base import PartialResults
from lab.experiments.model_and_picture import ModelAndPicture, load_model_and_picture
from lab.experiments.result import Result
from lab.images import open_image_set
from lab.layers import Layer, select_layers
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor, nn

BLANKS = {"mean": None, "black": 0.0, "white": 1.0}


def run(
    request: AttributeRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the maps of every valid method at every chosen layer, with their checks.

    Raises LabError when the target or a layer does not exist, or none of the methods is valid anywhere.
    """
    from lab.experiments.attribution.map_checks import check
    from lab.experiments.attribution.maps import explained

    subject = load_model_and_picture(request.model, request.picture, progress, compute)
    layers = select_layers(subject.model.layers, request.layers, exclusions=subject.model.card.exclusions)
    tasks = questions(request, subject, layers, progress, compute)
    found = explained(
        tasks, layers, named(request.method), progress, partial_results if partial_results is not None else {}
    )
    if not found.rows:
        raise LabError(_nothing(found.capability, request))
    tables: dict[str, pd.DataFrame] = {
        "targets": pd.DataFrame([_about(task) for task in tasks]),
        "capability": pd.DataFrame(found.capability),
        "picture": subject.picture_table(),
    }
    checked = check(request, subject, tasks, found, progress)
    tables |= {name: pd.DataFrame(rows) for name, rows in checked.items() if rows}
    return subject.result(request, tables, findings(tables))


def questions(
    request: AttributeRequest, subject: ModelAndPicture, layers: Sequence[Layer], progress: Progress, compute: Compute
) -> list[AttributionTask]:
    """Return one task per place of a score: the output, or each layer whose probe is asked."""
    wanted = TargetChoice.parse(request.target)
    common: dict[str, Any] = {
        "baseline": blank(subject, request.baseline),
        "steps": request.steps,
        "seed": request.seed,
    }
    module, image = subject.model.module, subject.image
    if wanted.kind != "probe":
        progress("Running the network", 1, 3, "steps")
        return [AttributionTask(module, image, tuple(layers), class_target(module, image, wanted), **common)]
    probes = _probes(request, subject, layers, wanted.layer, progress, compute)
    tasks = []
    for probe in probes.values():
        index = _said(module, image, probe, wanted.name)
        seen = layers if wanted.layer else [layer for layer in layers if layer.name == probe.layer.name]
        tasks.append(AttributionTask(module, image, tuple(seen), Target(index, probe), **common))
    return tasks


def blank(subject: ModelAndPicture, kind: str) -> Tensor:
    """Return what a blank picture looks like to the network, `(1, 3, 1, 1)`."""
    import torch

    how = subject.model.preprocessing
    value = BLANKS[kind]
    if value is None:
        return torch.zeros(1, 3, 1, 1)
    return torch.tensor([(value - mean) / std for mean, std in zip(how.mean, how.std, strict=True)]).view(1, 3, 1, 1)


def _probes(
    request: AttributeRequest,
    subject: ModelAndPicture,
    layers: Sequence[Layer],
    only: str,
    progress: Progress,
    compute: Compute,
) -> dict[str, LinearProbe]:
    card = subject.model.card
    asked = select_layers(card.layers, only, exclusions=card.exclusions) if only else layers
    images = open_image_set(request.probe_data, per_class=request.per_class, progress=progress)
    return fit_linear_probes(subject.model, images, asked, seed=request.seed, compute=compute, progress=progress)


def _said(module: nn.Module, image: Tensor, probe: LinearProbe, name: str) -> Tensor:
    """Return the class to explain: the one that is named, else the probe's own decision."""
    import torch

    from lab.attributions.shared_pass import taken

    if name:
        if name not in probe.classes:
            near = nearest(name, probe.classes)
            raise LabError(f"the probe knows no class {name!r}{near}; it knows {', '.join(probe.classes)}")
        return torch.tensor([probe.classes.index(name)])
    return probe.logits(taken(module, image, [probe.layer])[probe.layer.name]).argmax(dim=1).cpu()


def _about(task: AttributionTask) -> dict[str, Any]:
    """Return what is explained, in numbers."""
    import torch

    from lab.attributions.shared_pass import scored

    with torch.no_grad(), scored(task.module, task.target) as score:
        value = float(score(task.images)[0])
    with torch.no_grad(), scored(task.module, task.target, probability=True) as likely:
        probability = float(likely(task.images)[0])
    index, probe = int(task.target.index[0]), task.target.probe
    known = {} if probe else {"name": class_name(index, _classes(task))}
    return {
        "score_at": task.place,
        "depth": probe.layer.depth if probe else 1.0,
        "class": index,
        "name": probe.classes[index] if probe else known["name"],
        "score": value,
        "probability": probability,
        "accuracy": probe.accuracy if probe else float("nan"),
        "ci_low": probe.ci_low if probe else float("nan"),
        "ci_high": probe.ci_high if probe else float("nan"),
    }


def _classes(task: AttributionTask) -> int:
    import torch

    with torch.no_grad(), record(task.module, ()):
        return int(task.module(task.images).shape[1])


def _nothing(capability: Sequence[dict[str, Any]], request: AttributeRequest) -> str:
    reasons = [row for row in capability if not row["valid"] and row["asked"]]
    first = reasons[0] if reasons else {"method": request.method, "layer": "", "reason": "there is no layer for it"}
    where = f" at {first['layer']}" if first["layer"] else ""
    return (
        f"{first['method']} gives no map{where} of {request.model}: {first['reason']}; choose another method or layer"
    )
