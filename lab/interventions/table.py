"""The table of interventions: what each does, where it can be done, and a context manager that does it.

    change(model, target, seed) -> context manager; within it the model's module is changed, after it it is as before

A new intervention is one row. Where a network has no place for one, `reason` says why.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from lab.errors import LabError, nearest
from lab.interventions.anatomy import Anatomy, Part, anatomy
from lab.models import LoadedModel

NO_STAGES = "this network is one row of blocks without stages; for each block, see the blocks"
MOST_SPREAD = 3


@dataclass(frozen=True)
class InterventionTarget:
    """A place for an intervention: the parts it touches and how people call it; `refitted` says that shapes do not
    fit there and are made to by repeating and averaging."""

    label: str
    parts: tuple[Part, ...]
    refitted: bool = False

    @property
    def depth(self) -> float:
        """The depth from which the network differs: where the first part it touches is done."""
        return min((part.depth for part in self.parts), default=0.0)


@dataclass(frozen=True)
class Intervention:
    """A row: name, a title, what it does, its places in a network, why there may be none, and what does it; `random`
    says that it differs from seed to seed, so that one seed is one of many."""

    name: str
    title: str
    about: str
    targets: Callable[[Anatomy], list[InterventionTarget]]
    reason: Callable[[Anatomy], str]
    change: Callable[[LoadedModel, InterventionTarget, int], AbstractContextManager[None]]
    random: bool = False


def intervention(name: str) -> Intervention:
    """Return the row `name`; raises LabError when there is none."""
    if name not in INTERVENTIONS:
        known = ", ".join(INTERVENTIONS)
        raise LabError(f"there is no intervention {name!r}{nearest(name, INTERVENTIONS)}; known: {known}")
    return INTERVENTIONS[name]


def possible_targets(row: Intervention, found: Anatomy, *, spread: bool = True) -> list[InterventionTarget]:
    """Return the places of an intervention: all of them, or (`spread`) early, middle and late ones."""
    targets = row.targets(found)
    if not spread or len(targets) <= MOST_SPREAD:
        return targets
    last = len(targets) - 1
    return [targets[round(k * last / (MOST_SPREAD - 1))] for k in range(MOST_SPREAD)]


# --- places ---------------------------------------------------------------------------------------------------------


def _each_stage(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget(part.name, (part,), refitted=not part.fits_itself) for part in found.stages]


def _neighbouring_stages(found: Anatomy) -> list[InterventionTarget]:
    return [_pair(a, b) for a, b in itertools.pairwise(found.stages)]


def _neighbouring_blocks(found: Anatomy) -> list[InterventionTarget]:
    """Return neighbours of one shape: they can change places as they are."""
    pairs = itertools.pairwise(found.blocks)
    return [_pair(a, b) for a, b in pairs if a.fits_itself and b.fits_itself and a.entering == b.entering]


def _pair(one: Part, other: Part) -> InterventionTarget:
    fits = one.entering == other.entering and one.leaving == other.leaving
    return InterventionTarget(f"{one.name} ↔ {other.name}", (one, other), refitted=not fits)


def _shortcut_blocks(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget(part.name, (part,)) for part in found.blocks if part.shortcut]


def _removable_shortcuts(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget(part.name, (part,)) for part in found.blocks if part.shortcut_removable]


def _plain_blocks(found: Anatomy) -> list[InterventionTarget]:
    """Return blocks without a shortcut, unless a stage is that block: skipping the stage is the same."""
    alone = {stage.name for stage in found.stages if sum(_inside(block, stage) for block in found.blocks) == 1}
    return [
        InterventionTarget(part.name, (part,), refitted=not part.fits_itself)
        for part in found.blocks
        if not part.shortcut and not any(part.name.startswith(f"{name}.") for name in alone)
    ]


def _between(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget(f"after {part.name}", (part,)) for part in found.trunk[:-1]]


def _each_unit(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget(part.name, (part,)) for part in found.trunk]


def _whole(found: Anatomy) -> list[InterventionTarget]:
    return [InterventionTarget("everywhere", ())] if found.activations else []


def _inside(block: Part, stage: Part) -> bool:
    return block.name == stage.name or block.name.startswith(f"{stage.name}.")


# --- changes --------------------------------------------------------------------------------------------------------


def _pass_on(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    from lab.interventions.swapping import SkippedModule, replaced

    return replaced(model.module, {part.name: SkippedModule(part) for part in target.parts})


def _branch_only(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    from lab.interventions.swapping import without_shortcut

    return without_shortcut(model.module, target.parts[0])


def _swap(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    from lab.interventions.swapping import ReplacedModule, replaced

    one, other = target.parts
    modules = {part.name: model.module.get_submodule(part.name) for part in target.parts}
    if not target.refitted:
        return replaced(model.module, {one.name: modules[other.name], other.name: modules[one.name]})
    return replaced(
        model.module,
        {
            one.name: ReplacedModule(modules[other.name], other, one),
            other.name: ReplacedModule(modules[one.name], one, other),
        },
    )


def _permute(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    from lab.interventions.swapping import permuted_output

    return permuted_output(model.module, target.parts[0], seed)


def _reinitialise(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    """Put the same part of a freshly drawn network of this architecture in its place: its own way to begin."""
    from lab.interventions.swapping import replaced

    # Beyond the network's own seed, so that an untrained one is not replaced by itself.
    own = int(model.ref.argument) if model.ref.source.name == "untrained" else 0
    twin = model.ref.twin(own + 1 + seed)
    fresh = twin.source.build(twin.id, twin.argument).module.eval().requires_grad_(False).to(model.device)
    return replaced(model.module, {part.name: fresh.get_submodule(part.name) for part in target.parts})


def _identity(model: LoadedModel, target: InterventionTarget, seed: int) -> AbstractContextManager[None]:
    return identity_activations(model, 1.0)


def identity_activations(model: LoadedModel, depth: float) -> AbstractContextManager[None]:
    """Within the block, every activation that runs up to `depth` (0 to 1) hands on its input."""
    from torch import nn

    from lab.interventions.swapping import replaced

    names = [name for name, at in anatomy(model).activations if at <= depth + 1e-9]
    return replaced(model.module, {name: nn.Identity() for name in names})


def _no_stages(found: Anatomy) -> str:
    return NO_STAGES if found.blocks else _no_blocks(found)


def _no_blocks(found: Anatomy) -> str:
    return (
        "this network has no stages or blocks that take one tensor and put out one, so none can be taken out or moved"
    )


def _no_shortcut(found: Anatomy) -> str:
    return "no block of this network has a shortcut around it" if found.blocks else _no_blocks(found)


def _no_removable(found: Anatomy) -> str:
    if any(part.shortcut for part in found.blocks):
        return "what follows the shortcuts of this network cannot be kept without them"
    return _no_shortcut(found)


def _no_plain(found: Anatomy) -> str:
    return "every block of this network has a shortcut, or is a stage of its own" if found.blocks else _no_blocks(found)


def _no_equals(found: Anatomy) -> str:
    return "no two neighbouring blocks of this network have the same shape" if found.blocks else _no_blocks(found)


def _no_activations(found: Anatomy) -> str:
    return "this network has no activation that is a module of its own"


INTERVENTIONS: dict[str, Intervention] = {
    row.name: row
    for row in (
        Intervention(
            "skip", "Skip a stage", "The stage is left out; the next one gets what entered it, made to fit.",
            _each_stage, _no_stages, _pass_on,
        ),
        Intervention(
            "reorder", "Swap two stages", "Two neighbouring stages run in the other order, made to fit.",
            _neighbouring_stages, _no_stages, _swap,
        ),
        Intervention(
            "drop", "Drop a residual block", "A block with a shortcut is left out; only the shortcut remains.",
            _shortcut_blocks, _no_shortcut, _pass_on,
        ),
        Intervention(
            "unshortcut", "Take out a shortcut", "A block keeps its branch and loses its shortcut: the control of the "
            "row above.",
            _removable_shortcuts, _no_removable, _branch_only,
        ),
        Intervention(
            "cut", "Drop a block without shortcut", "A block that nothing leads around is left out, made to fit.",
            _plain_blocks, _no_plain, _pass_on,
        ),
        Intervention(
            "swap", "Swap two blocks", "Two neighbouring blocks of equal shape run in the other order.",
            _neighbouring_blocks, _no_equals, _swap,
        ),
        Intervention(
            "permute", "Permute channels", "The same maps reach the next part in another order.",
            _between, _no_blocks, _permute, random=True,
        ),
        Intervention(
            "reinit", "Re-initialise a part", "A stage (a block where there are no stages) gets fresh random weights.",
            _each_unit, _no_blocks, _reinitialise, random=True,
        ),
        Intervention(
            "identity", "No activations", "Every activation hands on its input.",
            _whole, _no_activations, _identity,
        ),
    )
}  # fmt: skip
