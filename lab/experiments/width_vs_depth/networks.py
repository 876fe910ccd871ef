"""Five small networks of equal size: one wide layer, parallel extractors, a stack, a linear stack, fully connected.

    build(name, parameters, size, classes) -> a network with at most so many parameters, as near to it as its width goes

All convolutional ones normalise by batch and end alike: the mean over all places, then a linear map to the classes. So
they differ only in how their layers are arranged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import LabError, nearest
from lab.layers.modules import parameters_in

if TYPE_CHECKING:
    from torch import Tensor, nn

STRIDE = 4  # of the single layers; a stack takes two strides of 2 and has as many places after its second layer
WIDE_KERNEL = 7
PARALLEL_KERNELS = (3, 5, 7, 11)
STACK_STRIDES = (2, 2, 1, 2, 1)
MOST_WIDTH = 4096


@dataclass(frozen=True)
class Arrangement:
    """A row of the table: a name, what it is in words, and what builds it at a width for images of a size."""

    name: str
    title: str
    about: str
    make: Callable[[int, int, int], nn.Module]


def build(name: str, parameters: int, size: int, classes: int = 2) -> nn.Module:
    """Return an arrangement with the widest layers that need no more than `parameters`.

    Weights are drawn from torch's default generator. Raises LabError when even the narrowest needs more.
    """
    if name not in ARRANGEMENTS:
        known = ", ".join(ARRANGEMENTS)
        raise LabError(f"there is no arrangement {name!r}{nearest(name, ARRANGEMENTS)}; known: {known}")
    make = ARRANGEMENTS[name].make
    return make(width_for(name, parameters, size, classes), size, classes)


def width_for(name: str, parameters: int, size: int, classes: int = 2) -> int:
    """Return the largest width of an arrangement that needs no more than `parameters`."""
    import torch

    def needed(width: int) -> int:
        with torch.device("meta"):
            return parameters_in(ARRANGEMENTS[name].make(width, size, classes))

    if needed(1) > parameters:
        raise LabError(
            f"{ARRANGEMENTS[name].title} needs {needed(1):,} parameters at the least for images of {size} pixels, and "
            f"{parameters:,} are allowed; allow more, or take smaller images"
        )
    low, high = 1, MOST_WIDTH
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if needed(middle) <= parameters else (low, middle - 1)
    return low


def _wide(width: int, size: int, classes: int) -> nn.Module:
    from torch import nn

    return nn.Sequential(*_layer(3, width, WIDE_KERNEL, STRIDE), *_end(width, classes))


def _parallel(width: int, size: int, classes: int) -> nn.Module:
    from torch import nn

    class Beside(nn.ModuleList):
        """Runs its parts on the same input and joins their channels."""

        def forward(self, images: Tensor) -> Tensor:
            import torch

            return torch.cat([part(images) for part in self], dim=1)

    parts = Beside(nn.Sequential(*_layer(3, width, kernel, STRIDE)) for kernel in PARALLEL_KERNELS)
    return nn.Sequential(parts, *_end(width * len(PARALLEL_KERNELS), classes))


def _stack(width: int, size: int, classes: int, *, linear: bool = False) -> nn.Module:
    from torch import nn

    layers: list[nn.Module] = []
    for number, stride in enumerate(STACK_STRIDES):
        layers += _layer(width if number else 3, width, 3, stride, linear=linear)
    return nn.Sequential(*layers, *_end(width, classes))


def _linear_stack(width: int, size: int, classes: int) -> nn.Module:
    return _stack(width, size, classes, linear=True)


def _connected(width: int, size: int, classes: int) -> nn.Module:
    from torch import nn

    first = nn.Linear(3 * size * size, width, bias=False)
    return nn.Sequential(nn.Flatten(), first, nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, classes))


def _layer(inputs: int, width: int, kernel: int, stride: int, *, linear: bool = False) -> list[nn.Module]:
    from torch import nn

    convolution = nn.Conv2d(inputs, width, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(width), *([] if linear else [nn.ReLU()])]


def _end(width: int, classes: int) -> list[nn.Module]:
    from torch import nn

    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]


ARRANGEMENTS: dict[str, Arrangement] = {
    row.name: row
    for row in (
        Arrangement("stack", "a stack", "five layers of 3 × 3 on top of each other", _stack),
        Arrangement("wide", "one wide layer", "one layer of 7 × 7 with many channels", _wide),
        Arrangement("parallel", "side by side", "layers of 3, 5, 7 and 11 beside each other, joined", _parallel),
        Arrangement("linear", "a linear stack", "the same stack without activations", _linear_stack),
        Arrangement("connected", "fully connected", "every unit sees every pixel, nothing is shared", _connected),
    )
}
