"""From what the probes read off the layers to checks and a verdict; for runs, and for arrays without any network.

Readings are out-of-fold probabilities `(R, N, K)` by layer. Where a control was drawn several times (channels, twins)
its draws follow each other along the axis of repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.experiments.separability.fits import ProbeDesign, drawn_from, fit_layer
from lab.probing.task import LOGISTIC
from lab.stats.checks import Check, Evidence, check_evidence
from lab.stats.depth import Emergence, emergence
from lab.stats.image_scores import chance_of, image_scores, measure_of, shuffled_scores
from lab.stats.intervals import Bootstrap, Scores, bootstrap, scores
from lab.stats.verdict import Verdict, verdict

DRAWN = ("matched", "untrained")  # controls that are drawn several times


@dataclass(frozen=True)
class Judgement:
    """The checks on one network and what follows from them; for arrays emergence by pair and scores by layer too."""

    evidence: Evidence
    checks: tuple[Check, ...]
    verdict: Verdict
    emergence: tuple[Emergence, ...] = ()
    accuracy: tuple[Scores, ...] = ()


def judge(
    design: ProbeDesign,
    readings: Mapping[str, Sequence[np.ndarray]],
    boot: Bootstrap,
    *,
    model: str,
    classes: Sequence[str],
    layers: Sequence[str],
    depths: Sequence[float],
    trained: bool = True,
) -> Judgement:
    """Return the checks and verdict on one network.

    `readings` hold "probe" and the controls that were run, by layer in order of depth ("pixels" has one entry); `boot`
    is `balanced_bootstrap(design)`.
    """
    measure = measure_of(design.labels, design.groups)
    found = {control: _scores(design, control, per_layer, measure) for control, per_layer in readings.items()}
    chance = chance_of(measure, len(classes))
    names, places = tuple(layers), tuple(depths)
    evidence = Evidence(
        model, tuple(classes), names, places, design.labels, found, trained, measure, chance,
        "" if design.probe == LOGISTIC else design.probe,
    )  # fmt: skip
    checks = check_evidence(evidence, boot)
    return Judgement(evidence, checks, verdict(evidence, checks))


def balanced_bootstrap(design: ProbeDesign) -> Bootstrap:
    """Return the resamples that checks and emergence share: every class and every group has the same weight."""
    return bootstrap(design.groups, design.labels, balanced=True)


def judge_arrays(
    layers: Mapping[str, np.ndarray],
    labels: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    twins: Sequence[Mapping[str, np.ndarray]] = (),
    pixels: np.ndarray | None = None,
    controls: Sequence[str] = ("shuffled", "matched"),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    probe: str = LOGISTIC,
    threads: int | None = None,
) -> Judgement:
    """Probe layers that are given as arrays `(N, D)`, in order of depth, and judge them as a run judges a network's.

    `labels` `(N,)` are integers from 0, `groups` `(N,)` says which rows are copies of each other (default: none).
    `twins` are the same layers of untrained networks, `pixels` `(N, D)` what a layer has to beat. Raises LabError as
    `fit_probes` and `make_splits` do.
    """
    design = ProbeDesign.of(
        labels, np.arange(len(labels)) if groups is None else groups, folds, repeats, seed, (), probe
    )
    kinds = ("probe", *(control for control in ("shuffled", "matched") if control in controls))
    fits = [fit_layer(design, name, embedding, kinds, threads) for name, embedding in layers.items()]
    readings = {kind: [fit[f"{kind}.probabilities"] for fit in fits] for kind in kinds}
    if twins:
        seeds = [[fit_layer(design, name, twin[name], ("probe",), threads) for twin in twins] for name in layers]
        readings["untrained"] = [np.concatenate([fit["probe.probabilities"] for fit in one]) for one in seeds]
    if pixels is not None:
        readings["pixels"] = [fit_layer(design, "", pixels, ("probe",), threads)["probe.probabilities"]]
    depths = np.linspace(0, 1, len(layers)) if len(layers) > 1 else np.zeros(1)
    classes = [str(name) for name in range(int(np.max(labels)) + 1)]
    boot = balanced_bootstrap(design)
    found = judge(
        design, readings, boot, model="the network", classes=classes, layers=tuple(layers), depths=depths.tolist()
    )
    apart = tuple(emergence(depths.tolist(), np.stack(readings["probe"]), design.labels, boot))
    accuracies = tuple(scores(reading, design.labels, design.groups) for reading in readings["probe"])
    return Judgement(found.evidence, found.checks, found.verdict, apart, accuracies)


def _scores(design: ProbeDesign, control: str, per_layer: Sequence[np.ndarray], measure: str) -> np.ndarray:
    """Return the scores of a control as `Evidence` holds them."""
    labels, groups, splits = design.labels, design.groups, design.splits
    if control == "shuffled":
        return np.stack([shuffled_scores(p, design.shuffled, labels, splits, groups, measure) for p in per_layer])
    if control in DRAWN:
        drawn = [drawn_from(probabilities, len(splits)) for probabilities in per_layer]
        count = max(len(draws) for draws in drawn)
        by_layer = [[image_scores(p, labels, splits, groups, measure) for p in draws] for draws in drawn]
        return np.stack([np.resize(np.array(one), (count, len(labels))) for one in by_layer], axis=1)
    found = np.stack([image_scores(p, labels, splits, groups, measure) for p in per_layer])
    return found[0] if control == "pixels" else found
