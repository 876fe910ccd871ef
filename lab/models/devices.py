"""Which device a network runs on, and the one place where tensors go there and come back.

    pick_device("auto") -> "cuda"     a device that this machine has
    placed(network, "cuda", "bfloat16")   the network there, in mixed precision: its input is fetched, its output
                                      comes back to the CPU in float32

So whoever runs a network, with or without gradients, knows nothing of devices. Only what hooks see within it lies on
its device (`device_of`); from there it is taken with `.cpu()`, which on the CPU does nothing.
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.models.reference import MIXED

if TYPE_CHECKING:
    import torch
    from torch import nn


def pick_device(name: str) -> str:
    """Return a device torch can use: "auto" is the first CUDA device if there is one, else "cpu".

    Raises LabError when the device is not on this machine.
    """
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    there = found.type if found is not None else ""
    if name == "auto":
        return "cuda" if there == "cuda" else "cpu"
    kind, colon, number = name.partition(":")
    known = not colon or (number.isdecimal() and int(number) < torch.accelerator.device_count())
    if name == "cpu" or (kind == there and known):
        return name
    raise LabError(f"there is no device {name!r} here; use auto, cpu{there and f', {there}'}")


def shared_out(name: str, key: str) -> str:
    """Return which of several CUDA devices a piece of work named by `key` (hexadecimal) runs on, when any may be."""
    import torch

    if name not in ("auto", "cuda") or torch.cuda.device_count() < 2:
        return name
    return f"cuda:{int(key, 16) % torch.cuda.device_count()}"


def placed(module: nn.Module, device: str, precision: str = "") -> nn.Module:
    """Return the network on a device, where it takes its input from anywhere and hands its output back to the CPU.

    A copy that is moved elsewhere later takes its input there. On CUDA the process computes float32 as the CPU does,
    to its last bits but not to TF32's ten: through a deep network that is 1e-3 off. In a `precision` torch's autocast
    decides what is computed in it; weights stay float32.
    """
    import torch

    if precision in MIXED:
        module._precision = getattr(torch, precision)
        module.forward = MethodType(_mixed, module)  # copies get one of their own

    if device.startswith("cuda"):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    if (device != "cpu" or precision in MIXED) and _fetched not in module._forward_pre_hooks.values():
        module.register_forward_pre_hook(_fetched, with_kwargs=True)
        module.register_forward_hook(_returned)
    return module.to(device)


def device_of(module: nn.Module) -> torch.device:
    """Return where a network's weights lie; the CPU for one without any."""
    import torch

    first = next((tensor for of in (module.parameters(), module.buffers()) for tensor in of), None)
    return torch.device("cpu") if first is None else first.device


def _fetched(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
    return _moved((inputs, named), device_of(module))  # type: ignore[no-any-return]


def _returned(module: nn.Module, inputs: Any, output: Any) -> Any:
    return _moved(output, "cpu", as_float=hasattr(module, "_precision"))


def _mixed(module: nn.Module, *inputs: Any, **named: Any) -> Any:
    """The network's own forward, in mixed precision."""
    import torch

    with torch.autocast(device_of(module).type, dtype=module._precision):  # type: ignore[arg-type]
        return type(module).forward(module, *inputs, **named)


def _moved(values: Any, device: Any, *, as_float: bool = False) -> Any:
    if isinstance(values, dict):
        return {name: _moved(value, device, as_float=as_float) for name, value in values.items()}
    if type(values) in (tuple, list):
        return type(values)(_moved(value, device, as_float=as_float) for value in values)
    if not hasattr(values, "device"):
        return values
    return values.float().to(device) if as_float and values.is_floating_point() else values.to(device)
