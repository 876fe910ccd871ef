"""What a visualization raises: a direction in a layer's channels, averaged over positions or taken at one of them.

A channel is the direction along its own axis; a linear probe's weights are one too. Every objective is linear in the
activation, so one product serves a whole batch, an image each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lab.errors import LabError
from lab.layers import Layer
from lab.layers.types import check_channel, check_position

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Objective:
    """`weights` `(C,)` of the layer's channels plus `bias`; `place` is a position (row, column) as shares, or None.

    Without a place the activation is averaged over all positions.
    """

    name: str
    weights: np.ndarray
    bias: float = 0.0
    place: tuple[float, float] | None = None

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Return the objective of pooled activations `(N, C)`, float64 `(N,)`."""
        return np.asarray(vectors.astype(np.float64) @ self.weights + self.bias)

    def negated(self) -> Objective:
        """Return the objective that is raised by what lowers this one."""
        return replace(self, weights=-self.weights, bias=-self.bias)


def channel(layer: Layer, index: int) -> Objective:
    """Return the objective of one channel, averaged over positions; raises LabError when the layer has no such one."""
    return Objective(str(index), _axis(layer, index))


def neuron(layer: Layer, index: int, row: int | None = None, column: int | None = None) -> Objective:
    """Return the objective of one channel at one position, by default the middle one."""
    height, width = max(1, layer.height), max(1, layer.width)
    row, column = height // 2 if row is None else row, width // 2 if column is None else column
    check_position(layer, row, column)
    place = ((row + 0.5) / height, (column + 0.5) / width)
    return Objective(f"{index}@{row}x{column}", _axis(layer, index), place=place)


def direction(layer: Layer, name: str, weights: np.ndarray, bias: float = 0.0) -> Objective:
    """Return the objective of a direction `(C,)`, such as a probe's weights; raises LabError for another length."""
    if weights.shape != (layer.channels,):
        raise LabError(f"direction {name} has shape {weights.shape}; layer {layer.name} has {layer.channels} channels")
    return Objective(name, weights.astype(np.float64), bias)


def values(maps: Tensor, objectives: Sequence[Objective]) -> Tensor:
    """Return each image's objective, `(N,)`, for maps `(N, C, H, W)` and as many objectives."""
    import torch

    weights = torch.tensor(np.stack([one.weights for one in objectives]), dtype=maps.dtype, device=maps.device)
    biases = torch.tensor([one.bias for one in objectives], dtype=maps.dtype, device=maps.device)
    if all(one.place is None for one in objectives):
        return (maps.mean(dim=(2, 3)) * weights).sum(dim=1) + biases
    vectors = torch.stack([_at(image, one.place) for image, one in zip(maps, objectives, strict=True)])
    return (vectors * weights).sum(dim=1) + biases


def likeness(maps: Tensor, groups: Sequence[int] = ()) -> Tensor:
    """Return how alike each image's Gram matrix is to the others' of its group, `(N,)`, the mean cosine; 0 for one
    alone. Without `groups` (a number per image) all are one.

    It is what diversity lowers, as in the appendix of Olah et al. 2017: two images of the same texture have the same
    Gram matrix.
    """
    import torch

    flat = maps.flatten(2)
    gram = torch.einsum("ncp,ndp->ncd", flat, flat).flatten(1)
    unit = gram / gram.norm(dim=1, keepdim=True).clamp_min(1e-12)
    group = torch.tensor(list(groups) or [0] * len(maps), device=maps.device)
    others = (group[:, None] == group[None, :]).to(unit.dtype).fill_diagonal_(0)
    return (unit @ unit.T * others).sum(dim=1) / others.sum(dim=1).clamp_min(1)


def _at(image: Tensor, place: tuple[float, float] | None) -> Tensor:
    if place is None:
        return image.mean(dim=(1, 2))
    height, width = image.shape[1:]
    return image[:, min(height - 1, int(place[0] * height)), min(width - 1, int(place[1] * width))]


def _axis(layer: Layer, index: int) -> np.ndarray:
    check_channel(layer, index)
    axis = np.zeros(layer.channels)
    axis[index] = 1.0
    return axis
