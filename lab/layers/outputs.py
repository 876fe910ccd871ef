"""The tensor in what a module puts out: itself, or one of a tuple, a dictionary or an object of transformers.

timm's networks are read as they were before: a module of theirs that puts out several tensors is no layer. Other
people's networks wrap nearly every output, so there the one tensor that stands for it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

# Of several tensors by name, the first of these that is there: what transformers, torchvision and CLIP towers call it
NAMES = ("last_hidden_state", "hidden_states", "out", "image_embeds", "logits")


def main_tensor(output: Any) -> Tensor | None:
    """Return the tensor that stands for a module's output, None when there is none.

    Of a tuple or list the first tensor; of a dictionary that of a well-known name, else the first. One level deep.
    """
    import torch

    if isinstance(output, torch.Tensor):
        return output
    values: list[Any] = []
    if isinstance(output, Mapping):
        values = [output[name] for name in NAMES if name in output] + list(output.values())
    elif isinstance(output, (tuple, list)):
        values = list(output)
    return next((value for value in values if isinstance(value, torch.Tensor)), None)


def tensor_of(output: Any) -> Tensor:
    """Return the tensor that stands for a layer's output; a layer always has one."""
    tensor = main_tensor(output)
    assert tensor is not None
    return tensor


def opens_outputs(module: nn.Module) -> bool:
    """Return whether tensors within outputs count as a network's layers: for all but timm's own."""
    return getattr(module, "pretrained_cfg", None) is None
