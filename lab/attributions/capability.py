"""Which (method, layer) of a network is valid for a target, and why not otherwise.

Some reasons follow from the network's make (`facts_of`), the others from the shared pass itself: a layer that runs
after the score is read, that the score does not depend on, or of which only the class token is read further on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.activations.pooling import maps
from lab.activations.recording import record
from lab.attributions.methods import METHODS, Method, MethodFacts
from lab.attributions.task import PICTURE, AttributionTask
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn

# Parameter-free modules of these homes are activations
HOMES = ("torch.nn.modules.activation", "timm.layers.activations", "timm.layers.activations_me")
DATA_DEPENDENT = ("LayerNorm", "GroupNorm", "InstanceNorm", "RmsNorm", "SimpleNorm", "EvoNorm", "LocalResponseNorm")


@dataclass(frozen=True)
class Capability:
    """Whether a method can be asked at a layer (`PICTURE` for the picture's pixels), and the reason if not."""

    method: str
    layer: str
    valid: bool
    reason: str = ""


def facts_of(module: nn.Module, calls: Counter[str] | None = None) -> MethodFacts:
    """Return what the methods' validity depends on; `calls` counts each module's calls in a pass, where known."""
    found: dict[str, None] = {}
    reused, attends = False, False
    norms: dict[str, None] = {}
    for name, child in module.named_modules():
        kind = type(child).__name__
        attends |= "Attention" in kind or "Attn" in kind
        if kind.startswith(DATA_DEPENDENT):
            norms[kind] = None
        if type(child).__module__ in HOMES and not list(child.parameters()) and not list(child.children()):
            found[kind] = None
            reused |= calls is not None and calls[name] > 1
    return MethodFacts(tuple(found), reused, attends, tuple(norms))


def count_calls(module: nn.Module, images: Tensor) -> Counter[str]:
    """Return how often each module is called in one pass; needed for modules that are no layers, so no `record`."""
    import torch

    calls: Counter[str] = Counter()

    def counted(name: str):  # type: ignore[no-untyped-def]
        return lambda _module, _inputs, _output: calls.update([name])

    with torch.no_grad(), record(module, ()):
        handles = [child.register_forward_hook(counted(name)) for name, child in module.named_modules() if name]
        try:
            module(images)
        finally:
            for handle in handles:
                handle.remove()
    return calls


def capability(task: AttributionTask, layers: Sequence[Layer], methods: Sequence[Method] = ()) -> list[Capability]:
    """Return a row for every method at every layer, and for methods on the picture one row at `PICTURE`.

    `task.layers` must hold every layer that can be read before the score is; the others are told to come too late.
    """
    facts = facts_of(task.module, count_calls(task.module, task.images[:1]))
    rows = []
    for method in methods or tuple(METHODS.values()):
        general = method.why_not(facts)
        if method.where == "picture":
            rows.append(Capability(method.name, PICTURE, not general, general))
            continue
        for layer in layers:
            reason = general or why_no_map(task, layer, gradient=method.gradient)
            rows.append(Capability(method.name, layer.name, not reason, reason))
    return rows


def why_no_map(task: AttributionTask, layer: Layer, *, gradient: bool = True) -> str:
    """Return why a layer has no map for this task, "" if it has one."""
    if layer.layout == "NC" or layer.height * layer.width <= 1:
        return "it has no positions on the picture"
    seen = task.seen
    if layer.name not in seen.activations:
        return f"it comes after {task.place}, whose probe is asked"
    if not gradient:
        return ""
    if layer.name not in seen.gradients:
        return "the score does not depend on it"
    if not bool(maps(seen.gradients[layer.name], layer).any()):
        tokens = "only its class token is read further on: " if layer.prefix_tokens else ""
        return f"{tokens}the score's gradient is zero at every position"
    return ""
