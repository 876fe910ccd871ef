"""Reading layers while a network runs.

A hook reduces what it sees at once (to a pooled vector, or to whatever a caller's function makes of it), so a pass
holds no more memory than without hooks, and later in-place operations cannot change what was read. Hooks return
None and are removed whatever happens; two threads on one network take turns.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.layers import Layer
from lab.layers.outputs import tensor_of
from lab.layers.tracing import in_eval_mode

if TYPE_CHECKING:
    from torch import Tensor, nn

Reduce = Callable[["Tensor", Layer], Any]

_LOCKS: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


def keep(activation: Tensor, layer: Layer) -> Tensor:
    """Reduce nothing: a copy of the activation, safe from in-place operations behind it."""
    return activation.clone()


@contextmanager
def record(module: nn.Module, layers: Sequence[Layer], reduce: Reduce = keep) -> Iterator[dict[str, Any]]:
    """Yield a dict that every forward pass within the block fills with `reduce(activation, layer)` by layer name.

    The network is in eval mode within the block, and hooks and modes are as before after it, also when an error
    leaves it. A second thread that records the same network waits. `reduce` must not return the activation itself
    or a view of it. Raises LabError when the network has no module of a layer's name.
    """
    modules = dict(module.named_modules())
    missing = [layer.name for layer in layers if layer.name not in modules]
    if missing:
        raise LabError(f"this network has no layer {missing[0]!r}; take layers from its own table")
    taken: dict[str, Any] = {}
    handles = []
    with _lock_of(module), in_eval_mode(module):
        try:
            for layer in layers:
                handles.append(modules[layer.name].register_forward_hook(_hook(taken, layer, reduce)))
            yield taken
        finally:
            for handle in handles:
                handle.remove()


def _hook(taken: dict[str, Any], layer: Layer, reduce: Reduce) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        activation = tensor_of(output)
        half = activation.is_floating_point() and activation.itemsize < 4 and not activation.requires_grad
        # Of mixed precision: what is made of a layer is made in single, but a gradient is that of the layer itself.
        taken[layer.name] = reduce(activation.float() if half else activation, layer)

    return hook


def _lock_of(module: nn.Module) -> threading.RLock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(module, threading.RLock())
