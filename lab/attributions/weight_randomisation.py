"""Does a map depend on what the network has learned? Its weights are made random from the output down.

Adebayo et al., "Sanity checks for saliency maps" (2018), cascading randomisation. Random weights are those of the same
architecture as it is made before training (its own initialisation, batch statistics included), so no layer is
changed in a way that its architecture would not start from. A control says how alike the maps of two networks with
different random weights are: what the picture and the architecture bring about without any learning.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

MOST_STEPS = 8


@dataclass(frozen=True)
class RandomisationStep:
    """A network that is random from `upto` on: its position in the cascade and the share of weights that are random."""

    number: int
    upto: str
    share: float
    module: nn.Module


def groups(module: nn.Module, most: int = MOST_STEPS) -> list[tuple[str, list[str]]]:
    """Return a network's parameters and buffers in groups, from the input on: blocks of a chain, or top modules.

    At most `most` groups, neighbours joined. A group is named after its first part.
    """
    parts: dict[str, list[str]] = {}
    for name in module.state_dict():
        parts.setdefault(_part(module, name), []).append(name)
    names = list(parts)
    joined: list[tuple[str, list[str]]] = []
    for number in range(min(most, len(names))):
        begin, end = (round(k * len(names) / min(most, len(names))) for k in (number, number + 1))
        joined.append((names[begin], [key for name in names[begin:end] for key in parts[name]]))
    return joined


def cascade(module: nn.Module, twin: nn.Module, only: Sequence[int] = ()) -> Iterator[RandomisationStep]:
    """Yield copies of a network whose last 1, 2, … groups have the weights of `twin`; `module` stays as it is.

    `only` picks some of the steps by number (from 0), in rising order; without it all come. The copy is the same one
    every time, changed further.
    """
    random = copy.deepcopy(module)
    weights, state = twin.state_dict(), random.state_dict()
    total = sum(values.numel() for values in state.values())
    parts = groups(module)[::-1]
    changed = 0
    for number, (name, keys) in enumerate(parts):
        for key in keys:
            state[key].copy_(weights[key])  # the state's tensors are the module's own
            changed += state[key].numel()
        if not only or number in only:
            yield RandomisationStep(number, name, changed / total, random)


def _part(module: nn.Module, key: str) -> str:
    """Return the group of a parameter: "blocks.3" for what is inside a chain of blocks, else its top module."""
    from torch import nn

    top, _, rest = key.partition(".")
    number = rest.partition(".")[0]
    chain = isinstance(getattr(module, top, None), (nn.Sequential, nn.ModuleList)) and number.isdecimal()
    return f"{top}.{number}" if chain else top
