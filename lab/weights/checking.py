"""What is wrong with tensors that are to be a network's, in one sentence that names the cause.

Names, shapes, channels of the first convolution, number types, values that are no numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.weights.matching import Fit
from lab.weights.networks import architecture_of

if TYPE_CHECKING:
    import torch
    from torch import nn

LISTED = 4
EXACT_FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE_NUMBERS = ("uint8", "int8", "int16", "int32", "int64")


def check_fit(fit: Fit, module: nn.Module, path: Path) -> None:
    """Raise LabError saying why tensors are not the network's."""
    wanted = shapes_of(module)
    misshapen = [n for n, value in fit.tensors.items() if tuple(value.shape) != wanted[n]]
    missing = [*fit.missing, *fit.head_missing]
    if not (missing or misshapen or fit.further):
        return
    if channels := _other_channels(fit, module, misshapen):
        raise LabError(
            f"{path} takes {channels} channel{'s' if channels > 1 else ''}, the lab's images have 3; use weights that "
            "were trained on RGB images"
        )
    wrong = [
        f"{name} is {shape_text(fit.tensors[name].shape)} and should be {shape_text(wanted[name])}"
        for name in misshapen
    ]
    unexpected = [*fit.further, *fit.beside]
    found = [("missing", missing), ("unexpected", unexpected), ("of another shape", wrong)]
    problems = "; ".join(f"{len(names)} {what}: {some(names)}" for what, names in found if names)
    raise LabError(
        f"{path} does not fit {architecture_of(module)} ({problems}); nothing was loaded, {_way_out(fit, wanted)}"
    )


def check_numbers(name: str, value: torch.Tensor, own: torch.Tensor, path: Path) -> None:
    """Raise LabError for numbers that would become others in the network: whole, quantised, complex, sparse ones."""
    import torch

    kind, wanted = (str(dtype).removeprefix("torch.") for dtype in (value.dtype, own.dtype))
    whole = own.dtype in (torch.int64, torch.int32) and kind in WHOLE_NUMBERS
    fits = kind in EXACT_FLOATS if own.is_floating_point() else whole or kind == wanted
    odd = [
        ("a quantised tensor of ", value.is_quantized),
        ("a sparse tensor of ", value.layout != torch.strided),
        ("an empty tensor of ", value.device.type == "meta"),
    ]
    what = next((words for words, here in odd if here), "")
    if (fits or name.endswith("num_batches_tracked")) and not what:
        return
    raise LabError(
        f"{path}: {name} is {what}{kind} and the network computes with {wanted}; nothing was loaded, save the weights "
        "as they were before quantising or casting (float32, float16 or bfloat16)"
    )


def refuse_not_finite(tensors: Mapping[str, torch.Tensor], source: Path | str) -> None:
    """Raise LabError naming the first tensor that holds NaN or infinity."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise LabError(f"{source}: {name} holds NaN or infinite numbers; the weights are damaged, use another file")


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shape of each of a network's tensors."""
    return {name: tuple(value.shape) for name, value in module.state_dict().items()}


def shape_text(shape: Sequence[int]) -> str:
    """Return a tensor's shape as people write it."""
    return "×".join(map(str, shape)) or "a single number"


def some(names: Sequence[str]) -> str:
    """Return the first of some names and how many more there are."""
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")


def _way_out(fit: Fit, wanted: Mapping[str, tuple[int, ...]]) -> str:
    if not fit.tensors:
        return (
            "none of its names is the network's: it was saved from another network, or by a library whose names timm "
            "does not convert"
        )
    if fit.further and not fit.missing:
        return f"it has {len(fit.further)} tensors more than the network: give the id of the larger network"
    if len(fit.missing) > len(wanted) / 2:
        return "most of its names are another network's: give the id of the network that the file was saved from"
    return "give the id of the network that the file was saved from"


def _other_channels(fit: Fit, module: nn.Module, misshapen: Sequence[str]) -> int:
    """Return how many channels a checkpoint's images have when that is all that does not fit, else 0."""
    first = (getattr(module, "pretrained_cfg", None) or {}).get("first_conv")
    firsts = {f"{name}.weight" for name in ([first] if isinstance(first, str) else first or ())}
    if fit.missing or fit.further or not misshapen or not set(misshapen) <= firsts:
        return 0
    own_shapes = shapes_of(module)
    pairs = [(tuple(fit.tensors[name].shape), own_shapes[name]) for name in misshapen]
    alike = all(len(one) == len(own) > 1 and (one[0], *one[2:]) == (own[0], *own[2:]) for one, own in pairs)
    return int(pairs[0][0][1]) if alike and pairs[0][1][1] == 3 else 0
