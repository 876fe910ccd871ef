"""The layer table of a network: what each module puts out, and which of them people mean by stem, block, stage and
head.

Nothing here knows any architecture by name: `tracing` runs the network once, `layout` reads shapes, `places` checks
that positions are where they seem to be, `structure` finds the blocks, `receptive` measures what each position can see,
`costs` counts what it takes to get there. Modules that cannot be layers are returned with the reason.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lab.layers.costs import costs
from lab.layers.layout import Grid, read_layouts
from lab.layers.places import misplaced
from lab.layers.receptive import measure
from lab.layers.structure import Roles, find_roles
from lab.layers.tracing import BATCH, Trace, Visit, trace
from lab.layers.types import Exclusion, Layer

if TYPE_CHECKING:
    from torch import nn


def layer_table(module: nn.Module, input_size: tuple[int, int, int]) -> tuple[tuple[Layer, ...], tuple[Exclusion, ...]]:
    """Return a network's layers in the order in which their outputs are ready, and the modules that are none.

    Runs the network a few times on random images of `input_size` (C, H, W); leaves it as it was.
    """
    seen = trace(module, input_size)
    reasons = {name: reason for name, visit in seen.visits.items() if (reason := _why_not(visit))}
    grids = read_layouts(module, [visit for visit in seen.ran() if visit.name not in reasons], input_size)
    for name, grid in list(grids.items()):
        if grid is None:
            reasons[name] = f"its output has shape {seen.visits[name].output}, which is no known layout"
    for name in misplaced(module, grids, input_size):
        grids[name] = replace(grids[name], height=0, width=0)  # type: ignore[type-var]
    roles = find_roles(module, seen, frozenset(seen.visits) - frozenset(reasons))
    depth = _depths(seen, roles.classifiers)
    layers = tuple(
        _layer(visit, grid, roles, depth(visit), input_size)
        for visit in seen.ran()
        if visit.name not in reasons and (grid := grids[visit.name]) is not None
    )
    fields = measure(module, layers, input_size)
    spent, _ = costs(module, input_size)
    layers = tuple(
        replace(
            layer,
            receptive_field=fields[layer.name].side,
            receptive_field_height=fields[layer.name].height,
            receptive_field_width=fields[layer.name].width,
            receptive_field_status=fields[layer.name].status,
            stride=fields[layer.name].stride or layer.stride,
            flops=spent[layer.name].flops,
            parameters=spent[layer.name].parameters,
        )
        for layer in layers
    )
    return layers, tuple(Exclusion(name, reason) for name, reason in reasons.items())


def _why_not(visit: Visit) -> str:
    if not visit.ends:
        return "it is not called in a forward pass"
    if len(visit.ends) > 1:
        return f"it is called {len(visit.ends)} times in one forward pass"
    if visit.output is None:
        return f"its output is a {visit.output_type}, not a tensor"
    if visit.same_as_input or type(visit.module).__name__.startswith(("Identity", "Dropout")):
        return "it passes on its input unchanged"
    if not visit.output or visit.output[0] != BATCH:
        return f"its output has shape {visit.output} for {BATCH} images: the first axis is not the batch"
    return ""


def _layer(visit: Visit, grid: Grid, roles: Roles, depth: float, input_size: tuple[int, int, int]) -> Layer:
    stride = round(input_size[2] / grid.width) if grid.width else 0
    return Layer(
        name=visit.name,
        kind=roles.kind(visit.name),
        depth=depth,
        layout=grid.layout,
        channels=grid.channels,
        height=grid.height,
        width=grid.width,
        stride=stride,
        receptive_field=0,
        receptive_field_status="unknown",
        prefix_tokens=grid.prefix_tokens,
        stage_end=visit.name in roles.stages,
        type=type(visit.module).__name__,
    )


def _depths(seen: Trace, classifiers: frozenset[str]) -> Callable[[Visit], float]:
    """Return the function from a visit to the share of weighted calls before the classifier that ended by its end."""
    instants = sorted(
        end for visit in seen.visits.values() if visit.weighted and visit.name not in classifiers for end in visit.ends
    )
    total = max(1, len(instants))
    return lambda visit: bisect_right(instants, visit.end) / total
