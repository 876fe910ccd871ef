"""One filter taken apart: the patch of every input channel, times its kernel slice, summed, plus bias. Torch-free.

`FilterLayer` holds a convolution with what went in and what came out; `at` gives the sum for one output channel and
position. Works for full, grouped, depthwise and 1 × 1 convolutions, with any stride, dilation and padding with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.errors import LabError

KINDS = {
    "full": "spans all input channels",
    "1×1": "spans all input channels, one pixel of each",
    "grouped": "spans one group of the input channels",
    "depthwise": "sees a single input channel",
    "single": "has a single input channel to see",
}


@dataclass(frozen=True)
class FilterSum:
    """What makes one output number. Arrays are float64; `(S, kh, kw)` for S input channels from `first` on.

    `own` is what the network computed itself, `total` the sum of all products plus bias.
    """

    channel: int
    row: int
    column: int
    first: int
    of_channels: int
    patch: np.ndarray
    kernel: np.ndarray
    bias: float
    own: float

    @property
    def products(self) -> np.ndarray:
        """The product map of every input channel, `(S, kh, kw)`."""
        return np.asarray(self.patch * self.kernel)

    @property
    def contributions(self) -> np.ndarray:
        """What each input channel adds, `(S,)`."""
        return np.asarray(self.products.sum(axis=(1, 2)))

    @property
    def total(self) -> float:
        """The sum over input channels, plus bias."""
        return float(self.contributions.sum() + self.bias)

    @property
    def difference(self) -> float:
        """How far the sum is from the network's own number."""
        return abs(self.total - self.own)

    def ranked(self) -> pd.DataFrame:
        """Return one row per input channel, the largest in size first: input_channel, contribution, running sum."""
        order = np.argsort(-np.abs(self.contributions), kind="stable")
        values = self.contributions[order]
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(order) + 1),
                "input_channel": order + self.first,
                "contribution": values,
                "sum_so_far": np.cumsum(values),
            }
        )


@dataclass(frozen=True)
class FilterLayer:
    """A convolution as it ran on one picture: inputs `(C, H, W)`, kernels `(O, S, kh, kw)`, outputs `(O, H', W')`."""

    name: str
    inputs: np.ndarray
    kernels: np.ndarray
    biases: np.ndarray
    outputs: np.ndarray
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @classmethod
    def from_tables(cls, tables: Mapping[str, pd.DataFrame]) -> FilterLayer:
        """Return the layer that a run's tables hold."""
        row = tables["chosen"].iloc[0]
        kernels = _stacked(tables["kernels"])
        spanned = int(row.in_channels) // int(row.groups)
        return cls(
            name=str(row.layer),
            inputs=_stacked(tables["inputs"]),
            kernels=kernels.reshape(len(kernels), spanned, int(row.kernel_height), int(row.kernel_width)),
            biases=tables["kernels"]["bias"].to_numpy(dtype=float),
            outputs=_stacked(tables["outputs"]),
            stride=(int(row.stride_y), int(row.stride_x)),
            padding=(int(row.padding_y), int(row.padding_x)),
            dilation=(int(row.dilation_y), int(row.dilation_x)),
            groups=int(row.groups),
        )

    @property
    def kind(self) -> str:
        """Which of `KINDS` the layer is."""
        return kind_of(self.inputs.shape[0], self.groups, (self.kernels.shape[2], self.kernels.shape[3]))

    def at(self, channel: int, row: int, column: int) -> FilterSum:
        """Return the sum behind output `channel` at a position; raises LabError outside the output."""
        for name, value, size in zip(
            ("channel", "row", "column"), (channel, row, column), self.outputs.shape, strict=True
        ):
            if not 0 <= value < size:
                raise LabError(f"{name} is {value}; layer {self.name} has {size}, so it must be from 0 to {size - 1}")
        spanned = self.kernels.shape[1]
        first = channel // (self.kernels.shape[0] // self.groups) * spanned
        return FilterSum(
            channel=channel,
            row=row,
            column=column,
            first=first,
            of_channels=self.inputs.shape[0],
            patch=self._patch(first, spanned, row, column),
            kernel=self.kernels[channel],
            bias=float(self.biases[channel]),
            own=float(self.outputs[channel, row, column]),
        )

    def strongest(self, channel: int | None = None) -> tuple[int, int, int]:
        """Return channel, row and column of the largest response (of one channel, if it is given)."""
        maps = self.outputs if channel is None else self.outputs[channel : channel + 1]
        found = np.unravel_index(int(np.argmax(maps)), maps.shape)
        return int(found[0]) + (channel or 0), int(found[1]), int(found[2])

    def telling(self) -> int:
        """Return the channel that responds most to little of the picture, among those that respond strongly."""
        highest = self.outputs.max(axis=(1, 2))
        usual = np.abs(self.outputs).mean(axis=(1, 2))
        strong = highest >= 0.25 * highest.max()
        return int(np.argmax(np.where(strong, highest / (usual + 1e-12), -np.inf)))

    def weakest(self, channel: int) -> tuple[int, int, int]:
        """Return channel, row and column of one channel's lowest response."""
        row, column = np.unravel_index(int(np.argmin(self.outputs[channel])), self.outputs[channel].shape)
        return channel, int(row), int(column)

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """Return where in the input (row, column) the window of a position begins; negative in the padding."""
        return row * self.stride[0] - self.padding[0], column * self.stride[1] - self.padding[1]

    def added_by(self, channel: int, input_channel: int) -> np.ndarray:
        """Return what one input channel that `channel` spans adds at every position, `(H', W')`."""
        kernel = self.kernels[channel, input_channel - self.at(channel, 0, 0).first]
        around = [(padding, padding + size * stride) for padding, size, stride in zip(
            self.padding, self.outputs.shape[1:], self.stride, strict=True
        )]  # fmt: skip
        padded = np.pad(self.inputs[input_channel], around)
        high, wide = (size * stride for size, stride in zip(self.outputs.shape[1:], self.stride, strict=True))
        total = np.zeros(self.outputs.shape[1:])
        for (i, j), weight in np.ndenumerate(kernel):
            top, left = i * self.dilation[0], j * self.dilation[1]
            total += weight * padded[top : top + high : self.stride[0], left : left + wide : self.stride[1]]
        return total

    def _patch(self, first: int, spanned: int, row: int, column: int) -> np.ndarray:
        top, left = self.corner(row, column)
        height, width = self.kernels.shape[2:]
        rows, columns = top + np.arange(height) * self.dilation[0], left + np.arange(width) * self.dilation[1]
        inside_y = (rows >= 0) & (rows < self.inputs.shape[1])
        inside_x = (columns >= 0) & (columns < self.inputs.shape[2])
        patch = np.zeros((spanned, height, width))
        seen = self.inputs[first : first + spanned][:, rows[inside_y]][:, :, columns[inside_x]]
        patch[np.ix_(np.arange(spanned), inside_y, inside_x)] = seen
        return patch


def kind_of(in_channels: int, groups: int, kernel: tuple[int, int]) -> str:
    """Return which of `KINDS` a convolution is."""
    if in_channels == 1:
        return "single"
    if groups == 1:
        return "1×1" if kernel == (1, 1) else "full"
    return "depthwise" if groups == in_channels else "grouped"


def _stacked(table: pd.DataFrame) -> np.ndarray:
    rows = [np.frombuffer(values, dtype="<f8") for values in table["array"]]
    stacked = np.stack(rows)
    if "height" not in table:
        return stacked
    return stacked.reshape(len(rows), int(table["height"].iloc[0]), int(table["width"].iloc[0]))
