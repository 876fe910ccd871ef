"""Do maps find what really differs between the classes? Drawn pictures know the answer.

A probe per layer is fitted on some drawings; its decisions on others, never seen, are explained by every method, and
the share of each map on the parts that differ is held against what knows nothing: the area of those parts, the
picture's edges, its middle, and the same network untrained.

tables   shares      one row per network (trained, untrained), method, layer whose probe is explained, and picture
         summary     means over pictures, with 95 % intervals of the paired differences
         probes      accuracy of the probes
         capability  which method is valid where
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.attributing.asked import ScoreRequest
from lab.experiments.base import Pieces, Result
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor

    from lab.attributions.methods import Method
    from lab.attributions.targets import LinearProbe
    from lab.drawn import DrawnSet
    from lab.models import LoadedModel

BATCH = 8
TRAINED, UNTRAINED = "trained", "untrained"
OTHER_SEED = 7919  # pictures that are explained are drawn with another seed than those a probe is fitted on


def run(
    request: ScoreRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return the shares of every valid method at every chosen layer. Runs on the CPU.

    Raises LabError when a method is valid at no layer, or the set's drawings are not known.
    """
    from lab.attributions.methods import named
    from lab.drawn import DrawnSet
    from lab.experiments.attributing.score_tables import summary
    from lab.experiments.attributing.telling_scores import told
    from lab.experiments.manifest import made
    from lab.images import open_image_set
    from lab.layers import select_layers
    from lab.models import load_model

    progress("Opening the network", 0, 2, "steps")
    model = load_model(request.model)
    layers = select_layers(model.layers, request.layers, exclusions=model.card.exclusions)
    known = open_image_set(_seeded(request.data, request.seed), per_class=request.per_class)
    asked = open_image_set(_seeded(request.data, request.seed + OTHER_SEED), per_class=request.images)
    assert isinstance(asked, DrawnSet)
    how = replace(compute, device="cpu")
    rows: list[dict[str, Any]] = []
    probes: list[dict[str, Any]] = []
    valid: list[dict[str, Any]] = []
    for role, network in _networks(model, request.seed):
        from lab.attributions.probe import fit_linear_probes

        fitted = fit_linear_probes(network, known, layers, seed=request.seed, compute=how, progress=progress)
        probes += [_about(role, probe) for probe in fitted.values()]
        kept = pieces if pieces is not None else {}
        found = shares(role, network, asked, fitted, named(request.method), request, progress, kept)
        rows += found[0]
        valid += found[1] if role == TRAINED else []
    if not rows:
        raise LabError(f"{request.method} is valid at none of these layers; choose another method or layer")
    tables = {
        "shares": pd.DataFrame(rows),
        "probes": pd.DataFrame(probes),
        "capability": pd.DataFrame(valid),
    }
    tables["summary"] = summary(tables["shares"])
    hashes = {str(model.ref): model.weights_digest, "images": asked.fingerprint, "probe_images": known.fingerprint}
    return made(request, tables, told(tables), hashes=hashes)


def shares(
    role: str,
    model: LoadedModel,
    images: DrawnSet,
    probes: dict[str, LinearProbe],
    methods: Sequence[Method],
    request: ScoreRequest,
    progress: Progress,
    pieces: Pieces,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows of the table `shares` and of `capability`; a finished batch of pictures is kept in `pieces`."""
    from lab.attributions.trust import edge_map
    from lab.attributions.trust_parts import differing
    from lab.models.preprocess import pixels_for

    how = model.preprocessing
    rows: list[dict[str, Any]] = []
    capable: list[dict[str, Any]] = []
    for begin in range(0, len(images), BATCH):
        numbers = range(begin, min(begin + BATCH, len(images)))
        progress(f"Explaining pictures, {role}", begin, len(images), "images")
        pixels = [pixels_for(images, k, how) for k in numbers]
        masks = [differing(images, k, how) for k in numbers]
        edges = [edge_map(one.numpy()) for one in pixels]
        for place, probe in probes.items():
            progress(f"Explaining pictures, {role}", begin, len(images), "images")
            key = f"{role}/{place}/{begin}"
            found, valid = _maps(model, pixels, probe, methods, request, pieces, key)
            capable += valid if begin == 0 else []
            for method, (values, said) in found.items():
                for k, number in enumerate(numbers):
                    row = _measured(values[k], masks[k], edges[k])
                    about = {"role": role, "method": method, "layer": place, "depth": probe.layer.depth}
                    rows.append({**about, **_picture(images, number, probe, int(said[k])), **row})
    return rows, capable


def _maps(
    model: LoadedModel,
    pixels: list[Tensor],
    probe: LinearProbe,
    methods: Sequence[Method],
    request: ScoreRequest,
    pieces: Pieces,
    key: str,
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], list[dict[str, Any]]]:
    """Return maps `(N, h, w)` and the classes the probe says, by method; and what is valid."""
    import torch

    from lab.attributions.capability import capability
    from lab.attributions.passes import taken
    from lab.attributions.targets import Target
    from lab.attributions.task import Task
    from lab.models.preprocess import normalised

    batch = normalised(torch.stack(pixels), model.preprocessing)
    said = probe.logits(taken(model.module, batch, [probe.layer])[probe.layer.name]).argmax(dim=1)
    blank = torch.zeros(1, 3, 1, 1)
    task = Task(model.module, batch, (probe.layer,), Target(said, probe), blank, steps=request.steps, seed=request.seed)
    valid = [row for row in capability(task, task.layers) if row.method in {method.name for method in methods}]
    found = {}
    for method in methods:
        if not any(row.valid for row in valid if row.method == method.name):
            continue
        kept = f"{key}/{method.name}"
        if method.fast or kept not in pieces:
            maps = next(iter(method.explain(task).maps.values())).detach().double().numpy()
            if not method.fast:
                pieces[kept] = {"maps": maps}
        found[method.name] = (maps if method.fast else np.asarray(pieces[kept]["maps"]), said.numpy())
    rows = [{"method": v.method, "layer": probe.layer.name, "valid": v.valid, "reason": v.reason} for v in valid]
    return found, rows


def _measured(values: np.ndarray, mask: np.ndarray, edges: np.ndarray) -> dict[str, float]:
    """Return a map's share on the parts, and what maps that know nothing have on the same grid."""
    from lab.attributions.trust import centre_map, resized
    from lab.attributions.trust_parts import share_on

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


def _about(role: str, probe: LinearProbe) -> dict[str, Any]:
    return {
        "role": role, "layer": probe.layer.name, "depth": probe.layer.depth, "accuracy": probe.accuracy,
        "ci_low": probe.ci_low, "ci_high": probe.ci_high,
    }  # fmt: skip


def _networks(model: LoadedModel, seed: int) -> list[tuple[str, LoadedModel]]:
    """Return the network and, unless it is untrained itself, the same one with random weights."""
    from lab.models import load_model

    if model.ref.untrained:
        return [(TRAINED, model)]
    return [(TRAINED, model), (UNTRAINED, load_model(model.ref.twin(seed)))]


def _seeded(data: str, seed: int) -> str:
    """Return a drawn set's spec with another seed, on top of its own."""
    name, _, query = data.partition("?")
    options = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    own = options.get("seed", "0")
    if not own.isdecimal():
        return data  # opening it tells what is wrong
    options["seed"] = str(int(own) + seed)
    return f"{name}?{'&'.join(f'{key}={value}' for key, value in options.items())}"
