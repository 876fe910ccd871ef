"""What is left of a network after one intervention? Every row of `lab.interventions`, at several depths.

tables   changes   one row per intervention and place, the intact network first: accuracy of a reader fitted to the
                   intact network and shown the changed one (`carried`), accuracy of a reader fitted anew
                   (`refitted`), each with its interval and its paired difference to the intact network; the
                   share of images that the carried reader, and the network's own classifier, name as before
         curve     one row per change and layer: accuracy of a reader fitted there anew
         reasons   interventions this network has no place for, and why
         controls  chance, raw pixels, the untrained twin's last layer
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.asking import option
from lab.experiments.base import Pieces, Result
from lab.experiments.breaking.asking import ImagesRequest
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from lab.experiments.breaking.material import Material
    from lab.interventions import Intervention, Target
    from lab.layers import Layer
    from lab.models import LoadedModel

INTACT = "intact"
PLACES = ("spread", "all")


@dataclass(frozen=True)
class ChangesRequest(ImagesRequest):
    """Which interventions, and at how many places each."""

    experiment: ClassVar[str] = "break"

    only: str = option("all", "interventions, with commas between them, or all")
    places: str = option("spread", "an early, a middle and a late place of each, or all places", choices=PLACES)

    def title(self) -> str:
        """Return what is looked at."""
        return f"{self.network} broken, on {self.data}"


@dataclass(frozen=True, eq=False)
class Change:
    """One intervention at one place; `row` is None for the intact network."""

    row: Intervention | None
    target: Target | None

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
        return f"{self.name}/{self.place}/{seed}" if self.row else ""


@dataclass(eq=False)
class Seen:
    """What the changed network puts out: vectors by layer, class scores `(N, K)` where it has a classifier."""

    change: Change
    vectors: dict[str, np.ndarray]
    logits: np.ndarray | None
    problem: str = ""


def run(
    request: ChangesRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return what every change leaves; raises LabError when the images or the network cannot be used."""
    from lab.experiments.breaking.changes_tables import change_tables, control_table
    from lab.experiments.breaking.changes_telling import told
    from lab.experiments.breaking.material import curve_layers, open_material
    from lab.experiments.subject import made
    from lab.models import load_model

    material = open_material(request, progress)
    progress("Opening the network", 0, 1, "models")
    model = load_model(request.model, device=compute.device)
    changes, reasons = plan(model, request)
    seen = [*_watch_all(model, material, changes, request.seed, compute, progress)]
    tables = {
        **change_tables(curve_layers(model), material, seen, pieces if pieces is not None else {}, progress),
        "reasons": pd.DataFrame(reasons, columns=["intervention", "title", "reason"]),
        "controls": control_table(model, material, compute, progress),
    }
    hashes = {str(model.ref): model.weights_digest, "images": material.images.fingerprint}
    problems = [f"{one.change.title}: {one.problem}" for one in seen if one.problem]
    classes = list(material.images.classes)
    return made(request, tables, told(tables, classes), hashes=hashes, problems=problems, classes=classes)


def plan(model: LoadedModel, request: ChangesRequest) -> tuple[list[Change], list[dict[str, str]]]:
    """Return the changes that are possible, the intact network first, and why others are not."""
    from lab.interventions import INTERVENTIONS, anatomy, intervention, possible_targets

    names = list(INTERVENTIONS) if request.only == "all" else [n.strip() for n in request.only.split(",") if n.strip()]
    if not names:
        raise LabError(f"no intervention is named in {request.only!r}; known: {', '.join(INTERVENTIONS)}, or all")
    rows = [intervention(name) for name in dict.fromkeys(names)]
    found = anatomy(model)
    changes, reasons = [Change(None, None)], []
    for row in rows:
        targets = possible_targets(row, found, spread=request.places == "spread")
        changes += [Change(row, target) for target in targets]
        if not targets:
            reasons.append({"intervention": row.name, "title": row.title, "reason": row.reason(found)})
    return changes, reasons


def _watch_all(
    model: LoadedModel, material: Material, changes: list[Change], seed: int, compute: Compute, progress: Progress
) -> Iterator[Seen]:
    from lab.experiments.breaking.material import classifier_layer, curve_layers, share_of

    layers, classifier = curve_layers(model), classifier_layer(model)
    for number, change in enumerate(changes):
        label = f"{change.title} ({number + 1} of {len(changes)})"
        shown = share_of(progress, label, number, len(changes))
        shown("", 0, len(material.images), "images")
        yield _watch(model, material, change, layers, classifier, seed, compute, shown)


def _watch(
    model: LoadedModel,
    material: Material,
    change: Change,
    layers: tuple[Layer, ...],
    classifier: Layer | None,
    seed: int,
    compute: Compute,
    progress: Progress,
) -> Seen:
    from lab.experiments.breaking.material import changed_vectors, present

    doing = change.row.change(model, change.target, seed) if change.row and change.target else nullcontext()
    wanted = [*layers, classifier] if classifier else list(layers)
    with doing:
        here = present(model, wanted)
        try:
            found = dict(changed_vectors(model, material, here, change.key(seed), compute=compute, progress=progress))
        except LabError as error:
            if change.row is None:
                raise
            return Seen(change, {}, None, str(error))
    logits = found.pop(classifier.name, None) if classifier else None
    return Seen(change, found, logits)
