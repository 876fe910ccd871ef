"""Theoretical receptive fields, measured: how wide and how high a part of the image one position can depend on.

A column of NaN in the image spreads through a network exactly as far as its arithmetic lets a pixel have an
influence, through any operation: an attention or a global mean makes everything NaN, a kernel only what it touches,
whatever its weights (`lab.layers.spreading` saves their arithmetic). So a NaN column at every place within one period
of the strides, and the width of what it turns into NaN, give a layer's field to the pixel: it holds as many pixels as
there are pairs of a pixel and a position it reaches, per position. The height is found likewise, with rows: kernels
of 1×7 and 7×1 see more of one than of the other.

    exact        the same for every position, measured clear of the borders, on a wide image if the network takes one
    upper bound  depends on the position (windows): the largest, at the network's own input size
    global       every position depends on every column and row (attention over the whole image,
                 squeeze-and-excitation, global pooling); the sides given are the input's

A layer has the weaker status of its two sides. Padding counts as part of a field, as is usual (Araujo, Norris and
Sim, "Computing receptive fields of convolutional neural networks", Distill 2019, by arithmetic on simpler networks).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.layers.layout import token_sides
from lab.layers.outputs import tensor_of
from lab.layers.tracing import in_eval_mode
from lab.layers.types import Layer, ReceptiveFieldStatus

if TYPE_CHECKING:
    import torch
    from torch import nn

# Long and narrow images: sides across that a network might take, and two lengths whose difference tells the strides.
# What covers the larger one from its border (a field of 4,000 pixels) is taken to be global.
CROSS_SIDES = (32, 64, 96)
LENGTHS = (1024, 2048)
LONGEST_PERIOD = 256
BATCH = 8
# How a network says that it does not take an image of some size
REFUSALS = (AssertionError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class ReceptiveField:
    """A layer's receptive field: height and width in pixels, how they are known, and the stride along the width."""

    height: int
    width: int
    status: ReceptiveFieldStatus
    stride: int = 0

    @property
    def side(self) -> int:
        """The larger of height and width."""
        return max(self.height, self.width)


@dataclass(frozen=True)
class Extent:
    """A layer's field along one axis of the image: pixels, how they are known, and the stride measured with them."""

    length: int
    status: ReceptiveFieldStatus
    stride: int = 0


UNKNOWN = ReceptiveField(0, 0, "unknown")
NO_EXTENT = Extent(0, "unknown")
WHOLE = Extent(0, "global")
# From the weakest knowledge to the strongest
KNOWLEDGE: tuple[ReceptiveFieldStatus, ...] = ("unknown", "upper bound", "global", "exact")

Size = tuple[int, int, int]
# By layer: which output columns are NaN, bool (probes, columns)
Spread = dict[str, np.ndarray]


def measure(module: nn.Module, layers: Sequence[Layer], input_size: Size) -> dict[str, ReceptiveField]:
    """Return the field of every layer by name. The network is run on a copy that shares its weights."""
    copied = _sharing_copy(module)
    channels, height, width = input_size
    across = _along(_Probe(copied, channels), layers, (height, width))
    down = _along(_Probe(copied, channels, rows=True), layers, (width, height))
    return {name: _field(down[name], across[name], height, width) for name in across}


def _field(down: Extent, across: Extent, height: int, width: int) -> ReceptiveField:
    status = min(down.status, across.status, key=KNOWLEDGE.index)
    lengths = [
        whole if extent.status == "global" else extent.length for extent, whole in ((down, height), (across, width))
    ]
    return ReceptiveField(lengths[0], lengths[1], status, across.stride)


def _along(probe: _Probe, layers: Sequence[Layer], size: tuple[int, int]) -> dict[str, Extent]:
    """Return the extent of every layer's field along one axis; `size` is the image's across it and along it."""
    found: dict[str, Extent] = {}
    for across in (*CROSS_SIDES, size[0]):
        try:
            found = _on_long_images(probe, layers, across)
            break
        except REFUSALS:
            continue
    rest = [layer for layer in layers if layer.name not in found]
    found |= _at_own_size(probe, rest, size)
    rest = [layer for layer in layers if layer.name not in found]
    return found | _by_position(probe, rest, size)


def _on_long_images(probe: _Probe, layers: Sequence[Layer], across: int) -> dict[str, Extent]:
    """Return the fields of layers that are the same everywhere on images of any length, and of global ones."""
    small, large = (probe(layers, (across, length), [0]) for length in LENGTHS)
    strides, found, reach = {}, {}, 0
    for layer in layers:
        if layer.name not in large or layer.name not in small:
            continue
        grown = large[layer.name].shape[1] - small[layer.name].shape[1]
        if large[layer.name].all():
            found[layer.name] = WHOLE
        elif grown > 0 and large[layer.name].any():
            strides[layer.name] = round((LENGTHS[1] - LENGTHS[0]) / grown)
            reach = max(reach, (int(np.flatnonzero(large[layer.name][0])[-1]) + 1) * strides[layer.name])
    chosen = [layer for layer in layers if layer.name in strides]
    period = math.lcm(*strides.values()) if strides else 1
    if chosen and period <= LONGEST_PERIOD:
        length = 2 * period * math.ceil((reach + 6 * period) / period)
        found |= _where_alike(probe, chosen, strides, period, (across, length))
    return found


def _at_own_size(probe: _Probe, layers: Sequence[Layer], size: tuple[int, int]) -> dict[str, Extent]:
    """Return the fields of global layers, and of those that are local and alike, at the network's own input size."""
    length = size[1]
    ends = probe(layers, size, [0, length // 2, length - 1]) if layers else {}
    found = {name: WHOLE for name, spread in ends.items() if spread.all()}
    strides = {
        layer.name: layer.stride for layer in layers if layer.name in ends and layer.name not in found and layer.stride
    }
    chosen = [layer for layer in layers if layer.name in strides]
    period = math.lcm(*strides.values()) if strides else 1
    if chosen and period <= min(LONGEST_PERIOD, length // 4):
        found |= _where_alike(probe, chosen, strides, period, size)
    return found


def _where_alike(
    probe: _Probe, layers: Sequence[Layer], strides: dict[str, int], period: int, size: tuple[int, int]
) -> dict[str, Extent]:
    """Return the fields of layers on which a NaN column spreads alike wherever it stands, clear of the borders."""
    middle = size[1] // 2 // period * period
    shifts = [shift for shift in (period, -period, 3 * period, -3 * period) if 0 <= middle + shift < size[1]]
    spread = probe(layers, size, [*range(middle, middle + period), *(middle + shift for shift in shifts)])
    found = {}
    for layer in layers:
        if layer.name not in spread:
            continue
        intervals = [_interval(columns) for columns in spread[layer.name]]
        stride, last = strides[layer.name], spread[layer.name].shape[1] - 1
        moved = [(intervals[0][0] + shift // stride, intervals[0][1] + shift // stride) for shift in shifts]
        inside = all(0 < first <= end < last for first, end in intervals)
        if inside and intervals[period:] == moved:
            pairs = sum(end - first + 1 for first, end in intervals[:period])
            found[layer.name] = Extent(pairs * stride // period, "exact", stride)
    return found


def _by_position(probe: _Probe, layers: Sequence[Layer], size: tuple[int, int]) -> dict[str, Extent]:
    """Return the largest field of any position, at the network's own input size."""
    step = min((layer.stride for layer in layers if layer.stride), default=0)
    if not step:
        return {layer.name: NO_EXTENT for layer in layers}
    found = {}
    for name, spread in probe(layers, size, range(0, size[1], step)).items():
        sides = [step * (last - first + 1) for first, last in map(_interval, spread.T) if last >= first]
        side = min(size[1], max(sides, default=0))
        found[name] = WHOLE if spread.all() else Extent(side, "upper bound") if side else NO_EXTENT
    return {layer.name: found.get(layer.name, NO_EXTENT) for layer in layers}


class _Probe:
    """Runs a network on images that are NaN in one column each (or row), up to the last layer that is wanted.

    Sizes are (side across, length along) the axis that is measured. Convolutions and linear maps only spread NaN,
    unless that makes some in an image that has none.
    """

    def __init__(self, module: nn.Module, channels: int, *, rows: bool = False) -> None:
        self.module, self.channels, self.rows = module, channels, rows
        self.modules = dict(module.named_modules())
        self.quick = True

    def __call__(self, layers: Sequence[Layer], size: tuple[int, int], columns: Iterable[int]) -> Spread:
        """Return which output columns (or rows) are NaN by layer, for a NaN at each of `columns` of an image."""
        places = list(columns)
        spread = self._spread(layers, size, [*places, size[1]])  # the last image has no such column, so no NaN
        if self.quick and any(rows[-1].any() for rows in spread.values()):
            self.quick = False
            return self(layers, size, places)
        return {name: rows[:-1] for name, rows in spread.items()}

    def _spread(self, layers: Sequence[Layer], size: tuple[int, int], places: Sequence[int]) -> Spread:
        import torch

        from lab.layers.spreading import OnlySpreading

        parts: dict[str, list[np.ndarray]] = {}
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            images = torch.full((len(batch), self.channels, *size), 0.5)
            for row, column in enumerate(batch):
                images[row, :, :, column : column + 1] = torch.nan
            images = images.transpose(2, 3).contiguous() if self.rows else images
            arithmetic = OnlySpreading() if self.quick else nullcontext()
            with torch.inference_mode(), in_eval_mode(self.module), self._watching(layers, size, parts), arithmetic:
                self.module(images)
        return {name: np.concatenate(rows) for name, rows in parts.items() if sum(map(len, rows)) == len(places)}

    @contextmanager
    def _watching(
        self, layers: Sequence[Layer], size: tuple[int, int], parts: dict[str, list[np.ndarray]]
    ) -> Iterator[None]:
        waiting = {layer.name for layer in layers}
        handles = []

        def watch(layer: Layer) -> Any:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                parts.setdefault(layer.name, []).append(_nan_places(tensor_of(output), layer, size, self.rows))
                waiting.discard(layer.name)
                if not waiting:
                    raise _Done

            return hook

        try:
            for layer in layers:
                handles.append(self.modules[layer.name].register_forward_hook(watch(layer)))
            yield
        except _Done:
            pass  # the rest of the network is of no interest
        finally:
            for handle in handles:
                handle.remove()


class _Done(Exception):
    """Every wanted layer has been seen."""


def _nan_places(output: torch.Tensor, layer: Layer, size: tuple[int, int], rows: bool) -> np.ndarray:
    """Return whether there is NaN in each column (or row) of an output, bool (N, columns)."""
    ratio = size[1] / size[0] if rows else size[0] / size[1]
    if layer.layout == "NLC":
        tokens = output[:, layer.prefix_tokens :].sum(2)
        sides = token_sides(tokens.shape[1], ratio) if layer.height else None
        spread = tokens.unflatten(1, sides).sum(2 if rows else 1) if sides else tokens.sum(1, keepdim=True)
    elif layer.layout == "NC" or not layer.height:
        spread = output.flatten(1).sum(1, keepdim=True)
    else:
        channels, across = (1, 3 if rows else 2) if layer.layout == "NCHW" else (3, 2 if rows else 1)
        spread = output.sum((channels, across))
    return spread.isnan().numpy()


def _interval(there: np.ndarray) -> tuple[int, int]:
    """Return the first and last index that is true; (0, -1) when none is."""
    places = np.flatnonzero(there)
    return (int(places[0]), int(places[-1])) if len(places) else (0, -1)


def _sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy with the same tensors but its own modules, so that hooks and caches do not meet."""
    return copy.deepcopy(module, memo={id(t): t for t in [*module.parameters(), *module.buffers()]})
