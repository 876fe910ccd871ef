"""What a network trained here reads of the ladder while it learns: rung by rung, at its checkpoints.

tables   steps      one row per checkpoint and rung: where it emerges, how well it is read at best
         learnt     one row per rung: what training added, and the first checkpoint that clearly reads it better
         accuracy   one row per checkpoint, rung and layer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import LAYERS_HELP, PartialResults, Request, option
from lab.experiments.ladder.climb import Climb, climb_of
from lab.experiments.ladder.columns import LADDER_STEPS
from lab.experiments.ladder.contrasts import network_rows
from lab.experiments.ladder.measure import networks_of, read_rungs
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.ladder.tables import POSITIONS
from lab.experiments.manifest import result_with_findings
from lab.experiments.number_text import with_ends
from lab.experiments.result import Result
from lab.images.synthetic import RUNGS
from lab.models import ModelRef
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import Interval
from lab.stats.simultaneous import stretched
from lab.weights.trained import Trained, find_trained

NEVER = -1

Row = dict[str, Any]


@dataclass(frozen=True)
class LadderStepsRequest(Request):
    """Which network trained here, and which rungs are read at how many of its checkpoints."""

    experiment: ClassVar[str] = "ladder_steps"

    model: str = option("test_resnet@lab:pets", "a network that was trained here, ID@lab:NAME")
    rungs: tuple[str, ...] = option(tuple(RUNGS), "which rungs", known=tuple(RUNGS))
    layers: str = option("stages", LAYERS_HELP)
    per_class: int = option(100, "drawings of each of a rung's two classes", least=20, most=5000)
    checkpoints: int = option(6, "at most so many checkpoints, the first and the last among them", least=2, most=200)
    seed: int = option(0, "moves drawings and folds", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rungs:
            raise LabError("no rung was named; name at least one")
        if "@lab:" not in self.model:
            raise LabError(
                f"{self.model} was not trained here, so it has no checkpoints; train one with `feature-lab train` and "
                "give ID@lab:NAME"
            )

    def canonical(self) -> Self:
        """Return the request with its rungs in the order of the ladder."""
        return replace(super().canonical(), rungs=tuple(name for name in RUNGS if name in self.rungs))

    def title(self) -> str:
        """Return whose ladder it is."""
        return f"The ladder of {self.model} while it learnt"


def run(
    request: LadderStepsRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the ladder at each checkpoint; raises LabError when the network was not trained here."""
    ref = ModelRef.parse(request.model)
    trained, final = find_trained(ref.id, ref.argument)
    by_name = {trained.ref(step): step for step in chosen_steps(trained, final, request.checkpoints)}
    asked = LadderRequest(
        tuple(by_name), request.rungs, request.layers, per_class=request.per_class, untrained=0, seed=request.seed
    )
    networks = networks_of(asked, progress)
    kept = partial_results if partial_results is not None else {}
    readings = list(read_rungs(asked, networks, progress, compute, kept, beside=False))
    climbs = [climb_of(reading, reading.network) for reading in readings if reading.network is not None]
    of_step = {
        step: [climb for climb in climbs if climb.network == network]
        for network, step in zip(networks, by_name.values(), strict=True)
    }
    tables = assembled(of_step, float(trained.about["steps_per_epoch"]))
    hashes = {str(network.ref): network.digest for network in networks}
    return result_with_findings(request, tables, findings(tables, request.model), hashes=hashes)


def chosen_steps(trained: Trained, final: int, most: int) -> list[int]:
    """Return at most `most` of the steps up to the final one, evenly among those there are."""
    steps = [step for step in trained.steps if step <= final]
    places = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    return [steps[place] for place in dict.fromkeys(places.tolist())]


def assembled(of_step: Mapping[int, Sequence[Climb]], per_epoch: float) -> dict[str, pd.DataFrame]:
    """Return all tables, from the climbs of every rung at each step."""
    rows = {
        "steps": [_step_row(step, per_epoch, climb) for step, climbs in of_step.items() for climb in climbs],
        "learnt": list(_learnt_rows(of_step)),
        "accuracy": [row for step, climbs in of_step.items() for climb in climbs for row in _layer_rows(step, climb)],
    }
    return {name: pd.DataFrame(found, columns=list(LADDER_STEPS[name].columns)) for name, found in rows.items()}


def _step_row(step: int, per_epoch: float, climb: Climb) -> Row:
    found, layers = climb.emergence, climb.network.layers
    return {
        "step": step, "epoch": step / per_epoch, "rung": climb.rung, "position": POSITIONS[climb.rung],
        "reached": bool(found.reached), "depth": found.depth, "ci_low": found.ci_low, "ci_high": found.ci_high,
        "layer": layers[found.layer].name if found.reached else "", "best": float(climb.accuracy[climb.best]),
        "best_layer": layers[climb.best].name,
    }  # fmt: skip


def _layer_rows(step: int, climb: Climb) -> Iterator[Row]:
    for layer, accuracy in zip(climb.network.layers, climb.accuracy, strict=True):
        yield {"step": step, "rung": climb.rung, "layer": layer.name, "depth": layer.depth, "accuracy": float(accuracy)}


def _learnt_rows(of_step: Mapping[int, Sequence[Climb]]) -> Iterator[Row]:
    """Yield what training added to each rung, at the best layer of each moment, and from when on it is clear.

    The intervals hold for all rungs and checkpoints at once. An onset counts when every later checkpoint is better too.
    """
    first, *later = of_step.items()
    against = list(network_rows([first[1], *(climbs for _, climbs in later)]))
    size = len(first[1])
    for number, own in enumerate(first[1]):
        gains = [_gain(against[place * size + number], len(later)) for place in range(len(later))]
        onset = NEVER
        for (step, _), gain in zip(reversed(later), reversed(gains), strict=True):
            if gain.low <= 0:
                break
            onset = step
        last = gains[-1]
        yield {
            "rung": own.rung, "position": POSITIONS[own.rung], "before": float(own.accuracy[own.best]),
            "after": float(own.accuracy[own.best]) + last.value, **last.columns("gain"), "onset": onset,
        }  # fmt: skip


def _gain(row: Row, checkpoints: int) -> Interval:
    return stretched(Interval(row["gain"], row["gain_low"], row["gain_high"]), checkpoints)


def findings(tables: Mapping[str, pd.DataFrame], model: str) -> list[str]:
    """Say what training added, in the order in which it came, what it took away, and what it left."""
    learnt, steps = tables["learnt"], tables["steps"]
    gained = learnt[learnt["gain_low"] > 0].sort_values(["onset", "position"])
    lost = learnt[learnt["gain_high"] < 0]
    same = learnt[(learnt["gain_low"] <= 0) & (learnt["gain_high"] >= 0)]
    if len(gained):
        told = [f"{', '.join(own['rung'])} (from step {onset:,} on)" for onset, own in gained.groupby("onset")]
        changes = [f"{row['rung']} {_change(row)}" for row in gained.to_dict("records")]
        said = [
            f"Training of {model} clearly added, in this order: {', '.join(told)}.",
            f"Accuracy at the best layer rose: {'; '.join(changes)}.",
        ]
    else:
        said = [f"No rung is clearly read better after the training of {model}."]
    if len(lost):
        told = [f"{row['rung']} {_change(row)}" for row in lost.to_dict("records")]
        said.append(f"Clearly worse after training: {'; '.join(told)}.")
    if len(same):
        said.append(f"No difference is shown for {', '.join(same['rung'])}.")
    if not steps.loc[steps["step"] == steps["step"].max(), "reached"].any():
        said.append("After training, no rung is read.")
    return said


def _change(row: Mapping[Any, Any]) -> str:
    return with_ends(Interval(row["gain"], row["gain_low"], row["gain_high"]))
