"""What a network is made of, as far as it can be taken apart: stages, blocks, activations, and the shapes between.

Nothing here knows an architecture by name. A stage is a child of the module around all blocks, with blocks in it; a
trunk that is one row of blocks (ViT) has none. A block has a shortcut when it hands on its input once all its weights
are zero.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lab.layers import Layer
from lab.layers.modules import is_activation
from lab.layers.tracing import in_eval_mode
from lab.models import LoadedModel

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]

# Element-wise functions that scale another path rather than pass a signal on: they are gates, not activations.
GATES = ("Sigmoid", "Hardsigmoid", "HardSigmoid", "Softmax", "LogSoftmax", "MultiheadAttention")


@dataclass(frozen=True)
class Part:
    """A module that takes one tensor and puts out one: its name, the depth at which it is done, the layout and the
    shapes (without the batch) of what enters and leaves, whether it has a shortcut, and whether that can be taken out
    while the rest of the block stays (`lab.interventions.swapping.without_shortcut`)."""

    name: str
    depth: float
    layout: str
    entering: Shape
    leaving: Shape
    prefix_tokens: int = 0
    shortcut: bool = False
    shortcut_removable: bool = False

    @property
    def fits_itself(self) -> bool:
        """Whether what leaves has the shape of what entered."""
        return self.entering == self.leaving


@dataclass(frozen=True)
class Anatomy:
    """The parts of a network in the order in which they run. `stages` is empty for a trunk of equal blocks; `trunk`
    is the stages, or the blocks where there are none; `activations` are (name, depth)."""

    stages: tuple[Part, ...]
    blocks: tuple[Part, ...]
    activations: tuple[tuple[str, float], ...]

    @property
    def trunk(self) -> tuple[Part, ...]:
        return self.stages or self.blocks


def anatomy(model: LoadedModel) -> Anatomy:
    """Return the parts of a network, seen in one pass of a random image; leaves it as it was."""
    layers = {layer.name: layer for layer in model.layers}
    names = [layer.name for layer in model.layers if layer.kind == "block"]
    units = _children_around(names)
    seen = _watched_pass(model, {*names, *units})
    # In a flat chain (VGG) the table's blocks are the activations at the end of each unit: nothing to take out.
    weighted = [name for name in names if any(True for _ in model.module.get_submodule(name).parameters())]
    blocks = [part for name in weighted if (part := _part(name, layers, seen)) is not None]
    stages = [part for name in units if (part := _part(name, layers, seen)) is not None]
    # A row of equal blocks, and a flat chain of layers, have no stages.
    staged = len(stages) >= 3 and len(stages) == len(units) and units != names
    return Anatomy(
        tuple(stages) if staged else (),
        tuple(_with_shortcut(model.module, block) for block in blocks),
        tuple(_activations(model.module, layers, seen)),
    )


@dataclass
class _RecordedShapes:
    """What one pass showed: the shapes at the modules that take and put out one tensor, once; who ended when."""

    entering: dict[str, Shape] = field(default_factory=dict)
    leaving: dict[str, Shape] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)


def _watched_pass(model: LoadedModel, names: Collection[str]) -> _RecordedShapes:
    import torch

    how, seen = model.preprocessing, _RecordedShapes()
    noise = torch.rand((1, 3, how.height, how.width), generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), in_eval_mode(model.module), _watching(model.module, names, seen):
        model.module(noise.to(model.device))
    return seen


@contextmanager
def _watching(module: nn.Module, names: Collection[str], seen: _RecordedShapes) -> Iterator[None]:
    from torch import Tensor

    def before(name: str) -> Any:
        def hook(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
            seen.calls[name] = seen.calls.get(name, 0) + 1
            if inputs and isinstance(inputs[0], Tensor):
                seen.entering[name] = tuple(inputs[0].shape[1:])

        return hook

    def after(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            seen.ended.append(name)
            if isinstance(output, Tensor):
                seen.leaving[name] = tuple(output.shape[1:])

        return hook

    handles = []
    try:
        for name, child in module.named_modules():
            if name in names:
                handles.append(child.register_forward_pre_hook(before(name)))
            if name:
                handles.append(child.register_forward_hook(after(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _part(name: str, layers: dict[str, Layer], seen: _RecordedShapes) -> Part | None:
    """Return a module as a part, None when it is not called once with a tensor of its output's kind."""
    entering, leaving = seen.entering.get(name), seen.leaving.get(name)
    if name not in layers or seen.calls.get(name) != 1 or entering is None or leaving is None:
        return None
    if len(entering) != len(leaving):
        return None
    layer = layers[name]
    return Part(name, layer.depth, layer.layout, entering, leaving, layer.prefix_tokens)


def _children_around(blocks: list[str]) -> list[str]:
    """Return the names one step below the module around all blocks, on the way to each of them."""
    paths = [name.split(".") for name in blocks]
    common = 0
    while paths and all(len(path) > common + 1 and path[common] == paths[0][common] for path in paths):
        common += 1
    return list(dict.fromkeys(".".join(path[: common + 1]) for path in paths))


def _activations(module: nn.Module, layers: dict[str, Layer], seen: _RecordedShapes) -> Iterator[tuple[str, float]]:
    """Yield the activations that ran, with the depth of the network at that instant."""
    modules, depth = dict(module.named_modules()), 0.0
    for name in dict.fromkeys(seen.ended):
        if name in layers:
            depth = max(depth, layers[name].depth)
        if is_activation(modules[name]) and type(modules[name]).__name__ not in GATES:
            yield name, depth


def _with_shortcut(module: nn.Module, part: Part) -> Part:
    """Return a block with what is known of its shortcut: it has one when it hands on a positive input once all its
    weights are zero (Veit, Wilber & Belongie 2016 drop such blocks; the test is ours and needs no name of an
    architecture). Nothing follows the sum when it hands on a negative input too."""
    from torch import nn

    if not _hands_on(module, part, 1.0):
        return part
    own = getattr(module.get_submodule(part.name), "downsample", module)
    removable = own is None or isinstance(own, nn.Identity) or _hands_on(module, part, -1.0)
    return replace(part, shortcut=True, shortcut_removable=removable)


def _hands_on(module: nn.Module, part: Part, sign: float) -> bool:
    import torch

    if part.entering != part.leaving:
        return False
    block = copy.deepcopy(module.get_submodule(part.name)).eval().cpu()
    with torch.no_grad():
        for tensor in [*block.parameters(), *block.buffers()]:
            # Index tables (window attention) and counters say where, not how much.
            if tensor.is_floating_point():
                tensor.zero_()
        signal = sign * torch.rand((1, *part.entering), generator=torch.Generator().manual_seed(0))
        try:
            return bool(torch.allclose(block(signal), signal, atol=1e-6))
        except (RuntimeError, TypeError):  # a block that needs more than its input cannot be tried on its own
            return False
