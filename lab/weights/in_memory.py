"""Networks of this process, `ID@memory:DIGEST`: what a caller has loaded, changed or fine-tuned himself.

The name is made of the weights, so it stands for these weights only; another process has to be given a file.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.weights.networks import Built, architecture_of, weights_digest

if TYPE_CHECKING:
    from torch import nn

NAME_LENGTH = 16
_NETWORKS: dict[str, nn.Module] = {}


def remember(module: nn.Module) -> str:
    """Remember a copy of a network as it is now and return the argument that names it in this process."""
    name = weights_digest(module)[:NAME_LENGTH]
    if name not in _NETWORKS:
        _NETWORKS[name] = copy.deepcopy(module).to("cpu")
    return name


def check(id: str, argument: str) -> None:
    """Raise LabError when this process was given no such network."""
    if argument not in _NETWORKS:
        raise LabError(
            f"{id}@memory:{argument} was a network in the memory of another process; save its weights with "
            f"torch.save(model.module.state_dict(), FILE) and use {id}@checkpoint:FILE"
        )


def build(id: str, argument: str) -> Built:
    """Return a copy of the network, so that nobody's own is frozen or moved."""
    check(id, argument)
    module = copy.deepcopy(_NETWORKS[argument])
    return Built(module, notes=(f"the weights are those of a {architecture_of(module)} in the memory of its process",))


def stamp(id: str, argument: str) -> str:
    """Return the name itself: it is made of the weights."""
    return argument if argument in _NETWORKS else ""
