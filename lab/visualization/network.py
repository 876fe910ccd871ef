"""A network cut at a layer: images in 0..1 go in, the layer's maps come out, and nothing behind it is computed.

The cut works on a copy of its own, faster where that puts out the same (`lab.activations.faster`), so the network
that was loaded is never touched. What is reported is measured on the network itself, by `measured`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.autograd import Function

from lab.activations.faster import faster_copy
from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.errors import LabError
from lab.layers import Layer
from lab.layers.tracing import in_eval_mode
from lab.models import LoadedModel
from lab.visualization.objectives import Objective, values
from lab.visualization.transforms import still

if TYPE_CHECKING:
    from lab.models import Preprocessing

# How a network says that it does not take an image of some size
REFUSALS = (AssertionError, RuntimeError, ValueError, IndexError, TypeError)
BATCH = 16
SHARE_AT_LIMIT = 0.1  # of the gradient that a rectifier at its limit passes in the search


class Cut:
    """A layer of a model, ready to be optimised; `side` is the size of image the network gets, in pixels.

    That is `size` where the network takes it, else the network's own. Raises LabError for images that are not square.
    """

    def __init__(self, model: LoadedModel, layer: Layer, size: int) -> None:
        how = model.preprocessing
        if how.height != how.width:
            raise LabError(f"{model.ref} takes {how.height} × {how.width} images; only square ones are optimised")
        self.model, self.layer = model, layer
        own = _sharing_copy(model.module)
        self.module = faster_copy(own, [layer], (3, how.height, how.width)) if model.device == "cpu" else own
        self._last: list[_Rectifier] = []
        self.side = size if self._takes(size) else how.height
        self._last = self._make_lenient()

    def __call__(self, images: Tensor, *, lenient: bool = False) -> Tensor:
        """Return the layer's maps `(N, C, H, W)` for images in 0..1, `(N, 3, side, side)`, with their gradient.

        `lenient` lets a gradient through a rectifier that ends the layer and is shut: a channel that is silent
        everywhere can be woken. (Through all rectifiers, as in Lucid, it leads astray: with ReLU6 nothing is found.)
        """
        import torch

        batch = normal(images, self.model.preprocessing).contiguous(memory_format=torch.channels_last)
        for rectifier in self._last:
            rectifier.lenient = lenient
        return _maps(_reached(self.module, self.layer, batch), self.layer)

    def measured(self, images: Tensor, objectives: Sequence[Objective]) -> Tensor:
        """Return the objective of each image `(N, 3, S, S)`, `(N,)`, on the network itself, as it was loaded."""
        import torch

        found = []
        for start in range(0, len(images), BATCH):
            part = still(images[start : start + BATCH], self.side)
            wanted = objectives[start : start + BATCH]
            found.append(values(self._own(part), wanted))
        return torch.cat(found)

    def vectors(self, images: Tensor, *, peaks: bool = False) -> Tensor:
        """Return the averages (or largest values) over positions, `(N, C)`, of images `(N, 3, S, S)`, as `measured`."""
        import torch

        parts = [self._own(still(part, self.side)) for part in images.split(BATCH)]
        return torch.cat([part.amax(dim=(2, 3)) if peaks else part.mean(dim=(2, 3)) for part in parts])

    def _own(self, images: Tensor) -> Tensor:
        """Return the maps of the network as it was loaded, without a gradient."""
        import torch

        module = self.model.module
        with (
            torch.inference_mode(),
            record(module, [self.layer], lambda one, layer: _maps(one, layer).clone()) as taken,
        ):
            try:
                module(normal(images.to(self.model.device), self.model.preprocessing))
            except REFUSALS:
                if self.layer.name not in taken:
                    raise
            found: Tensor = taken[self.layer.name]
        return found

    def _make_lenient(self) -> list[_Rectifier]:
        """Replace the rectifier whose output is the layer's own, if there is one, by one that can be lenient."""
        import torch

        outputs: dict[str, Tensor] = {}
        handles = []

        def see(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                outputs[name] = output

            return hook

        try:
            for name, child in _rectifiers(self.module, self.layer.name):
                handles.append(child.register_forward_hook(see(name)))
            with torch.no_grad():
                gray = torch.full((1, 3, self.side, self.side), 0.5, device=self.model.device)
                reached = _reached(self.module, self.layer, normal(gray, self.model.preprocessing))
        finally:
            for handle in handles:
                handle.remove()
        return [_replaced(self.module, name) for name, output in outputs.items() if output is reached]

    def _takes(self, size: int) -> bool:
        import torch

        try:
            with torch.no_grad():
                found = self(torch.full((1, 3, size, size), 0.5, device=self.model.device))
        except REFUSALS:
            return False
        return found.shape[1] == self.layer.channels


def normal(images: Tensor, how: Preprocessing) -> Tensor:
    """Return images in 0..1 as the network takes them."""
    import torch

    mean = torch.tensor(how.mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(how.std, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    return (images - mean) / std


class _Reached(Exception):
    """The layer has been computed; the rest of the network is of no interest."""


def _reached(module: nn.Module, layer: Layer, batch: Tensor) -> Tensor:
    """Return a layer's output; nothing behind it is computed."""
    taken: list[Tensor] = []

    def stop(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        taken.append(output)
        raise _Reached

    handle = module.get_submodule(layer.name).register_forward_hook(stop)
    try:
        with in_eval_mode(module):
            module(batch)
    except _Reached:
        return taken[0]
    finally:
        handle.remove()
    raise LabError(f"layer {layer.name} was not computed in a forward pass; choose another one")


def _maps(activation: Tensor, layer: Layer) -> Tensor:
    """Return an activation as maps, of an image of any size."""
    if layer.layout != "NLC" or not layer.height:
        return maps(activation, layer) if layer.layout != "NLC" else activation.mean(1)[:, :, None, None]
    tokens = activation[:, layer.prefix_tokens :].transpose(1, 2)
    side = round(tokens.shape[2] ** 0.5)
    return tokens.unflatten(2, (side, side)) if side * side == tokens.shape[2] else tokens[..., None]


def _kept_maps(activation: Tensor, layer: Layer) -> Tensor:
    return _maps(activation, layer).clone()


def _sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy with the same tensors but its own modules."""
    return copy.deepcopy(module, memo={id(t): t for t in [*module.parameters(), *module.buffers()]})


class _Rectifier(nn.Module):
    """A ReLU, or one with a limit above, of the same values; its gradient serves the search (`_Passing`)."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit, self.lenient = limit, False

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            passed: Tensor = _Passing.apply(x, self.limit, self.lenient)
            return passed
        return x.clamp(0, self.limit)


class _Passing(Function):
    """A rectifier's gradient, for a loss that is lowered.

    Shut, it passes nothing, or if lenient all but what leads further away (Lucid's `redirected_relu_grad`). At its
    limit it passes a share, so that an image does not stay faint once every position has reached it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float, lenient: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.limit, ctx.lenient = limit, lenient
        return x.clamp(0, limit)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        gradient = gradients[0]
        shut = x < 0
        if ctx.lenient:
            shut = shut & (gradient > 0)
        return gradient.masked_fill(shut, 0).where(x <= ctx.limit, SHARE_AT_LIMIT * gradient), None, None


def _rectifiers(module: nn.Module, within: str) -> list[tuple[str, nn.Module]]:
    """Return the rectifiers of a module that is named `within`, itself included, by name."""
    return [
        (name, child)
        for name, child in module.named_modules()
        if type(child) in (nn.ReLU, nn.ReLU6) and f"{name}.".startswith(f"{within}.")
    ]


def _replaced(module: nn.Module, name: str) -> _Rectifier:
    """Put a rectifier of the same values in the place of one, and return it."""
    old = module.get_submodule(name)
    new = _Rectifier(6.0 if type(old) is nn.ReLU6 else float("inf"))
    new.training = old.training
    parent, _, short = name.rpartition(".")
    setattr(module.get_submodule(parent), short, new)
    return new
