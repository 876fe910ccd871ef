"""Maps that only a probe's decision has: a concept vector, and the patch of the channel that speaks most for it.

They read the probe's own layer, and are held against attribution methods where the truth is drawn
(`lab.experiments.attribution.explanations`). Of a probe on averages, gradient × activation at its layer is the probe's
own direction, position by position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.activations.pooling import maps
from lab.attributions.methods import Method
from lab.attributions.task import AttributionMaps, AttributionTask

if TYPE_CHECKING:
    from torch import Tensor


def concept(task: AttributionTask) -> AttributionMaps:
    """Return each position's activation along the concept vector of the class that is explained: signed.

    The vector is that of FastCAV (Schmalwasser et al., arXiv 2505.17883): the mean of the class's images less that of
    the others, on what the layer's positions put out about the mean of all.
    """
    probe, (layer,) = task.target.probe, task.layers
    assert probe is not None
    values = maps(task.seen.activations[layer.name], layer)
    means, centre = _like(values, probe.means), _like(values, probe.mean)
    vector = _own_less_others(means)[task.target.index]
    return AttributionMaps({layer.name: ((values - centre[:, None, None]) * vector[:, :, None, None]).sum(dim=1)})


def exemplar(task: AttributionTask) -> AttributionMaps:
    """Return the one position where the channel responds most that adds most to the probe's score."""
    import torch

    probe, (layer,) = task.target.probe, task.layers
    assert probe is not None
    values = maps(task.seen.activations[layer.name], layer)
    direction = _own_less_others(_like(values, probe.weight))[task.target.index] / _like(values, probe.scale)
    added = direction * (values.mean(dim=(2, 3)) - _like(values, probe.mean))
    chosen = values[torch.arange(len(values)), added.argmax(dim=1)].flatten(1)
    found = torch.zeros_like(chosen).scatter(1, chosen.argmax(dim=1, keepdim=True), 1.0)
    return AttributionMaps({layer.name: found.reshape(values[:, 0].shape)})


PROBE_METHODS: dict[str, Method] = {
    row.name: row
    for row in (
        Method(
            "concept", "Concept vector", "layer", concept, fast=True, signed=True, gradient=False,
            about="Each position's activation along the mean of the class's images less that of the others (FastCAV).",
        ),
        Method(
            "exemplar", "Exemplar patch", "layer", exemplar, fast=True, gradient=False,
            about="The position where the channel responds most that speaks most for the class.",
        ),
    )
}  # fmt: skip


def _like(values: Tensor, array: object) -> Tensor:
    import torch

    return torch.as_tensor(array, dtype=values.dtype, device=values.device)


def _own_less_others(rows: Tensor) -> Tensor:
    """Return each row `(K, C)` less the mean of the others."""
    return rows - (rows.sum(dim=0) - rows) / (len(rows) - 1)
