"""The untrained twin of a network that only its module tells of: a copy whose weights are drawn anew.

A network of transformers is made again from its configuration. Of any other each module with parameters must have
torch's `reset_parameters`, or the network a `reset_parameters` or `init_weights` of its own that sets the rest.
Where something would keep its trained weights, there is no twin, and the reason is said.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lab.errors import LabError
from lab.weights.networks import own_random_state

if TYPE_CHECKING:
    from torch import nn

# Away from the small seeds that people begin with: a twin must not draw what the network itself began with
APART = 0x7A3D_0000  # the generator takes 32 bits
# What torch's own modules call the method that draws their weights
RESETS = ("reset_parameters", "_reset_parameters")


class NoTwin(LabError):
    """A network has no untrained twin; the sentence says why."""


def reinitialised(module: nn.Module, seed: int, name: str) -> nn.Module:
    """Return the same architecture with weights drawn from a seed; the global random state is as before.

    Raises NoTwin naming the first parameter that nothing draws anew.
    """
    with own_random_state(APART + seed):
        if _is_of_transformers(module):
            twin: Any = type(module)(copy.deepcopy(module.config))  # type: ignore[operator]
            return twin
        return _reset(copy.deepcopy(module), name)


def _reset(twin: nn.Module, name: str) -> nn.Module:
    import torch

    with torch.no_grad():
        for value in twin.parameters():
            value.fill_(torch.nan)  # so that what nothing sets is seen
        for child in twin.modules():
            if child is not twin and next(child.parameters(recurse=False), None) is not None:
                _call(child, RESETS)
        _call(twin, (*RESETS, "init_weights"))
    for key, value in twin.named_parameters():
        if bool(value.isnan().any()):
            owner = type(twin.get_submodule(key.rpartition(".")[0])).__name__
            raise NoTwin(
                f"{name} has no untrained twin: its parameter {key} ({owner}) is drawn by no reset_parameters; add one "
                "to that class, or leave the control untrained out"
            )
    return twin


def _call(module: nn.Module, names: Sequence[str]) -> None:
    """Call the methods of these names that a module has and that need no argument."""
    for method in (getattr(module, name, None) for name in names):
        if callable(method) and all(p.default is not p.empty for p in inspect.signature(method).parameters.values()):
            method()


def _is_of_transformers(module: nn.Module) -> bool:
    bases = ((base.__name__, base.__module__.partition(".")[0]) for base in type(module).__mro__)
    return ("PreTrainedModel", "transformers") in bases
