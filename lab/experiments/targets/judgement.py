"""From what was read at each layer to checks and a verdict; for runs, and for arrays without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.experiments.targets.design import TargetDesign
from lab.experiments.targets.kind import Found, Kind, Reading, Row
from lab.experiments.targets.numbers import Numbers
from lab.stats.checks import Check, Evidence, check_evidence
from lab.stats.depth import Emergence, number_emergence
from lab.stats.intervals import Bootstrap, bootstrap
from lab.stats.verdict import Verdict, verdict

DRAWN = ("matched", "untrained")  # controls that are drawn several times


@dataclass(frozen=True)
class TargetJudgement:
    """The checks on one network, and what follows from them; `evidence` holds the images' parts in the measure."""

    evidence: Evidence
    checks: tuple[Check, ...]
    verdict: Verdict


@dataclass(frozen=True)
class ArraysJudgement(TargetJudgement):
    """The same of arrays, with the depth from which the number is read and the scores by layer."""

    emergence: Emergence
    scores: tuple[Row, ...]


def shared_bootstrap(kind: Kind, design: TargetDesign) -> Bootstrap:
    """Return the resamples of the tested images that checks and emergence share: every group has the same weight."""
    groups = design.groups[design.tested]
    return bootstrap(groups, np.zeros(len(groups), dtype=np.int64), refit=kind.refit)


def judge(
    kind: Kind,
    design: TargetDesign,
    readings: Mapping[str, Sequence[Found]],
    boot: Bootstrap,
    *,
    model: str,
    names: Sequence[str],
    layers: Sequence[str],
    depths: Sequence[float],
    trained: bool = True,
) -> TargetJudgement:
    """Return the checks and verdict on one network, of the images that were tested.

    `readings` hold "probe" and the controls that were run, by layer in order of depth ("pixels" has one entry); what
    was drawn several times has its draws one after the other along the axis of repeats. `boot` is of the tested images.
    """
    scores: dict[str, np.ndarray] = {}
    for control, per_layer in readings.items():
        found = [kind.parts(design, control, one) for one in per_layer]
        if control in DRAWN:
            count = max(len(draws) for draws in found)
            scores[control] = np.stack([np.resize(draws, (count, draws.shape[1])) for draws in found], axis=1)
        else:
            scores[control] = found[0][0] if control == "pixels" else np.stack([draws[0] for draws in found])
    labels = np.zeros(int(design.tested.sum()), dtype=np.int64)
    evidence = Evidence(
        model, tuple(names), tuple(layers), tuple(depths), labels, scores, trained, kind.measure, kind.chance
    )
    checks = check_evidence(evidence, boot)
    return TargetJudgement(evidence, checks, verdict(evidence, checks))


def judge_number_arrays(
    layers: Mapping[str, np.ndarray],
    values: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    kind: Numbers | None = None,
    tested: np.ndarray | None = None,
    pixels: np.ndarray | None = None,
    controls: Sequence[str] = ("shuffled", "matched"),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    label: str = "the number",
) -> ArraysJudgement:
    """Predict values `(N,)`, or grades by their places, from layers that are given as arrays `(N, D)`, in order of
    depth, and judge them as a run judges a network's.

    `groups` `(N,)` says which rows never straddle a split, `tested` `(N,)` which a given split tests; `pixels` `(N, D)`
    are what a layer has to beat. Raises LabError as `Numbers.design` does.
    """
    kind = kind or Numbers()
    if not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise LabError("the values hold nan or infinity; leave these rows out")
    own = np.arange(len(values)) if groups is None else np.asarray(groups)
    design = kind.design(values, own, folds, repeats, seed, tested)
    kinds = ("probe", *(control for control in ("shuffled", "matched") if control in controls))
    fits = [kind.fit(design, name, vectors, kinds) for name, vectors in layers.items()]
    readings = {control: [Reading.of("", control, None, fit).found for fit in fits] for control in kinds}
    if pixels is not None:
        readings["pixels"] = [Reading.of("", "pixels", None, kind.fit(design, "", pixels, ("pixels",))).found]
    depths = np.linspace(0, 1, len(layers)).tolist()
    boot = shared_bootstrap(kind, design)
    found = judge(
        kind, design, readings, boot, model="the network", names=(label,), layers=tuple(layers), depths=depths
    )
    emergence = number_emergence(depths, found.evidence.scores["probe"], boot)
    scores = tuple(kind.summary(design, "probe", one) for one in readings["probe"])
    return ArraysJudgement(found.evidence, found.checks, found.verdict, emergence, scores)
