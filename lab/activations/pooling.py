"""From an activation to one vector per image. Rows of `POOLINGS`, and grids "2x2", "3x3", …

Layouts are turned into `(N, C, positions)` or maps at one place, `places` and `maps`; poolings know nothing of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lab.errors import LabError, nearest
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_GRID = 16


def pool(activation: Tensor, layer: Layer, pooling: str) -> Tensor:
    """Return one float32 vector per image, shape `(N, D)`, never a view of the activation.

    "avg", "max" over positions; "avg+max" both, one after the other; "cls" the first token that stands for no place
    (the average where a layer has none); "SxS" the averages of a grid of S by S fields, channel by channel. Vectors
    stay as they are.
    """
    side = grid_side(pooling)
    if side:
        return _grid(activation.float(), layer, side)
    return POOLINGS[pooling](activation.float(), layer).clone()


def check_pooling(pooling: str, layers: Sequence[Layer] = ()) -> None:
    """Raise LabError for a pooling that does not exist or that the layers cannot have."""
    side = grid_side(pooling)
    if side is None and pooling not in POOLINGS:
        allowed = ", ".join([*POOLINGS, "2x2", "3x3"])
        raise LabError(f"there is no pooling {pooling!r}{nearest(pooling, POOLINGS)}; use one of {allowed}")
    if side is not None and not 1 <= side <= LARGEST_GRID:
        raise LabError(f"pooling {pooling!r} is out of range; use a grid from 1x1 to {LARGEST_GRID}x{LARGEST_GRID}")
    if pooling == "cls" and layers and not any(layer.prefix_tokens for layer in layers):
        raise LabError("pooling 'cls' needs a network with a class token, and none of these layers has one; use avg")
    for layer in layers:
        if side and layer.layout != "NC":
            check_positions(layer, f"pooling {pooling!r}", "use avg")


def check_positions(layer: Layer, what: str, instead: str = "choose another layer") -> None:
    """Raise LabError when it is not known which part of the image a layer's positions stand for."""
    if not layer.height:
        raise LabError(f"{what} needs positions, and those of layer {layer.name} are not known; {instead}")


def dimension(layer: Layer, pooling: str) -> int:
    """Return the length of a layer's vector under a pooling."""
    side = grid_side(pooling)
    if layer.layout == "NC":
        return layer.channels * (2 if pooling == "avg+max" else 1)
    return layer.channels * (side * side if side else 2 if pooling == "avg+max" else 1)


def grid_side(pooling: str) -> int | None:
    """Return S of a pooling "SxS", None for any other."""
    match = re.fullmatch(r"(\d{1,3})x\1", pooling)
    return int(match[1]) if match else None


def maps(activation: Tensor, layer: Layer) -> Tensor:
    """Return an activation as maps `(N, C, H, W)`, whatever its layout, without tokens that stand for no place.

    Vectors are maps of one position. Raises LabError for a layer whose positions are not known.
    """
    if layer.layout != "NC":
        check_positions(layer, "a map")
    if layer.layout == "NHWC":
        return activation.permute(0, 3, 1, 2)
    if layer.layout == "NLC":
        tokens = activation[:, layer.prefix_tokens :]
        return tokens.transpose(1, 2).unflatten(2, (layer.height, layer.width))
    return activation if layer.layout == "NCHW" else activation[:, :, None, None]


def _places(activation: Tensor, layer: Layer) -> tuple[Tensor, tuple[int, ...]]:
    """Return an activation without tokens that stand for no place, and its axes that count positions."""
    if layer.layout == "NLC":
        return activation[:, layer.prefix_tokens :], (1,)
    return activation, {"NCHW": (2, 3), "NHWC": (1, 2), "NC": ()}[layer.layout]


def _average(activation: Tensor, layer: Layer) -> Tensor:
    places, axes = _places(activation, layer)
    return places.mean(axes) if axes else places


def _maximum(activation: Tensor, layer: Layer) -> Tensor:
    places, axes = _places(activation, layer)
    return places.amax(axes) if axes else places


def _both(activation: Tensor, layer: Layer) -> Tensor:
    import torch

    return torch.cat([_average(activation, layer), _maximum(activation, layer)], dim=1)


def _class_token(activation: Tensor, layer: Layer) -> Tensor:
    return activation[:, 0] if layer.prefix_tokens else _average(activation, layer)


def _grid(activation: Tensor, layer: Layer, side: int) -> Tensor:
    from torch.nn.functional import adaptive_avg_pool2d

    if layer.layout == "NC":
        return activation.clone()
    return adaptive_avg_pool2d(maps(activation, layer), side).flatten(1).contiguous()


POOLINGS: dict[str, Callable[[Tensor, Layer], Tensor]] = {
    "avg": _average,
    "max": _maximum,
    "avg+max": _both,
    "cls": _class_token,
}
