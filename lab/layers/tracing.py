"""One dry pass through a network: which modules ran, when, how often, and what they put out.

`trace` watches with hooks, removes them whatever happens and leaves the network and the global random state as they
were. It looks at modules only: what a network does between them (additions, reshapes) shows in the next module's
output.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.layers.outputs import main_tensor, opens_outputs

if TYPE_CHECKING:
    from torch import nn

# Two images, so that an axis of one (a class token, a pooled position) cannot pass for the batch.
BATCH = 2


@dataclass
class Visit:
    """What happened to one module in a pass. `start` and `end` are instants in the order of all module calls.

    `same_as_input`: it handed its input on untouched; `passes_on`: the child whose output is its own, if there is
    one.
    """

    name: str
    module: nn.Module
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    output: tuple[int, ...] | None = None
    output_type: str = ""
    same_as_input: bool = False
    passes_on: str = ""
    input_version: int = -1

    @property
    def start(self) -> int:
        """When the module's first call began."""
        return self.starts[0]

    @property
    def end(self) -> int:
        """When the module's last call ended."""
        return self.ends[-1]

    @property
    def weighted(self) -> bool:
        """Whether the module has a weight matrix or kernel of its own (convolution, linear map)."""
        weight = getattr(self.module, "weight", None)
        own = self.module._parameters
        return weight is not None and own.get("weight") is not None and weight.dim() >= 2 and not self._is_table

    @property
    def _is_table(self) -> bool:
        return type(self.module).__name__.startswith("Embedding")


@dataclass(frozen=True)
class Trace:
    """A pass: every module but the root, by name."""

    visits: dict[str, Visit]
    input_size: tuple[int, int, int]

    def ran(self) -> list[Visit]:
        """Return the modules that were called, in the order in which their last calls ended."""
        return sorted((v for v in self.visits.values() if v.ends), key=lambda v: v.end)


def trace(module: nn.Module, input_size: tuple[int, int, int]) -> Trace:
    """Run `module` on `BATCH` random images of `input_size` (C, H, W) and return what its modules did."""
    import torch

    visits = {name: Visit(name, child) for name, child in module.named_modules() if name}
    first = next(module.parameters(), torch.zeros(()))
    noise = torch.Generator().manual_seed(0)
    images = torch.rand((BATCH, *input_size), generator=noise).to(first.device, first.dtype)
    with _watched(visits, opens_outputs(module)), in_eval_mode(module), torch.no_grad():
        module(images)
    return Trace(visits, input_size)


@contextmanager
def in_eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a network in eval mode, and every module back in its own mode at the end."""
    training = [child for child in module.modules() if child.training]
    if training:  # the walk through all modules costs a small network as much as a layer
        module.eval()
    try:
        yield
    finally:
        for child in training:
            child.training = True


@contextmanager
def _watched(visits: dict[str, Visit], inside: bool) -> Iterator[None]:
    clock = iter(range(10**9))
    handles = []
    latest: dict[str, weakref.ref[Any]] = {}

    def before(visit: Visit) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            visit.starts.append(next(clock))
            visit.input_version = _version(inputs)

        return hook

    def after(visit: Visit) -> Any:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            visit.ends.append(next(clock))
            visit.output_type = type(output).__name__
            tensor = main_tensor(output)
            if tensor is not output and not inside:
                tensor = None
            visit.output = None if tensor is None else tuple(tensor.shape)
            visit.passes_on = _source(visit, tensor, latest)
            if tensor is not None:
                latest[visit.name] = weakref.ref(tensor)
            visit.same_as_input = bool(inputs) and output is inputs[0] and _version(inputs) == visit.input_version

        return hook

    try:
        for visit in visits.values():
            handles.append(visit.module.register_forward_pre_hook(before(visit)))
            handles.append(visit.module.register_forward_hook(after(visit)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _source(visit: Visit, output: Any, latest: dict[str, weakref.ref[Any]]) -> str:
    """Return the direct child that put out this very tensor, "" when none did."""
    for short, _ in visit.module.named_children():
        made = latest.get(f"{visit.name}.{short}")
        if output is not None and made is not None and made() is output:
            return short
    return ""


def _version(inputs: tuple[Any, ...]) -> int:
    """Return how often the input was written to in place: an activation may work on it and pass it on."""
    return int(getattr(inputs[0], "_version", -1)) if inputs else -1
