"""Which changes a network has places for, and what the network puts out under each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.experiments.ablation.probe_data import (
    ProbeData,
    changed_vectors,
    classifier_layer,
    curve_layers,
    present,
    share_of,
)
from lab.interventions import INTERVENTIONS, Intervention, InterventionTarget, anatomy, intervention, possible_targets
from lab.layers import Layer
from lab.models import LoadedModel
from lab.progress import Progress
from lab.settings import Compute

INTACT = "intact"
RANDOM_DRAWS = 3  # one permutation, one random start is one of many
SEEDS_APART = 1009  # between the draws of one change


@dataclass(frozen=True, eq=False)
class PlannedIntervention:
    """One intervention at one place; `row` is None for the intact network. `draw` counts the random draws of a change
    that differs from seed to seed; `possible` is how many parts there are, of which some are tried."""

    row: Intervention | None
    target: InterventionTarget | None
    draw: int = 0
    possible: int = 0

    @property
    def name(self) -> str:
        return self.row.name if self.row else INTACT

    @property
    def place(self) -> str:
        return self.target.label if self.target else ""

    @property
    def title(self) -> str:
        return f"{self.row.title}: {self.place}" if self.row else "The intact network"

    def key(self, seed: int) -> str:
        """Name what was done, "" for nothing; random changes carry their seed."""
        return f"{self.name}/{self.place}/{self.seed(seed)}" if self.row else ""

    def seed(self, seed: int) -> int:
        """Return the seed of this draw in a run with `seed`."""
        return seed + SEEDS_APART * self.draw


@dataclass(eq=False)
class InterventionOutputs:
    """What the changed network puts out: vectors by layer, class scores `(N, K)` where it has a classifier."""

    change: PlannedIntervention
    vectors: dict[str, np.ndarray]
    logits: np.ndarray | None
    problem: str = ""


def plan(model: LoadedModel, only: str, *, spread: bool) -> tuple[list[PlannedIntervention], list[dict[str, str]]]:
    """Return the changes of `only` ("all", or names with commas) that are possible, and why others are not.

    The intact network is the first. Random changes are there once for every draw, one after the other.
    """
    rows = interventions_named(only)
    found = anatomy(model)
    changes, reasons = [PlannedIntervention(None, None)], []
    for row in rows:
        targets = possible_targets(row, found, spread=spread)
        possible, draws = len(row.targets(found)), range(RANDOM_DRAWS if row.random else 1)
        changes += [PlannedIntervention(row, target, draw, possible) for target in targets for draw in draws]
        if not targets:
            reasons.append({"intervention": row.name, "title": row.title, "reason": row.reason(found)})
    return changes, reasons


def interventions_named(only: str) -> list[Intervention]:
    """Return the interventions of `only`: all, or those of names with commas between them."""
    names = list(INTERVENTIONS) if only == "all" else [n.strip() for n in only.split(",") if n.strip()]
    if not names:
        raise LabError(f"no intervention is named in {only!r}; known: {', '.join(INTERVENTIONS)}, or all")
    return [intervention(name) for name in dict.fromkeys(names)]


def run_all(
    model: LoadedModel,
    material: ProbeData,
    changes: list[PlannedIntervention],
    seed: int,
    compute: Compute,
    progress: Progress,
) -> Iterator[InterventionOutputs]:
    layers, classifier = curve_layers(model), classifier_layer(model)
    for number, change in enumerate(changes):
        label = f"{change.title} ({number + 1} of {len(changes)})"
        shown = share_of(progress, label, number, len(changes))
        shown("", 0, len(material.images), "images")
        yield _run_one(model, material, change, layers, classifier, seed, compute, shown)


def _run_one(
    model: LoadedModel,
    material: ProbeData,
    change: PlannedIntervention,
    layers: tuple[Layer, ...],
    classifier: Layer | None,
    seed: int,
    compute: Compute,
    progress: Progress,
) -> InterventionOutputs:
    own = change.seed(seed)
    doing = change.row.change(model, change.target, own) if change.row and change.target else nullcontext()
    seen = layers[-1:] if change.draw else layers  # curves are those of the first draw
    wanted = [*seen, classifier] if classifier else list(seen)
    with doing:
        here = present(model, wanted)
        try:
            found = dict(changed_vectors(model, material, here, change.key(seed), compute=compute, progress=progress))
        except LabError as error:
            if change.row is None:
                raise
            return InterventionOutputs(change, {}, None, str(error))
    logits = found.pop(classifier.name, None) if classifier else None
    return InterventionOutputs(change, found, logits)
