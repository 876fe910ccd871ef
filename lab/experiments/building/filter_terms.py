"""One filter taken apart: the patch of every input channel, times its kernel slice, summed, plus bias. Torch-free.

`FilterLayer` holds a convolution with what went in and what came out; `at` gives the sum for one output channel and
position, and `told` says in words what was found. Works for full, grouped, depthwise and 1 × 1 convolutions, with any
stride, dilation and padding with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.errors import LabError

EXACT = 1e-5  # a sum that differs by more from the network's own number does not explain it
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


def told(layer: FilterLayer, found: FilterSum) -> list[str]:
    """Return what one sum shows, a sentence each; they follow the numbers, whatever those say."""
    return [_spans(layer, found), _adds_up(found), _who_adds(found)]


def told_of_network(layers: pd.DataFrame) -> list[str]:
    """Return what holds for all convolutions of a network, from the table `layers` of a run."""
    exact = int((layers["difference"] <= EXACT).sum())
    worst = layers.iloc[int(layers["difference"].argmax())]
    all_of = int(layers["kind"].isin(("full", "1×1", "single")).sum())
    others = layers[~layers["kind"].isin(("full", "1×1", "single"))]
    end = "." if exact == len(layers) else f"; the sum does not explain {worst.layer}."
    sentences = [
        f"In {exact} of {len(layers)} convolutions the sum of the products is the network's own number to within "
        f"{EXACT:g} (largest difference {_small(worst.difference)}){end}"
    ]
    if others.empty:
        every = "Its only convolution spans" if len(layers) == 1 else f"All {len(layers)} of its convolutions span"
        sentences.append(f"{every} every input channel.")
    else:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others["kind"].value_counts().items())
        sentences.append(
            f"{all_of} of its {len(layers)} convolutions span every input channel; the others do not ({kinds})."
        )
    return sentences


def _spans(layer: FilterLayer, found: FilterSum) -> str:
    spanned, height, width = found.kernel.shape
    size = f"{height} × {width}"
    if spanned == found.of_channels:
        products = spanned * height * width
        every = "the only input channel" if spanned == 1 else f"all {spanned} input channels"
        return f"This filter spans {every} in a window of {size}: one number out of {products:,} products."
    which = (
        f"only input channel {found.first}"
        if spanned == 1
        else f"only the {spanned} input channels {found.first} to {found.first + spanned - 1}"
    )
    return (
        f"This filter does not span all {found.of_channels} input channels: it sees {which} "
        f"({layer.kind} convolution). What it leaves apart, another layer has to bring together."
    )


def _adds_up(found: FilterSum) -> str:
    same = (
        f"exactly what the network computed itself ({found.own:+.6f}; difference {_small(found.difference)})"
        if found.difference <= EXACT
        else f"not what the network computed itself, which is {found.own:+.6f} (difference {found.difference:.2g})"
    )
    bias = f"plus the bias {found.bias:+.4f}" if found.bias else "(this layer has no bias)"
    return f"The contributions sum to {found.contributions.sum():+.6f} {bias}: {found.total:+.6f}, {same}."


def _who_adds(found: FilterSum) -> str:
    values = found.contributions
    up, down = values[values > 0].sum(), values[values < 0].sum()
    if len(values) == 1:
        return f"A single channel contributes: {values[0]:+.4f}."
    size = np.sort(np.abs(values))[::-1]
    if size.sum() == 0:
        return "Every contribution is zero here."
    needed = int(np.searchsorted(np.cumsum(size), 0.5 * size.sum()) + 1)
    strongest = found.ranked().iloc[0]
    many = "channel is" if needed == 1 else f"{needed} channels are"
    return (
        f"Channels that speak for it add {up:+.4f}, those against {down:+.4f}; the strongest of {len(values)}, channel "
        f"{int(strongest.input_channel)}, gives {strongest.contribution:+.4f}. "
        f"The strongest {many} enough for half of all that is added and taken away."
    )


def _small(value: float) -> str:
    return f"{value:.0e}" if value else "0"


def _stacked(table: pd.DataFrame) -> np.ndarray:
    rows = [np.frombuffer(values, dtype="<f8") for values in table["array"]]
    stacked = np.stack(rows)
    if "height" not in table:
        return stacked
    return stacked.reshape(len(rows), int(table["height"].iloc[0]), int(table["width"].iloc[0]))
