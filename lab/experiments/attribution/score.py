"""Do maps find what really differs between the classes? Drawn pictures know the answer.

A probe per layer is fitted on some drawings; its decisions on others, never seen, are explained by every method, and
the share of each map on the parts that differ is held against what knows nothing: the area of those parts, the
picture's edges, its middle, and three untrained twins of the network.

tables   shares      one row per network (trained and twins), method, layer whose probe is explained, and picture
         summary     means over pictures, with 95 % intervals of the paired differences
         probes      accuracy of the probes
         capability  which method is valid where
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.attributions.capability import Capability, capability
from lab.attributions.linear_probe import fit_linear_probes
from lab.attributions.methods import Method, named
from lab.attributions.targets import LinearProbe, Target
from lab.attributions.task import AttributionTask
from lab.errors import LabError
from lab.experiments.attribution.maps import maps_of
from lab.experiments.attribution.request import ScoreRequest
from lab.experiments.attribution.score_findings import findings
from lab.experiments.attribution.score_tables import TRAINED, UNTRAINED, summary
from lab.experiments.base import PartialResults
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.experiments.twins import TWINS, untrained_twins
from lab.images import open_image_set
from lab.images.synthetic import DrawnSet
from lab.layers import select_layers
from lab.models import LoadedModel, load_model
from lab.models.preprocess import normalised, pixels_for
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 8
OTHER_SEED = 7919  # pictures that are explained are drawn with another seed than those a probe is fitted on


def run(
    request: ScoreRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the shares of every valid method at every chosen layer.

    Raises LabError when a method is valid at no layer, or the set's drawings are not known.
    """
    kept = partial_results if partial_results is not None else {}
    tables, hashes = scored(request, named(request.method), progress, compute, kept)
    return result_with_findings(request, tables, findings(tables), hashes=hashes)


def scored(
    request: ScoreRequest,
    methods: Sequence[Method],
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    *,
    sets: int = 1,
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Return the tables of some methods and the hashes of what they are of; raises as `run`.

    The intervals hold for all methods and layers of as many `sets` of pictures at once.
    """
    progress("Opening the network", 0, 2, "steps")
    model = load_model(request.model, device=compute.device)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    known = open_image_set(_seeded(request.data, request.seed), per_class=request.per_class)
    asked = open_image_set(_seeded(request.data, request.seed + OTHER_SEED), per_class=request.images)
    assert isinstance(asked, DrawnSet)
    exam = _Exam(asked, methods, request, progress, partial_results)
    probes: list[dict[str, Any]] = []
    for twin, network in enumerate((model, *untrained_twins(model)), -1):
        fitted = fit_linear_probes(network, known, layers, seed=request.seed, compute=compute, progress=progress)
        probes += [_about(twin, probe) for probe in fitted.values()]
        exam.take(twin, network, fitted)
    if not exam.shares:
        raise LabError(f"{request.method} is valid at none of these layers; choose another method or layer")
    found = pd.DataFrame(exam.shares)
    tables = {"shares": found, "summary": summary(found, sets)}
    tables |= {"probes": pd.DataFrame(probes), "capability": pd.DataFrame(exam.capable)}
    hashes = {str(model.ref): model.weights_digest, "images": asked.fingerprint, "probe_images": known.fingerprint}
    return tables, hashes


@dataclass(eq=False)
class _Exam:
    """The pictures, the methods, and what has been found: rows of the tables `shares` and `capability`.

    A finished batch of pictures is kept in `pieces`.
    """

    images: DrawnSet
    methods: Sequence[Method]
    request: ScoreRequest
    progress: Progress
    partial_results: PartialResults
    shares: list[dict[str, Any]] = field(default_factory=list)
    capable: list[dict[str, Any]] = field(default_factory=list)

    def take(self, twin: int, model: LoadedModel, probes: Mapping[str, LinearProbe]) -> None:
        """Explain every picture to every probe of one network: the trained one, -1, or one of its untrained twins."""
        from lab.attributions.part_overlap import differing
        from lab.attributions.sanity_checks import edge_map

        images, how = self.images, model.preprocessing
        for begin in range(0, len(images), BATCH):
            numbers = range(begin, min(begin + BATCH, len(images)))
            pixels = [pixels_for(images, k, how) for k in numbers]
            masks = [differing(images, k, how) for k in numbers]
            edges = [edge_map(one.numpy()) for one in pixels]
            for place, probe in probes.items():
                self.progress(f"Explaining pictures, {_named(twin)}", begin, len(images), "images")
                task = self._task(model, pixels, probe)
                known = {row.method: row for row in capability(task, task.layers, self.methods)}
                valid = [method for method in self.methods if known[method.name].valid]
                if begin == 0 and twin < 0:
                    self.capable += [_said_of(known[method.name], place) for method in self.methods]
                said = task.target.index.tolist()
                for method, values in self._maps(
                    task, valid, f"{self.request.data}/{_named(twin)}/{place}/{begin}"
                ).items():
                    about = {**_role(twin), "method": method, "layer": place, "depth": probe.layer.depth}
                    for k, number in enumerate(numbers):
                        row = _measured(values[k], masks[k], edges[k])
                        self.shares.append({**about, **_picture(images, number, probe, said[k]), **row})

    def _task(self, model: LoadedModel, pixels: list[Tensor], probe: LinearProbe) -> AttributionTask:
        """Return what is to be explained: the probe's own decisions on some pictures."""
        import torch

        from lab.attributions.shared_pass import taken

        batch = normalised(torch.stack(pixels), model.preprocessing)
        said = probe.logits(taken(model.module, batch, [probe.layer])[probe.layer.name]).argmax(dim=1).cpu()
        blank, request = torch.zeros(1, 3, 1, 1), self.request
        target = Target(said, probe)
        return AttributionTask(
            model.module, batch, (probe.layer,), target, blank, steps=request.steps, seed=request.seed
        )

    def _maps(self, task: AttributionTask, methods: Sequence[Method], key: str) -> dict[str, np.ndarray]:
        """Return the maps `(N, h, w)` of the pictures by method."""
        found = {}
        for method in methods:
            kept = f"{key}/{method.name}"
            if not method.fast and kept in self.partial_results:
                found[method.name] = np.asarray(self.partial_results[kept]["maps"])
                continue
            found[method.name] = next(iter(maps_of(method, task, silent).maps.values())).detach().cpu().double().numpy()
            if not method.fast:
                self.partial_results[kept] = {"maps": found[method.name]}
        return found


def _said_of(row: Capability, layer: str) -> dict[str, Any]:
    return {"method": row.method, "layer": layer, "valid": row.valid, "reason": row.reason}


def _measured(values: np.ndarray, mask: np.ndarray, edges: np.ndarray) -> dict[str, float]:
    """Return a map's share on the parts, and what maps that know nothing have on the same grid."""
    from lab.attributions.part_overlap import share_on
    from lab.attributions.sanity_checks import centre_map, resized

    own = share_on(values, mask)
    return {
        "share": own.share,
        "area": own.area,
        "ideal": own.ideal,
        "edges": share_on(resized(edges, *values.shape), mask).share,
        "middle": share_on(centre_map(*values.shape), mask).share,
    }


def _picture(images: DrawnSet, number: int, probe: LinearProbe, said: int) -> dict[str, Any]:
    record = images.records[number]
    return {"image": record.id, "class": images.classes[record.label], "said": probe.classes[said]}


def _about(twin: int, probe: LinearProbe) -> dict[str, Any]:
    return {
        **_role(twin), "layer": probe.layer.name, "depth": probe.layer.depth, "accuracy": probe.accuracy,
        "ci_low": probe.ci_low, "ci_high": probe.ci_high,
    }  # fmt: skip


def _role(twin: int) -> dict[str, Any]:
    return {"role": TRAINED if twin < 0 else UNTRAINED, "twin": twin}


def _named(twin: int) -> str:
    return TRAINED if twin < 0 else f"{UNTRAINED} {twin + 1} of {TWINS}"


def _seeded(data: str, seed: int) -> str:
    """Return a drawn set's spec with another seed, on top of its own."""
    name, _, query = data.partition("?")
    options = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    own = options.get("seed", "0")
    if not own.isdecimal():
        return data  # opening it tells what is wrong
    options["seed"] = str(int(own) + seed)
    return f"{name}?{'&'.join(f'{key}={value}' for key, value in options.items())}"
