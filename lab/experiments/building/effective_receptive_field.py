"""How far one position of a layer really looks: its gradient on the picture, and every pixel it could depend on.

`effective` measures: the gradient of the middle position of each layer, in random directions of its channels, as in
Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional neural networks" (2016).
`possible` finds rows and columns the position depends on at all: one row (or column) of NaN reaches it through any
operation or it does not, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.layers import Layer
from lab.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 16


def middle(layer: Layer) -> tuple[int, int]:
    """Return the row and column of a layer's middle position."""
    return layer.height // 2, layer.width // 2


def effective(
    module: nn.Module, image: Tensor, layers: Sequence[Layer], draws: int, progress: Progress, stage: str
) -> dict[str, np.ndarray]:
    """Return |gradient| summed over colours, `(draws, H, W)`, by layer name, of each layer's middle position."""
    import torch

    directions = torch.Generator().manual_seed(0)
    picture = image.clone().requires_grad_(True)
    found: dict[str, np.ndarray] = {}
    with torch.enable_grad(), record(module, layers, _at_middle) as taken:
        module(picture)
        for number, layer in enumerate(layers):
            progress(stage, number, len(layers), "layers")
            signs = torch.randint(0, 2, (draws, layer.channels), generator=directions).to(picture.dtype) * 2 - 1
            maps_of = [_gradient(taken[layer.name], sign.to(picture.device), picture) for sign in signs]
            found[layer.name] = np.stack(maps_of)
    return found


def theoretical(
    module: nn.Module, layers: Sequence[Layer], size: tuple[int, int], progress: Progress
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return which rows `(H,)` and columns `(W,)` of the image each layer's middle position can depend on."""
    import torch

    height, width = size
    hit: dict[str, list[np.ndarray]] = {layer.name: [] for layer in layers}
    with torch.inference_mode(), record(module, layers, _at_middle) as taken:
        for start in range(0, height + width, BATCH):
            progress("Finding what each position can depend on", start, height + width, "rows")
            places = range(start, min(start + BATCH, height + width))
            images = torch.full((len(places), 3, height, width), 0.5)
            for row, place in enumerate(places):
                if place < height:
                    images[row, :, place, :] = torch.nan
                else:
                    images[row, :, :, place - height] = torch.nan
            module(images)
            for layer in layers:
                hit[layer.name].append(taken[layer.name].isnan().any(dim=1).numpy())
    joined = {name: np.concatenate(parts) for name, parts in hit.items()}
    return {name: (all_of[:height], all_of[height:]) for name, all_of in joined.items()}


def square_of(gradient: np.ndarray, share: float) -> tuple[int, int, int]:
    """Return top, left and side of the smallest odd square around the gradient's centre that holds `share` of it."""
    weight = gradient.sum()
    rows, columns = np.indices(gradient.shape)
    if weight <= 0:
        return gradient.shape[0] // 2, gradient.shape[1] // 2, 0
    row, column = round(float((rows * gradient).sum() / weight)), round(float((columns * gradient).sum() / weight))
    ring = np.maximum(np.abs(rows - row), np.abs(columns - column))
    held = np.cumsum(np.bincount(ring.ravel(), gradient.ravel()))
    radius = int(np.searchsorted(held, share * weight * (1 - 1e-9)))
    return row - radius, column - radius, 2 * radius + 1


def _at_middle(activation: Tensor, layer: Layer) -> Tensor:
    row, column = middle(layer)
    return maps(activation, layer)[:, :, row, column].clone()


def _gradient(position: Tensor, sign: Tensor, picture: Tensor) -> np.ndarray:
    import torch

    (gradient,) = torch.autograd.grad((position * sign).sum(), picture, retain_graph=True)
    return np.asarray(gradient[0].abs().sum(0).cpu().numpy(), dtype=np.float64)
