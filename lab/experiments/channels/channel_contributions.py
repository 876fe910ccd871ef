"""Which channels of the layers before make a channel's value: signed contributions that sum to its pre-activation.

A value before its activation is an affine function of what enters the last convolutions and linear maps before it
(normalisation is affine in evaluation, a shortcut adds its block's input). So gradient times input, summed over
positions, is what each input channel contributes, and what is left with all inputs at zero is the bias. Whether that
holds is measured: `difference` is what the sum misses. Nothing here knows an architecture; in double precision.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from lab.activations.pooling import maps
from lab.errors import LabError
from lab.layers import Layer
from lab.layers.tracing import in_eval_mode
from lab.models import LoadedModel, ModelCard

PICTURE = "the picture"
TOGETHER = 3  # images at once: every output on the way is held, in double precision


@dataclass(frozen=True, eq=False)
class ContributionSum:
    """`value` `(N,)` before the activation, the `bias` in it, contributions `(N, C)` by where they come from.

    `difference` `(N,)` is what bias and contributions miss. `through` names the convolution or block of each source.
    """

    value: np.ndarray
    bias: np.ndarray
    parts: dict[str, np.ndarray]
    through: dict[str, str]

    @property
    def difference(self) -> np.ndarray:
        """How far the sum is from the value, relative to the larger of the value and 1."""
        total = self.bias + sum(part.sum(axis=1) for part in self.parts.values())
        return np.asarray(np.abs(self.value - total) / np.maximum(1.0, np.abs(self.value)))


@dataclass
class _Leaf:
    source: str
    through: str
    axis: int
    tensor: Tensor


def sums(
    model: LoadedModel, layer: Layer, images: Tensor, channel: int, places: Sequence[tuple[int, int]]
) -> ContributionSum:
    """Return the sums behind one channel at a place (row, column) of each image `(N, 3, H, W)`, normalised.

    Raises LabError when the layer is not computed.
    """
    module = copy.deepcopy(model.module).cpu().double()
    for child in module.modules():
        if hasattr(child, "inplace"):
            child.inplace = False  # type: ignore[assignment]
    batch = images.cpu().double()
    parts = [
        _sums(module, model.card, layer, batch[start : start + TOGETHER], channel, places[start : start + TOGETHER])
        for start in range(0, len(batch), TOGETHER)
    ]
    names = list(dict.fromkeys(name for part in parts for name in part.parts))
    widths = {name: part.parts[name].shape[1] for part in parts for name in part.parts}
    none = {name: np.zeros((TOGETHER, width)) for name, width in widths.items()}
    joined = {
        name: np.concatenate([part.parts.get(name, none[name][: len(part.value)]) for part in parts]) for name in names
    }
    through = {name: place for part in parts for name, place in part.through.items()}
    value, bias = (np.concatenate([getattr(part, name) for part in parts]) for name in ("value", "bias"))
    return ContributionSum(value, bias, joined, through)


def _sums(
    module: nn.Module, known: ModelCard, layer: Layer, batch: Tensor, channel: int, places: Sequence[tuple[int, int]]
) -> ContributionSum:
    import torch

    rows, columns = (torch.tensor([place[axis] for place in places]) for axis in (0, 1))
    everyone = torch.arange(len(batch))

    def value_of(zero: bool) -> tuple[Tensor, list[_Leaf]]:
        with torch.enable_grad(), _Watch(module, known, layer, zero=zero) as watch:
            before = maps(watch(batch), layer)
        return before[everyone, channel, rows, columns], watch.leaves

    value, leaves = value_of(zero=False)
    bias, _ = value_of(zero=True)
    gradients = torch.autograd.grad(value.sum(), [leaf.tensor for leaf in leaves], allow_unused=True)
    parts: dict[str, np.ndarray] = {}
    through: dict[str, str] = {}
    for leaf, gradient in zip(leaves, gradients, strict=True):
        if gradient is None or not bool(gradient.any()):
            continue
        kept = [0, leaf.axis % gradient.ndim]
        given = (gradient * leaf.tensor.detach()).sum(dim=[d for d in range(gradient.ndim) if d not in kept]).numpy()
        parts[leaf.source] = parts[leaf.source] + given if leaf.source in parts else given
        through[leaf.source] = leaf.through
    return ContributionSum(value.detach().numpy(), bias.detach().numpy(), parts, through)


class _Stop(Exception):
    """The layer has been computed."""


class _Watch:
    """Runs a network up to a layer with every input of a convolution, linear map or block as a leaf of its own."""

    def __init__(self, module: nn.Module, known: ModelCard, layer: Layer, *, zero: bool) -> None:
        self.module, self.layer, self.zero = module, layer, zero
        self.layers = {one.name: one for one in known.layers}
        self.leaves: list[_Leaf] = []
        self.names: dict[int, str] = {}
        self.held: list[Any] = []  # so that no id is given out twice
        self.before: dict[str, Tensor] = {}
        self.after: dict[str, Tensor] = {}

    def __enter__(self) -> _Watch:
        self.handles: list[Any] = []
        for name, child in self.module.named_modules():
            if not name:
                continue
            bare = not any(child.children())
            if isinstance(child, (nn.Conv2d, nn.Linear)) or getattr(self.layers.get(name), "kind", "") == "block":
                self.handles.append(child.register_forward_pre_hook(self._leafed(name, child)))
            if bare and f"{name}.".startswith(f"{self.layer.name}.") and not list(child.parameters()):
                self.handles.append(child.register_forward_pre_hook(self._seen_before(name)))
            self.handles.append(child.register_forward_hook(self._seen_after(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def __call__(self, batch: Tensor) -> Tensor:
        """Return the layer's output before its activation."""
        self.names[id(batch)] = PICTURE
        self.held.append(batch)
        with in_eval_mode(self.module):
            try:
                self.module(batch)
            except _Stop:
                output = self.after[self.layer.name]
                ends = [name for name in self.before if self.after.get(name) is output]
                return self.before[ends[-1]] if ends else output
        raise LabError(f"layer {self.layer.name} was not computed in a forward pass; choose another one")

    def _leafed(self, name: str, child: nn.Module) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            given = inputs[0]
            leaf = given.detach().mul(0.0) if self.zero else given.detach().clone()
            leaf.requires_grad_(True)
            source = self.names.get(id(given), f"what enters {name}")
            self.names[id(leaf)] = source
            self.held += [given, leaf]
            self.leaves.append(_Leaf(source, name, _channel_axis(child, self.layers.get(name), leaf), leaf))
            return (leaf, *inputs[1:])

        return hook

    def _seen_before(self, name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self.before[name] = inputs[0].clone()

        return hook

    def _seen_after(self, name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.after[name] = output
                if name in self.layers:
                    self.names[id(output)] = name
                self.held.append(output)
            if name == self.layer.name:
                raise _Stop

        return hook


def _channel_axis(child: nn.Module, layer: Layer | None, given: Tensor) -> int:
    if isinstance(child, nn.Conv2d):
        return 1
    if isinstance(child, nn.Linear) or given.ndim == 3:
        return -1
    return 1 if layer is None or layer.layout in ("NCHW", "NC") else -1


@contextmanager
def held(module: nn.Module, layer: Layer, channel: int | None, level: float) -> Iterator[None]:
    """Within the block, hold one channel of a layer at `level` everywhere; the network is as before after it."""
    if channel is None:
        yield
        return
    axis = {"NCHW": 1, "NC": 1, "NHWC": 3, "NLC": 2}[layer.layout]

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        changed = output.clone()
        changed.select(axis, channel).fill_(level)
        return changed

    handle = module.get_submodule(layer.name).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
