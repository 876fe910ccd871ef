"""One forward and one backward pass, read at every layer: what Grad-CAM and its kin are made of.

Values are copied as they are put out, and gradients are those of the values at that moment, so in-place operations
further on change nothing. Hooks are `lab.activations.record`'s: removed whatever happens, and two threads on one
network take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lab.activations.recording import record
from lab.attributions.targets import Target
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Pass:
    """Scores `(N,)`; raw activations and gradients by layer; the gradient on the images `(N, 3, H, W)`.

    A layer that the score does not depend on has no gradient; one that runs after the score is read has neither.
    """

    scores: Tensor
    activations: dict[str, Tensor]
    gradients: dict[str, Tensor]
    pixels: Tensor


class _StopForward(Exception):
    """The layer at which the score is read has run: the rest of the network need not."""


def shared_pass(module: nn.Module, images: Tensor, layers: Sequence[Layer], target: Target) -> Pass:
    """Run images `(N, 3, H, W)` forward and the sum of their scores backward, once, and read every layer."""
    activations: dict[str, Tensor] = {}
    gradients: dict[str, Tensor] = {}

    def read(activation: Tensor, layer: Layer) -> None:
        activations[layer.name] = activation.detach().clone()
        if activation.requires_grad:
            activation.register_hook(lambda gradient: gradients.__setitem__(layer.name, gradient.detach()))

    pixels = images.detach().clone().requires_grad_(True)
    # A copy goes in, because a network may write to its input in place, and a leaf cannot be written to.
    with torch.enable_grad(), scored(module, target, layers, read) as score_of:
        scores = score_of(pixels.clone())
        (on_pixels,) = torch.autograd.grad(scores.sum(), pixels)
    return Pass(scores.detach(), activations, gradients, on_pixels)


@contextmanager
def scored(
    module: nn.Module,
    target: Target,
    layers: Sequence[Layer] = (),
    read: Callable[[Tensor, Layer], Any] = lambda activation, layer: None,
    *,
    probability: bool = False,
) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the function from images to the target's scores `(N,)` (or probabilities); `read` sees the `layers`.

    A score at a layer ends the pass there, and comes back to the CPU as an output does. Other threads on this network
    wait until the block ends.
    """
    seen: list[Tensor] = []
    read_off = target.probability if probability else target.score
    probed = target.probe.layer if target.probe else None

    def reduce(activation: Tensor, layer: Layer) -> None:
        if layer in layers:
            read(activation, layer)
        if probed is not None and layer.name == probed.name:
            seen.append(activation.clone())
            raise _StopForward

    watched = [*layers, *([probed] if probed is not None and probed not in layers else [])]

    def score(images: Tensor) -> Tensor:
        seen.clear()
        try:
            output = module(images)
        except _StopForward:
            output = seen[0]
        return read_off(output).cpu()

    with record(module, watched, reduce):
        yield score


@contextmanager
def replaced(module: nn.Module, layer: Layer, value: Callable[[], Tensor]) -> Iterator[None]:
    """Within the block, `layer` puts out `value()` instead of its own result. For use inside `scored`."""
    handle = module.get_submodule(layer.name).register_forward_hook(
        # The copy lets operations behind the layer write in place.
        lambda _module, _inputs, _output: value().clone(),
        prepend=True,
    )
    try:
        yield
    finally:
        handle.remove()


def taken(module: nn.Module, images: Tensor, layers: Sequence[Layer]) -> dict[str, Tensor]:
    """Return raw activations of images by layer, without gradients."""
    with torch.no_grad(), record(module, layers) as found:
        module(images)
    return dict(found)
