"""Methods that add up gradients on the way from a picture of nothing to the picture: at layers.

Conductance: Dhamdhere, Sundararajan and Yan, "How important is a neuron?" (2018); all layers share the passes, and the
sum is a trapezoid with both ends in it. Layer integrated gradients: Sundararajan, Taly and Yan, "Axiomatic attribution
for deep networks" (2017), with the layer's activation in the place of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from lab.activations.pooling import maps
from lab.attributions.shared_pass import replaced, scored, shared_pass, taken
from lab.attributions.task import AttributionMaps, AttributionTask, joined
from lab.layers import Layer
from lab.shortages import is_memory_short

if TYPE_CHECKING:
    from torch import Tensor


def conductance(task: AttributionTask) -> AttributionMaps:
    """Return the conductance of every position, summed over channels: signed; all layers in the same passes."""
    return joined([_conductance(task.of(k), k, len(task.images)) for k in range(len(task.images))])


def layer_integrated_gradients(task: AttributionTask) -> AttributionMaps:
    """Return integrated gradients with respect to each layer's activation, summed over channels: signed."""
    return joined([_layer_paths(task.of(k), k, len(task.images)) for k in range(len(task.images))])


def _conductance(task: AttributionTask, image: int, images: int) -> AttributionMaps:
    alphas = torch.linspace(0, 1, task.steps + 1, dtype=task.images.dtype)
    start = task.baseline.expand_as(task.images)
    sums = {layer.name: torch.zeros(()) for layer in task.layers}
    ends: list[Tensor] = []
    for chunk in _overlapping(alphas, task.chunk):
        points = start + chunk.view(-1, 1, 1, 1) * (task.images - start)
        seen = shared_pass(task.module, points, task.layers, task.target)
        for layer in task.layers:
            values, gradients = seen.activations[layer.name], seen.gradients[layer.name]
            both = (gradients[1:] + gradients[:-1]) / 2
            sums[layer.name] = sums[layer.name] + (both * (values[1:] - values[:-1])).sum(dim=0, keepdim=True)
        ends += [seen.scores[:1], seen.scores[-1:]]
        task.tick(image * task.steps + round(float(chunk[-1]) * task.steps), images * task.steps)
    owed = ends[-1] - ends[0]
    return _found(task, sums, {layer.name: owed for layer in task.layers})


def _layer_paths(task: AttributionTask, image: int, images: int) -> AttributionMaps:
    start = taken(task.module, task.baseline.expand_as(task.images), task.layers)
    end = taken(task.module, task.images, task.layers)
    # Midpoints: for a smooth path their error is half the trapezoid's.
    alphas = (torch.arange(task.steps, dtype=task.images.dtype) + 0.5) / task.steps
    sums, owed = {}, {}
    whole = _score(task)
    for number, layer in enumerate(task.layers):
        first, last = start[layer.name], end[layer.name]
        total = torch.zeros_like(first)
        for chunk in alphas.split(task.chunk):
            total += _gradients(task, layer, _between(first, last, chunk)).sum(dim=0, keepdim=True)
            done = image * len(task.layers) + number + float(chunk[-1])
            task.tick(round(done * task.steps), images * len(task.layers) * task.steps)
        sums[layer.name] = total / task.steps * (last - first)
        owed[layer.name] = whole - _score(task, layer, first)
    return _found(task, sums, owed)


def _score(task: AttributionTask, layer: Layer | None = None, value: Tensor | None = None) -> Tensor:
    """Return the score, or what it is when `layer` puts out `value` instead of its own result."""
    put_in = nullcontext() if layer is None or value is None else replaced(task.module, layer, lambda: value)
    with torch.no_grad(), scored(task.module, task.target) as score, put_in:
        return score(task.images.clone())


def _gradients(task: AttributionTask, layer: Layer, values: Tensor) -> Tensor:
    """Return the score's gradient when `layer` puts out `values` (M, …) instead of its own result.

    What comes before the layer is the same for all of them, so one image passes through it; where the network joins it
    to what comes after (a concatenation), as many do.
    """
    try:
        return _gradients_behind(task, layer, values, 1)
    except RuntimeError as error:
        if is_memory_short(error):
            raise
        return _gradients_behind(task, layer, values, len(values))


def _gradients_behind(task: AttributionTask, layer: Layer, values: Tensor, copies: int) -> Tensor:
    points = values.detach().requires_grad_(True)
    with torch.enable_grad(), scored(task.module, task.target) as score, replaced(task.module, layer, lambda: points):
        scores = score(task.images.expand(copies, -1, -1, -1).clone())
        (gradient,) = torch.autograd.grad(scores.sum(), points)
    return gradient


def _between(first: Tensor, last: Tensor, alphas: Tensor) -> Tensor:
    return first + alphas.to(first).view(-1, *[1] * (first.ndim - 1)) * (last - first)


def _overlapping(alphas: Tensor, size: int) -> Iterator[Tensor]:
    """Yield runs of points, the last of each being the first of the next."""
    for begin in range(0, len(alphas) - 1, size):
        yield alphas[begin : begin + size + 1]


def _found(task: AttributionTask, sums: dict[str, Tensor], owed: dict[str, Tensor]) -> AttributionMaps:
    """Sum attributions over channels; `sums` are raw, tokens that stand for no place included."""
    placed = {layer.name: maps(sums[layer.name], layer).sum(dim=1) for layer in task.layers}
    return AttributionMaps(placed, {name: raw.sum().reshape(1) for name, raw in sums.items()}, owed)
