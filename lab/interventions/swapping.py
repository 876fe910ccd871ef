"""The ways in which a network is changed, each inside a block and undone at its end, whatever happens in it.

Modules are put in the place of others; no tensor of the network is ever written to, so its weights are the same bits
afterwards because they were never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lab.interventions.anatomy import Part, Shape

_AXES = {"NCHW": 0, "NHWC": -1, "NLC": -1, "NC": 0}  # where an activation's shape (without the batch) has its channels


@contextmanager
def replaced(module: nn.Module, new: Mapping[str, nn.Module]) -> Iterator[None]:
    """Within the block, the submodules named by `new` are other modules; everything else is the network's own."""
    kept: list[tuple[nn.Module, str, nn.Module]] = []
    try:
        for name, other in new.items():
            around, _, short = name.rpartition(".")
            parent = module.get_submodule(around)
            old = parent._modules[short]
            assert old is not None
            kept.append((parent, short, old))
            other.training = old.training
            parent._modules[short] = other
        yield
    finally:
        for parent, short, old in reversed(kept):
            parent._modules[short] = old


@contextmanager
def permuted_output(module: nn.Module, part: Part, seed: int) -> Iterator[None]:
    """Within the block, a part hands on its channels in another order, drawn from `seed`."""
    axis = _AXES[part.layout]
    order = torch.randperm(part.leaving[axis], generator=torch.Generator().manual_seed(seed))

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return output.index_select(1 if axis == 0 else output.ndim - 1, order.to(output.device))

    handle = module.get_submodule(part.name).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def without_shortcut(module: nn.Module, part: Part) -> Iterator[None]:
    """Within the block, a part with a shortcut puts out its branch alone: what it adds to its input.

    Where the part has its shortcut as a module (`downsample`, of which None is the identity) that gives zeros, so that
    an activation after the sum stays where it is; elsewhere the input is taken off the output.
    """
    block = module.get_submodule(part.name)
    own = getattr(block, "downsample", module)
    if own is None:
        block.downsample = Zeros()
        try:
            yield
        finally:
            del block.downsample
            block.downsample = None  # type: ignore[assignment]
    else:
        new = {f"{part.name}.downsample": Zeros()} if own is not module else {part.name: BranchOnly(block)}
        with replaced(module, new):
            yield


class Zeros(nn.Module):
    """Puts out zeros of the shape that comes in."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.zeros_like(values)


class BranchOnly(nn.Module):
    """A part with a shortcut, its input taken off what it puts out."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, values: Tensor, *args: Any, **more: Any) -> Tensor:
        before = values.clone()  # the part may write into its input
        out: Tensor = self.inner(values, *args, **more)
        return out - before


def fitted(values: Tensor, shape: Shape, layout: str) -> Tensor:
    """Return `(N, ...)` values with another shape, without weights: positions are averaged or repeated, channels
    repeated in turn or taken at even distances.

    The parameter-free shortcut of He et al. 2015 (their option A) in spirit, with repetition instead of zeros.
    """
    if tuple(values.shape[1:]) == shape:
        return values
    first = values.movedim(-1, 1) if layout in ("NHWC", "NLC") else values
    channels, *places = (shape[-1], *shape[:-1]) if layout in ("NHWC", "NLC") else shape
    if places and list(first.shape[2:]) != places:
        first = _positions(first, places)
    first = first.index_select(1, _channels(first.shape[1], channels).to(first.device))
    return first.movedim(1, -1) if layout in ("NHWC", "NLC") else first


class SkippedModule(nn.Module):
    """Hands on its input, fitted to the shape the next part expects."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part = part

    def forward(self, values: Tensor, *_args: Any, **_more: Any) -> Tensor:
        return fitted(values, self.part.leaving, self.part.layout)


class ReplacedModule(nn.Module):
    """One part at the place of another: what enters is fitted to it, what leaves to the place."""

    def __init__(self, inner: nn.Module, own: Part, place: Part) -> None:
        super().__init__()
        self.inner, self.own, self.place = inner, own, place

    def forward(self, values: Tensor, *args: Any, **more: Any) -> Tensor:
        out = self.inner(fitted(values, self.own.entering, self.own.layout), *args, **more)
        return fitted(out, self.place.leaving, self.place.layout)


class ReplacedInput(nn.Module):
    """A part that gets `source` instead of what comes to it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.source: Tensor | None = None

    def forward(self, values: Tensor, *args: Any, **more: Any) -> Tensor:
        assert self.source is not None
        out: Tensor = self.inner(self.source.to(values.device), *args, **more)
        return out


class ZeroOutput(nn.Module):
    """Puts out zeros of the shape of a part, whatever comes in: what stands before a part that is fed needs no
    computing."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.shape = part.leaving

    def forward(self, values: Tensor, *_args: Any, **_more: Any) -> Tensor:
        return values.new_zeros((len(values), *self.shape))


def _positions(values: Tensor, places: list[int]) -> Tensor:
    from torch.nn import functional

    if len(places) == 1:
        return functional.adaptive_avg_pool1d(values, places[0])
    # Averages where there are too many positions; where there are too few, the averaged windows are single ones.
    return functional.adaptive_avg_pool2d(values, (places[0], places[1]))


def _channels(have: int, want: int) -> Tensor:
    positions = torch.arange(want)
    return positions % have if want >= have else positions * have // want
