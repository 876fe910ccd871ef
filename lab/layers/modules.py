"""What a module is, as far as it can be told without knowing its architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def parameters_in(module: nn.Module) -> int:
    """Return how many parameters a module has."""
    return sum(parameter.numel() for parameter in module.parameters())


def is_container(module: nn.Module) -> bool:
    """Whether a module only holds others."""
    from torch import nn

    return isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)


def is_plain_sequence(module: nn.Module) -> bool:
    """Whether a module does nothing but run its children in a row."""
    from torch import nn

    return type(module) is nn.Sequential


def is_activation(module: nn.Module) -> bool:
    """Whether a module is an element-wise function, gates among them."""
    return "activation" in type(module).__module__ and not any(module.children())
