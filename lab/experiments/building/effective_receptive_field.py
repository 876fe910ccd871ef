"""How far one position of a layer really looks: its gradient on the picture, and every pixel it could depend on.

`effective` measures: the gradient of one position of each layer in several pictures, in random directions of its
channels, as in Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional neural
networks" (2016). `reachable` finds rows and columns each position depends on at all: one row (or column) of NaN reaches
it through any operation or it does not, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.layers import Layer
from lab.progress import Progress
from lab.shortages import in_parts, in_smaller_batches

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCH = 16


def middle(layer: Layer) -> tuple[int, int]:
    """Return the row and column of a layer's middle position."""
    return layer.height // 2, layer.width // 2


def positions(layer: Layer, pictures: int, draws: int, *, seed: int = 0) -> np.ndarray:
    """Return which row and column is looked at, `(draws, pictures, 2)`: the middle in the first picture, elsewhere
    random ones of the middle half of the map, so that few fields are cut by the border."""
    rng = np.random.default_rng((seed, 0xF1E1D))
    height, width = layer.height, layer.width
    found = rng.integers((height // 4, width // 4), (height - height // 4, width - width // 4), (draws, pictures, 2))
    found[:, 0] = middle(layer)
    return np.asarray(found)


def effective(
    module: nn.Module, images: Tensor, layers: Sequence[Layer], draws: int, progress: Progress, stage: str
) -> dict[str, np.ndarray]:
    """Return |gradient| summed over colours, `(draws, P, H, W)`, by layer name, at `positions` of P pictures.

    When memory runs out, fewer pictures are passed through at once.
    """
    import torch

    directions = torch.Generator().manual_seed(0)
    drawn = {
        layer.name: [
            (at, torch.randint(0, 2, (len(images), layer.channels), generator=directions) * 2 - 1)
            for at in positions(layer, len(images), draws)
        ]
        for layer in layers
    }

    def some(numbers: Sequence[int]) -> dict[str, np.ndarray]:
        return _effective(module, images, layers, drawn, list(numbers), progress, stage)

    parts = in_parts(range(len(images)), some, stage)
    return {layer.name: np.concatenate([part[layer.name] for part in parts], axis=1) for layer in layers}


def _effective(
    module: nn.Module,
    images: Tensor,
    layers: Sequence[Layer],
    drawn: Mapping[str, Sequence[tuple[np.ndarray, Tensor]]],
    numbers: list[int],
    progress: Progress,
    stage: str,
) -> dict[str, np.ndarray]:
    import torch

    pictures = images[numbers].clone().requires_grad_(True)
    each = torch.arange(len(numbers))
    found: dict[str, np.ndarray] = {}
    with torch.enable_grad(), record(module, layers, _map_of) as taken:
        module(pictures)
        for number, layer in enumerate(layers):
            progress(stage, number, len(layers), "layers")
            parts = []
            for at, signs in drawn[layer.name]:
                rows, columns = torch.from_numpy(at[numbers]).T
                answers = taken[layer.name][each, :, rows, columns]
                owed = (answers * signs[numbers].to(answers)).sum()
                (gradient,) = torch.autograd.grad(owed, pictures, retain_graph=True)
                parts.append(gradient.abs().sum(1).cpu().numpy().astype(np.float64))
            found[layer.name] = np.stack(parts)
    return found


def reachable(
    module: nn.Module, layers: Sequence[Layer], size: tuple[int, int], progress: Progress
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return which rows `(H, h, w)` and columns `(W, h, w)` of the image each position of a layer can depend on."""
    return in_smaller_batches(BATCH, lambda batch: _reachable(module, layers, size, progress, batch), "reaching back")


def _reachable(
    module: nn.Module, layers: Sequence[Layer], size: tuple[int, int], progress: Progress, batch: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    import torch

    height, width = size
    hit: dict[str, list[np.ndarray]] = {layer.name: [] for layer in layers}
    with torch.inference_mode(), record(module, layers, _nan_of) as taken:
        for start in range(0, height + width, batch):
            progress("Finding what each position can depend on", start, height + width, "rows")
            places = range(start, min(start + batch, height + width))
            images = torch.full((len(places), 3, height, width), 0.5)
            for row, place in enumerate(places):
                if place < height:
                    images[row, :, place, :] = torch.nan
                else:
                    images[row, :, :, place - height] = torch.nan
            module(images)
            for layer in layers:
                hit[layer.name].append(taken[layer.name].cpu().numpy())
    joined = {name: np.concatenate(parts) for name, parts in hit.items()}
    return {name: (all_of[:height], all_of[height:]) for name, all_of in joined.items()}


def theoretical(
    module: nn.Module, layers: Sequence[Layer], size: tuple[int, int], progress: Progress
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return which rows `(H,)` and columns `(W,)` of the image each layer's middle position can depend on."""
    every = reachable(module, layers, size, progress)
    return {layer.name: at_position(every[layer.name], middle(layer)) for layer in layers}


def at_position(reached: tuple[np.ndarray, np.ndarray], at: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows `(H,)` and columns `(W,)` that one position depends on, from what `reachable` gives."""
    return reached[0][:, at[0], at[1]], reached[1][:, at[0], at[1]]


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


def _map_of(activation: Tensor, layer: Layer) -> Tensor:
    return maps(activation, layer).clone()


def _nan_of(activation: Tensor, layer: Layer) -> Tensor:
    return maps(activation, layer).isnan().any(dim=1)
