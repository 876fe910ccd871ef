"""Reading layers while a network runs: `record` hooks them, `Extractor` turns batches of pixels into pooled vectors.

A hook reduces what it sees at once (to a pooled vector, or to whatever a caller's function makes of it), so a pass holds no
more memory than without hooks, and later in-place operations cannot change what was read. Hooks return None and are removed
whatever happens; two threads on one network take turns.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.errors import LabError
from lab.layers import Layer
from lab.models import LoadedModel
from lab.pooling import check_pooling, pool
from lab.preprocess import normalised
from lab.tracing import in_eval_mode

if TYPE_CHECKING:
    import torch
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

    The network is in eval mode within the block, and hooks and modes are as before after it, also when an error leaves it. A
    second thread that records the same network waits. `reduce` must not return the activation itself or a view of it.
    Raises LabError when the network has no module of a layer's name.
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


class Extractor:
    """Pooled activations of some layers of a model, batch by batch. Use from one thread at a time."""

    def __init__(self, model: LoadedModel, layers: Sequence[Layer], pooling: str = "avg") -> None:
        check_pooling(pooling, layers)
        self.model, self.layers, self.pooling = model, tuple(layers), pooling

    def __call__(self, pixels: Tensor) -> dict[str, np.ndarray]:
        """Return float32 vectors `(N, D)` by layer name, for uint8 pixels `(N, 3, H, W)` as `pixels_for` makes them.

        Raises LabError naming the first layer whose vectors hold NaN or infinity.
        """
        import torch

        with torch.inference_mode(), record(self.model.module, self.layers, self._pooled) as taken:
            batch = normalised(pixels.to(self.model.device), self.model.preprocessing)
            self.model.module(batch)
            return {layer.name: self._checked(layer, taken[layer.name]) for layer in self.layers}

    def _pooled(self, activation: Tensor, layer: Layer) -> Tensor:
        return pool(activation, layer, self.pooling)

    def _checked(self, layer: Layer, vectors: torch.Tensor) -> np.ndarray:
        if not bool(vectors.isfinite().all()):
            raise LabError(
                f"{self.model.ref}: layer {layer.name} puts out NaN or infinite numbers; its weights do not suit this input, "
                "use another model or leave the layer out"
            )
        return vectors.cpu().numpy()


def _hook(taken: dict[str, Any], layer: Layer, reduce: Reduce) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        taken[layer.name] = reduce(output, layer)

    return hook


def _lock_of(module: nn.Module) -> threading.RLock:
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(module, threading.RLock())
