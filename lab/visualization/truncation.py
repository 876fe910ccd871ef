"""A network cut at a layer: images in 0..1 go in, the layer's maps come out, and nothing behind it is computed.

The cut works on a copy of its own, faster where that puts out the same (`lab.activations.folding`), so the network
that was loaded is never touched. What is reported is measured on the network itself, by `measured`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from lab.activations.folding import faster_copy
from lab.activations.partial_forward import forward_to
from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.layers import Layer
from lab.layers.tracing import in_eval_mode
from lab.models import LoadedModel, Preprocessing
from lab.shortages import in_parts, in_smaller_batches, is_memory_short
from lab.visualization.objectives import Objective, likeness, values
from lab.visualization.rectifiers import Rectifier, rectifiers, replaced
from lab.visualization.transforms import still

if TYPE_CHECKING:
    pass

# How a network says that it does not take an image of some size
REFUSALS = (AssertionError, RuntimeError, ValueError, IndexError, TypeError)
BATCH = 16
LUMA = [[[0.299]], [[0.587]], [[0.114]]]  # brightness of red, green and blue (ITU-R 601), for networks that see gray
Pooled = Mapping[str, np.ndarray]


def quick(model: LoadedModel, layers: Sequence[Layer]) -> nn.Module:
    """Return a copy of the network that computes `layers` in less time; the cuts of all of them can share it."""
    if model.device != "cpu":
        return model.module
    return faster_copy(model.module, layers, model.preprocessing.input_size)


class TruncatedNetwork:
    """A layer of a model, ready to be optimised; `side` is the size of image the network gets, in pixels.

    That is `size` where the network takes it, else the network's own. `module` is a copy of the network (`quick`), made
    here without one. Raises LabError for a network whose input is not square.
    """

    def __init__(self, model: LoadedModel, layer: Layer, size: int, module: nn.Module | None = None) -> None:
        own = model.preprocessing.side()
        self.model, self.layer = model, layer
        self.module = _sharing_copy(quick(model, [layer]) if module is None else module).eval()
        self._last: list[Rectifier] = []
        self.side = size if self._takes(size) else own
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
        return _maps(forward_to(self.module, self.layer.name, batch), self.layer)

    def measured(self, images: Tensor, objectives: Sequence[Objective]) -> tuple[Tensor, Tensor]:
        """Return each image's objective `(N,)` and the averages of all channels `(N, C)`, on the network as loaded."""
        import torch

        def some(numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
            part = normal(still(images[list(numbers)], self.side), self.model.preprocessing)
            with torch.inference_mode(), in_eval_mode(self.model.module):
                found = _maps(forward_to(self.model.module, self.layer.name, part.to(self.model.device)), self.layer)
                return values(found, [objectives[k] for k in numbers]), found.mean(dim=(2, 3))

        batches = [range(len(images))[start : start + BATCH] for start in range(0, len(images), BATCH)]
        parts = [part for batch in batches for part in in_parts(batch, some, str(self.model.ref))]
        reached, means = (torch.cat(each) for each in zip(*parts, strict=True))
        return reached, means

    def likeness(self, images: Tensor, groups: Sequence[int]) -> Tensor:
        """Return how alike each image is to the others of its group at the layer (`objectives.likeness`), NaN alone."""
        import torch

        alone = torch.tensor([list(groups).count(group) == 1 for group in groups])
        if bool(alone.all()):
            return torch.full((len(groups),), float("nan"))
        with torch.no_grad():
            alike = likeness(self(still(images, self.side).to(self.model.device)), groups)
        return alike.cpu().masked_fill(alone, float("nan"))

    def _make_lenient(self) -> list[Rectifier]:
        """Replace the rectifier whose output is the layer's own, if there is one, by one that can be lenient."""
        import torch

        outputs: dict[str, Tensor] = {}
        handles = []

        def see(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                outputs[name] = output

            return hook

        try:
            for name, child in rectifiers(self.module, self.layer.name):
                handles.append(child.register_forward_hook(see(name)))
            with torch.no_grad():
                gray = torch.full((1, 3, self.side, self.side), 0.5, device=self.model.device)
                reached = forward_to(self.module, self.layer.name, normal(gray, self.model.preprocessing))
        finally:
            for handle in handles:
                handle.remove()
        return [replaced(self.module, name) for name, output in outputs.items() if output is reached]

    def _takes(self, size: int) -> bool:
        import torch

        try:
            with torch.no_grad():
                found = self(torch.full((1, 3, size, size), 0.5, device=self.model.device))
        except REFUSALS:
            return False
        return found.shape[1] == self.layer.channels


def pooled(model: LoadedModel, layers: Sequence[Layer], images: Tensor, side: int) -> dict[str, Pooled]:
    """Return what `images` in 0..1, shown at `side` pixels, reach in each layer of the network as it was loaded.

    One pass for all layers: averages and largest values over positions, `means` and `peaks` `(N, C)`, by layer name.
    Layers behind the point where the network refuses the size are left out.
    """
    return in_smaller_batches(BATCH, lambda batch: _pooled(model, layers, images.split(batch), side), str(model.ref))


def _pooled(model: LoadedModel, layers: Sequence[Layer], batches: Sequence[Tensor], side: int) -> dict[str, Pooled]:
    import torch

    taken: dict[str, list[tuple[Tensor, Tensor]]] = {layer.name: [] for layer in layers}

    def take_in(activation: Tensor, layer: Layer) -> None:
        found = _maps(activation, layer)
        taken[layer.name].append((found.mean(dim=(2, 3)), found.amax(dim=(2, 3))))

    with torch.inference_mode(), record(model.module, layers, take_in):
        for part in batches:
            try:
                model.module(normal(still(part, side).to(model.device), model.preprocessing))
            except REFUSALS as error:
                if not any(taken.values()) or is_memory_short(error):
                    raise
    return {name: _joined(found) for name, found in taken.items() if found}


def _joined(found: list[tuple[Tensor, Tensor]]) -> Pooled:
    import torch

    means, peaks = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
    return {"means": means, "peaks": peaks}


def normal(images: Tensor, how: Preprocessing) -> Tensor:
    """Return images `(N, 3, S, S)` in 0..1 as the network takes them."""
    import torch

    if how.channels == 1:
        images = (images * torch.tensor(LUMA, dtype=images.dtype, device=images.device)).sum(dim=1, keepdim=True)
    mean = torch.tensor(how.mean, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(how.std, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)
    return (images - mean) / std


def _maps(activation: Tensor, layer: Layer) -> Tensor:
    """Return an activation as maps, of an image of any size."""
    if layer.layout != "NC" and not layer.height:  # positions that are not known: their mean
        places = {"NLC": (1,), "NHWC": (1, 2), "NCHW": (2, 3)}[layer.layout]
        return activation.mean(places)[:, :, None, None]
    if layer.layout != "NLC":
        return maps(activation, layer)
    tokens = activation[:, layer.prefix_tokens :].transpose(1, 2)
    side = round(tokens.shape[2] ** 0.5)
    return tokens.unflatten(2, (side, side)) if side * side == tokens.shape[2] else tokens[..., None]


def _sharing_copy(module: nn.Module) -> nn.Module:
    """Return a copy with the same tensors but its own modules."""
    return copy.deepcopy(module, memo={id(t): t for t in [*module.parameters(), *module.buffers()]})
