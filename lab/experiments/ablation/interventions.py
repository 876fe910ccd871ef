"""What is left of a network after one intervention? Every row of `lab.interventions`, at several depths.

tables   changes   one row per intervention and place, the intact network first: accuracy of a probe fitted to the
                   intact network and shown the changed one (`carried`, the frozen probe), accuracy of a refit one
                   (`refitted`), each with its interval and its paired difference to the intact network; the
                   share of images that the frozen probe, and the network's own classifier, name as before
         curve     one row per change and layer: accuracy of a probe refit there
         contrasts paired comparisons between changes: branch or shortcut taken out, channels permuted
         reasons   interventions this network has no place for, and why
         controls  chance, raw pixels, the untrained twin's last layer
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from lab.experiments.ablation.intervention_findings import findings
from lab.experiments.ablation.intervention_outputs import interventions_named, plan, run_all
from lab.experiments.ablation.intervention_tables import control_readings, control_table, intervention_tables
from lab.experiments.ablation.probe_data import curve_layers, open_probe_data
from lab.experiments.ablation.request import ProbeDataRequest
from lab.experiments.base import PartialResults, option
from lab.experiments.early import CardLookup
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.images import short_name
from lab.models import card
from lab.progress import Progress, silent
from lab.settings import Compute

PLACES = ("spread", "all")


@dataclass(frozen=True)
class InterventionRequest(ProbeDataRequest):
    """Which interventions, and at how many parts each."""

    experiment: ClassVar[str] = "break"

    only: str = option("all", "interventions, with commas between them, or all")
    places: str = option("spread", "an early, a middle and a late part of each, or all", choices=PLACES)

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for interventions there are not, besides what all questions check."""
        interventions_named(self.only)
        super().check(cards)

    def title(self) -> str:
        """Return what is looked at."""
        return f"{self.network} broken, on {short_name(self.data)}"


def run(
    request: InterventionRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return what every change leaves; raises LabError when the images or the network cannot be used."""
    material, model = open_probe_data(request, progress, compute)
    changes, reasons = plan(model, request.only, spread=request.places == "spread")
    seen = [*run_all(model, material, changes, request.seed, compute, progress)]
    tables = {
        **intervention_tables(
            curve_layers(model), material, seen, partial_results if partial_results is not None else {}, progress
        ),
        "reasons": pd.DataFrame(reasons, columns=["intervention", "title", "reason"]),
        "controls": control_table(material, control_readings(model, material, compute, progress)),
    }
    problems = [f"{one.change.title}: {one.problem}" for one in seen if one.problem]
    classes = list(material.images.classes)
    hashes = material.hashes(model)
    return result_with_findings(
        request,
        tables,
        findings(tables, classes),
        hashes=hashes,
        problems=problems,
        classes=classes,
        notes=list(material.images.notes),
    )
