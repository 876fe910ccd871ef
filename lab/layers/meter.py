"""A dispatch mode that counts what operators do; the rules of counting are in `lab.layers.costs`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from lab.layers.types import Cost

if TYPE_CHECKING:
    from torch import Tensor, nn


class Meter(TorchDispatchMode):
    """Counts operators within its block. Use without gradients: composite operators are then seen by their parts."""

    def __init__(self, module: nn.Module, image: Tensor) -> None:
        super().__init__()
        self._weights = {_place(parameter): parameter.numel() for parameter in module.parameters()}
        self._read: set[int] = set()
        # What the network owns is no memory of the pass.
        self._owned = {_place(tensor) for tensor in (*module.parameters(), *module.buffers())}
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.flops = self.peak_bytes = 0
        self._note(image)

    def cost(self) -> Cost:
        """Return what has been counted so far."""
        return Cost(self.flops, sum(self._weights.get(place, 0) for place in self._read), self.peak_bytes)

    def has_read(self, tensor: Tensor) -> bool:
        """Whether some operator has read a parameter or buffer of the network."""
        return _place(tensor) in self._read

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += int(count(*args, **kwargs, out_val=out))
        for tensor in _tensors((args, kwargs)):
            if (place := _place(tensor)) in self._owned:
                self._read.add(place)
        for tensor in _tensors(out):
            self._note(tensor)
        return out

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place = _place(tensor)
        if place in self._owned or (place in self._live and not self._live[place][0].expired()):
            return
        self._live[place] = (StorageWeakRef(storage), storage.nbytes())
        self._live = {key: entry for key, entry in self._live.items() if not entry[0].expired()}
        self.peak_bytes = max(self.peak_bytes, sum(size for _, size in self._live.values()))


def _place(tensor: Tensor) -> int:
    """Return what names the memory behind a tensor, shared by all its views."""
    return int(tensor.untyped_storage()._cdata)


def _tensors(value: Any) -> Iterator[Tensor]:
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _tensors(inner)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
