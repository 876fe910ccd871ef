"""How a visualization is looked at while it is optimised: shifted, scaled and turned a little, by one resampling.

A pattern that only works pixel by pixel does not survive this (Olah et al. 2017, "transformation robustness"). All
three are one affine map, so one `grid_sample` does them, and it gives whatever size the network takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Motion:
    """The largest shift (share of the side), change of scale (share) and turn (degrees), each way."""

    shift: float = 0.06
    scale: float = 0.1
    turn: float = 8.0

    def draw(self, generator: Generator, steps: int) -> Tensor:
        """Return the maps of every step of one image, `(steps, 2, 3)`, as `affine_grid` takes them."""
        import torch

        drawn = torch.rand((steps, 4), generator=generator) * 2 - 1
        angle = drawn[:, 0] * math.radians(self.turn)
        zoom = 1 + drawn[:, 1] * self.scale
        across, down = drawn[:, 2] * 2 * self.shift, drawn[:, 3] * 2 * self.shift
        cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
        rows = [torch.stack([cos, -sin, across], dim=1), torch.stack([sin, cos, down], dim=1)]
        return torch.stack(rows, dim=1)


def moved(images: Tensor, maps: Tensor, size: int) -> Tensor:
    """Return `images` `(N, 3, S, S)` under the affine `maps` `(N, 2, 3)`, resampled to `size`, edges mirrored."""
    from torch.nn.functional import affine_grid, grid_sample

    grid = affine_grid(maps.to(images), [len(images), 3, size, size], align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def still(images: Tensor, size: int) -> Tensor:
    """Return images as they are, resized to `size` if need be."""
    from torch.nn.functional import interpolate

    if images.shape[-1] == size:
        return images
    return interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
