"""A device for tests on machines that have none: its tensors are the CPU's in disguise, and nothing mixes with them.

torch takes it for an accelerator of its own ("fake"): kernels, autograd and optimisers run through `run`, which does
the work on the CPU and raises where CUDA and MPS would (an operation on tensors of two devices, numpy on a tensor that
is not the CPU's) or where MPS alone would (double precision). `FORWARD_IMAGES` counts what convolutions saw here.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "fake"
_setup_privateuseone_for_python_backend(NAME)
DEVICE = torch.device(f"{NAME}:0")
aten = torch.ops.aten
BETWEEN = {aten._to_copy.default, aten.copy_.default}
# Positions may lie on the CPU while what they pick does not, as everywhere in torch.
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
CALLS: Counter[str] = Counter()
memory: list[int] = []  # the most rows of an operation's first tensor that fit, while a test says so


class FakeTensor(torch.Tensor):
    """A tensor of the fake device; `raw` is where its numbers are."""

    raw: torch.Tensor

    @classmethod
    def of(cls, raw: torch.Tensor) -> FakeTensor:
        made: FakeTensor = torch.Tensor._make_wrapper_subclass(
            cls, raw.shape, strides=raw.stride(), storage_offset=raw.storage_offset(), dtype=raw.dtype, device=DEVICE
        )
        made.raw = raw
        return made

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return run(op, *args, **(kwargs or {}))


def run(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Do an operation of the device on the CPU."""
    if torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), "CompositeImplicitAutograd"):
        return op.decompose(*args, **kwargs)  # made of others, as they come when gradients are off
    values, _ = tree_flatten((args, kwargs))
    here = [value for value in values if isinstance(value, FakeTensor)]
    others = [v for v in values if isinstance(v, torch.Tensor) and v.ndim and not isinstance(v, FakeTensor)]
    asked = kwargs.get("device")
    if others and here and op not in BETWEEN | INDEXING:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {op} got {DEVICE} and cpu")
    if (kwargs.get("dtype") is torch.float64 and asked != torch.device("cpu")) or _doubles(here):
        raise TypeError(f"{op}: this device has no float64")
    if memory and op is aten.convolution.default and here and len(here[0]) > memory[0]:
        raise torch.OutOfMemoryError(f"fake out of memory: {len(here[0])} images do not fit")
    CALLS[op.__name__] += bool(here)
    raw_args, raw_kwargs = tree_map(_raw, (args, kwargs))
    found = op(*raw_args, **raw_kwargs)
    if op is aten.copy_.default:
        return args[0]
    known = {id(tensor.raw): tensor for tensor in here}
    stays = asked.type == NAME if asked is not None else bool(here)
    return tree_map(lambda v: known[id(v)] if id(v) in known else _wrapped(v, stays), found)


def _doubles(tensors: list[FakeTensor]) -> bool:
    return any(tensor.dtype == torch.float64 for tensor in tensors)


def _raw(value: Any) -> Any:
    if isinstance(value, FakeTensor):
        return value.raw
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _wrapped(value: Any, stays: bool) -> Any:
    return FakeTensor.of(value) if isinstance(value, torch.Tensor) and stays else value


LIBRARY = torch.library.Library("_", "IMPL")
LIBRARY.fallback(run, "PrivateUse1")  # what makes tensors here without being given one


def offer(monkeypatch: Any) -> None:
    """Let the lab's users ask for the device while a test lasts."""
    from lab import settings

    monkeypatch.setattr(settings, "DEVICES", rf"{settings.DEVICES}|{NAME}")
    for name in ("tensor", "as_tensor"):  # these alone go to a device by a way that no Python kernel can stand in
        monkeypatch.setattr(torch, name, _moved_after(getattr(torch, name)))


def _moved_after(make: Any) -> Any:
    def made(data: Any, *, device: Any = None, **named: Any) -> torch.Tensor:
        if isinstance(data, torch.Tensor):
            return make(data, device=device, **named)
        return make(data, **named) if device is None else make(data, **named).to(device)

    return made
