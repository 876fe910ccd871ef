"""Reading a layer's axes off its shape: which are channels, which are positions, which tokens stand for no place."""

from __future__ import annotations

import math
from collections import Counter
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
    readings = {visit.name: _readings(visit.output or (), ratio, prefix) for visit in visits}
    votes = Counter(
        (type(visit.module), readings[visit.name][0].layout) for visit in visits if len(readings[visit.name]) == 1
    )
    return {visit.name: _decided(visit, readings[visit.name], votes) for visit in visits}


def _readings(shape: tuple[int, ...], ratio: float, prefix: int) -> list[Grid]:
    """Return every way to read a shape; two only for maps with as many channels as rows and columns."""
    if len(shape) == 2:
        return [Grid("NC", shape[1])]
    if len(shape) == 3:
        return [_tokens(shape[1], shape[2], ratio, prefix)]
    if len(shape) == 4:
        both = (Grid("NCHW", shape[1], shape[2], shape[3]), Grid("NHWC", shape[3], shape[1], shape[2]))
        return [grid for grid in both if _fits(grid.height, grid.width, ratio)]
    return []


def _decided(visit: Visit, readings: list[Grid], votes: Counter[tuple[type, Layout]]) -> Grid | None:
    """Return the one reading; of two, the one that modules of the same type, its own kind, or the network has."""
    if len(readings) < 2:
        return readings[0] if readings else None
    scores = [
        (
            votes[(type(visit.module), grid.layout)],
            _speaks_for(visit.module) == grid.layout,
            sum(count for (_, layout), count in votes.items() if layout == grid.layout),
            grid.layout == "NCHW",
        )
        for grid in readings
    ]
    return readings[scores.index(max(scores))]


def _speaks_for(module: nn.Module) -> Layout | None:
    """Return the layout that a plain layer's own kind is made for, None when it does not say."""
    name = type(module).__name__
    if any(module.children()):
        return None
    if name.startswith(BACK) and not name.endswith("2d"):
        return "NHWC"
    return "NCHW" if any(mark in name for mark in FRONT) else None


def _tokens(length: int, channels: int, ratio: float, prefix: int) -> Grid:
    """Return the reading of `(N, length, channels)`: as many prefix tokens as the network says, else none, else one."""
    for first in dict.fromkeys((prefix, 0, 1)):
        sides = token_sides(length - first, ratio)
        if sides and (first in (prefix, 0) or sides[0] > 1):
            return Grid("NLC", channels, *sides, prefix_tokens=first)
    return Grid("NLC", channels, prefix_tokens=prefix if length > prefix else 0)


def token_sides(count: int, ratio: float) -> tuple[int, int] | None:
    """Return the height and width of `count` positions that have the image's ratio of sides, or None."""
    if count < 1:
        return None
    width = round(math.sqrt(count / ratio))
    height = count // max(1, width)
    return (height, width) if height * width == count and _fits(height, width, ratio) else None


def _fits(height: int, width: int, ratio: float) -> bool:
    """Whether a map of this size can be a shrunken image; each side may be off by the rounding of one position."""
    return abs(height - width * ratio) <= 1 if ratio != 1 else height == width
