"""Convolutions and linear maps that only say where NaN gets to, in a fraction of the time: for receptive fields.

A number that is NaN makes every output NaN that it has a part in, whatever the weight it is multiplied with. So, as
far as NaN goes, all input channels that an output channel mixes may be taken for one, and all output channels of a
group are alike. Within `OnlySpreading` that is what is computed: the places are those of the real arithmetic, the
other values are made up (bounded, and different from channel to channel, so that no normalisation divides by zero).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import conv2d, linear
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from torch import Tensor


class OnlySpreading(TorchFunctionMode):
    """Within its block 2-D convolutions and linear maps of any module only spread NaN."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return FUNCTIONS.get(func, func)(*args, **(kwargs or {}))


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if input.dim() != 4:
        return conv2d(input, weight, bias, stride, padding, dilation, groups)
    mixed = input.unflatten(1, (groups, -1)).sum(2) if groups < input.shape[1] else input
    kernel = torch.ones((groups, 1, *weight.shape[2:]))
    spread = conv2d(mixed * 0, kernel, None, stride, padding, dilation, groups)
    values = _values(len(weight)).view(groups, -1, 1, 1)
    return (spread[:, :, None] + values).flatten(1, 2)


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if weight.dim() != 2:
        return linear(input, weight, bias)
    return input.sum(-1, keepdim=True) * 0 + _values(len(weight))


def _values(channels: int) -> Tensor:
    return torch.linspace(-1, 1, channels) if channels > 1 else torch.ones(channels)


FUNCTIONS = {torch.conv2d: _convolution, conv2d: _convolution, linear: _linear}
