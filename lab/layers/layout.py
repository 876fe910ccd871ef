"""Reading a layer's axes off its shape: which are channels, which are positions, which tokens stand for no place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.layers.tracing import Visit
from lab.layers.types import Layout

if TYPE_CHECKING:
    from torch import nn

# Modules after which a 4-D tensor has its channels in front, or at the end
FRONT = ("Conv", "BatchNorm", "GroupNorm", "LayerNorm2d", "RmsNorm2d", "MaxPool", "AvgPool")
BACK = ("Linear", "LayerNorm", "RmsNorm", "RMSNorm")


@dataclass(frozen=True)
class Grid:
    """The axes of a layer's output; height and width are 0 when it has no positions or none that are known."""

    layout: Layout
    channels: int
    height: int = 0
    width: int = 0
    prefix_tokens: int = 0


def read_layouts(
    module: nn.Module, visits: Sequence[Visit], input_size: tuple[int, int, int]
) -> dict[str, Grid | None]:
    """Return the axes of each visit's output by name, None where they cannot be told."""
    prefix = int(getattr(module, "num_prefix_tokens", 0) or 0)
    ratio = input_size[1] / input_size[2]
    found: dict[str, Grid | None] = {}
    before: Layout = "NCHW"
    for visit in visits:
        grid = _read(visit, ratio, prefix, before)
        if grid and grid.layout in ("NCHW", "NHWC"):
            before = grid.layout
        found[visit.name] = grid
    return found


def _read(visit: Visit, ratio: float, prefix: int, before: Layout) -> Grid | None:
    shape = visit.output or ()
    if len(shape) == 2:
        return Grid("NC", shape[1])
    if len(shape) == 3:
        return _tokens(shape[1], shape[2], ratio, prefix)
    if len(shape) == 4:
        return _map(shape, ratio, _favoured(visit) or before)
    return None


def _map(shape: tuple[int, ...], ratio: float, favoured: Layout) -> Grid | None:
    readings = {
        "NCHW": Grid("NCHW", shape[1], shape[2], shape[3]),
        "NHWC": Grid("NHWC", shape[3], shape[1], shape[2]),
    }
    possible = [layout for layout, grid in readings.items() if _fits(grid.height, grid.width, ratio)]
    if favoured in possible:
        return readings[favoured]
    return readings[possible[0]] if possible else None


def _favoured(visit: Visit) -> Layout | None:
    """Return the layout that the module's own kind speaks for, looking at its last telling descendant."""
    for child in reversed(list(visit.module.modules())):
        name = type(child).__name__
        if name.startswith(BACK) and not name.endswith("2d"):
            return "NHWC"
        if any(mark in name for mark in FRONT):
            return "NCHW"
    return None


def _tokens(length: int, channels: int, ratio: float, prefix: int) -> Grid:
    for first in dict.fromkeys((prefix, 0)):
        sides = _sides(length - first, ratio)
        if sides:
            return Grid("NLC", channels, *sides, prefix_tokens=first)
    return Grid("NLC", channels, prefix_tokens=prefix if length > prefix else 0)


def _sides(count: int, ratio: float) -> tuple[int, int] | None:
    """Return the height and width of `count` positions that have the image's ratio of sides, or None."""
    if count < 1:
        return None
    width = round(math.sqrt(count / ratio))
    height = count // max(1, width)
    return (height, width) if height * width == count and _fits(height, width, ratio) else None


def _fits(height: int, width: int, ratio: float) -> bool:
    """Whether a map of this size can be a shrunken image; each side may be off by the rounding of one position."""
    return abs(height - width * ratio) <= 1 if ratio != 1 else height == width
