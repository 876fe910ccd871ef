"""Whether a layer's positions are where its shape says: a change of one part of the image is looked for in the map.

A row of tokens is read as a picture, line by line. Networks that keep them in another order (windows within windows,
as Hiera's) have shapes that look the same. So the image is changed in one part after another, and each layer's change
must be largest where that part is. Where it is clearly largest elsewhere, the positions are taken to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.layers.layout import Grid
from lab.layers.outputs import tensor_of
from lab.layers.tracing import in_eval_mode

if TYPE_CHECKING:
    from torch import Tensor, nn

# Parts of an image cut into 7 by 7, by row and column: no corners and no diagonal, which other orders share with rows
PARTS = ((1, 4), (4, 2), (2, 6), (6, 3), (3, 0), (0, 2), (5, 1), (2, 3), (3, 5), (1, 2), (4, 6), (5, 4))
SIDE = 7
# A change that is this many times as large at its peak as it is on average has a place; small maps cannot have more
# than a share of their number of positions. (Attention over all positions, untrained, reaches 4; Hiera's blocks 58.)
CLEAR, CLEAR_SHARE = 8.0, 0.25
# Of the changes that have a place, this share must be where the image was changed
RIGHT = 0.7


def misplaced(module: nn.Module, grids: Mapping[str, Grid | None], input_size: tuple[int, int, int]) -> set[str]:
    """Return the names of layers with height and width whose positions are not those of the image, line by line.

    Runs the network once on `1 + len(PARTS)` images of `input_size` (C, H, W); leaves it as it was.
    """
    latest: dict[tuple[Any, ...], bool] = {}
    wrong = set()
    for name, change in changes(module, grids, input_size).items():  # in the order in which the layers run
        grid = grids[name]
        assert grid is not None
        arrangement = (grid.layout, grid.height, grid.width, grid.prefix_tokens)
        found = in_place(change, _margin(grid))
        # A layer that mixes all positions (attention) shows no place of its own: it has what it was given
        latest[arrangement] = latest.get(arrangement, True) if found is None else found
        if not latest[arrangement]:
            wrong.add(name)
    return wrong


def changes(
    module: nn.Module, grids: Mapping[str, Grid | None], input_size: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    """Return how much each position of each layer changes with each part of the image, `(P, H, W)` by name."""
    import torch

    kept: dict[str, np.ndarray] = {}
    first = next(module.parameters(), torch.zeros(()))
    images = _images(input_size).to(first.device, first.dtype)
    modules = dict(module.named_modules())

    def watch(name: str, grid: Grid) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            maps = _maps(tensor_of(output), grid).float()
            kept[name] = (maps[1:] - maps[:1]).norm(dim=1).cpu().numpy()

        return hook

    handles = [
        modules[name].register_forward_hook(watch(name, grid)) for name, grid in grids.items() if grid and grid.height
    ]
    try:
        with torch.inference_mode(), in_eval_mode(module):
            module(images)
    finally:
        for handle in handles:
            handle.remove()
    return kept


def in_place(change: np.ndarray, margin: float) -> bool | None:
    """Whether changes `(P, H, W)` of the image's `PARTS` are where those are, `margin` positions more or less.

    None when most of them have no place: they are as large everywhere.
    """
    parts, height, width = change.shape
    own = change - change.mean(axis=0)  # what every part changes says nothing of its place
    least = min(CLEAR, CLEAR_SHARE * height * width)
    clear = right = 0
    for part, (row, column) in zip(own, PARTS, strict=True):
        there = np.maximum(part, 0)
        if not np.isfinite(there).all() or there.max() <= 0 or there.max() < least * there.mean():
            continue
        y, x = np.unravel_index(int(there.argmax()), there.shape)
        clear += 1
        right += _near(int(y), row, height, margin) and _near(int(x), column, width, margin)
    return None if clear <= parts / 2 else right >= RIGHT * clear


def _margin(grid: Grid) -> float:
    """Return how far a change may move: a kernel of 3 moves it by 1; those of maps that are no tokens can be larger."""
    return max(1.0 if grid.layout == "NLC" else 4.0, 0.1 * max(grid.height, grid.width))


def _near(position: int, part: int, count: int, margin: float) -> bool:
    """Whether one of `count` positions is in a part of the image or at most `margin` from it."""
    return part * count / SIDE - margin <= position + 0.5 <= (part + 1) * count / SIDE + margin


def _images(input_size: tuple[int, int, int]) -> Tensor:
    import torch

    noise = torch.Generator().manual_seed(0)
    images = torch.rand((1, *input_size), generator=noise).repeat(1 + len(PARTS), 1, 1, 1)
    other = torch.randn(input_size, generator=noise) * 2
    for image, (row, column) in zip(images[1:], PARTS, strict=True):
        rows, columns = (
            slice(part * size // SIDE, (part + 1) * size // SIDE)
            for part, size in ((row, input_size[1]), (column, input_size[2]))
        )
        image[:, rows, columns] = other[:, rows, columns]
    return images


def _maps(output: Tensor, grid: Grid) -> Tensor:
    """Return an output as `(N, C, H, W)`."""
    if grid.layout == "NLC":
        return output[:, grid.prefix_tokens :].transpose(1, 2).unflatten(2, (grid.height, grid.width))
    return output.permute(0, 3, 1, 2) if grid.layout == "NHWC" else output
