"""The one convolution that a linear front of a network is: read off its gradient, and applied to images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.activations.partial_forward import forward_to
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Single:
    """One convolution: kernel `(C, 3, side, side)`, bias `(C,)`, stride, and the pixel where its first window is."""

    kernel: Tensor
    bias: Tensor
    stride: int
    top: int
    left: int
    rows: slice
    columns: slice

    def __call__(self, image: Tensor) -> Tensor:
        """Return what it makes of an image at the positions `rows` × `columns` of the layer."""
        from torch.nn.functional import conv2d

        return conv2d(image[..., self.top :, self.left :], self.kernel, self.bias, self.stride)[
            ..., : self.rows.stop - self.rows.start, : self.columns.stop - self.columns.start
        ]

    def over_padding(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return what it makes at every position of a layer of `size`, with zeros around the image."""
        from torch.nn.functional import conv2d, pad

        height, width = self.kernel.shape[-2:]
        top = self.rows.start * self.stride - self.top
        left = self.columns.start * self.stride - self.left
        below = (size[0] - 1) * self.stride + height - top - image.shape[-2]
        right = (size[1] - 1) * self.stride + width - left - image.shape[-1]
        around = pad(image, (left, right, top, below))  # less than 0 cuts rows that no window reaches
        return conv2d(around, self.kernel, self.bias, self.stride)


def collapsed(module: nn.Module, layer: Layer, size: tuple[int, int]) -> Single:
    """Return the one convolution that `layer` of a linear network is, read off its gradient at the middle position."""
    import torch

    blank = torch.zeros((1, 3, *size), dtype=torch.float64, requires_grad=True)
    with torch.enable_grad():
        out = forward_to(module, layer.name, blank)
        row, column = out.shape[-2] // 2, out.shape[-1] // 2
        gradients = torch.stack(
            [torch.autograd.grad(value, blank, retain_graph=True)[0][0] for value in out[0, :, row, column]]
        )
    bias = out[0, :, row, column].detach()
    reached = gradients.abs().amax(dim=(0, 1))
    ys, xs = (torch.nonzero(reached.amax(dim=axis)).flatten() for axis in (1, 0))
    top, left, bottom, right = int(ys[0]), int(xs[0]), int(ys[-1]) + 1, int(xs[-1]) + 1
    stride = layer.stride
    kernel = gradients[..., top:bottom, left:right].contiguous()
    first_row, first_column = row - top // stride, column - left // stride
    last_row = row + (size[0] - bottom) // stride
    last_column = column + (size[1] - right) // stride
    return Single(
        kernel,
        bias,
        stride,
        top - (row - first_row) * stride,
        left - (column - first_column) * stride,
        slice(first_row, last_row + 1),
        slice(first_column, last_column + 1),
    )
