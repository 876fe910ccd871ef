"""From what was predicted at each layer to scores, checks and a verdict; for runs, and for arrays without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.errors import LabError
from lab.experiments.regression.fits import NumberDesign, fit_numbers
from lab.stats.checks import R2, Check, Evidence, check_evidence
from lab.stats.depth import Emergence, number_emergence
from lab.stats.intervals import Bootstrap, bootstrap
from lab.stats.numbers import RIDGE_REFIT, NumberScores, number_scores, number_weights, r2_parts, squared_errors
from lab.stats.verdict import Verdict, verdict

DRAWN = ("matched", "untrained")  # controls that are drawn several times
Predicted = tuple[np.ndarray, np.ndarray]  # predictions and training means, (R, N) each


@dataclass(frozen=True)
class NumberJudgement:
    """The checks on one network, what follows from them, and from which depth the number is read; for arrays the
    scores by layer too."""

    evidence: Evidence
    checks: tuple[Check, ...]
    verdict: Verdict
    emergence: Emergence
    scores: tuple[NumberScores, ...] = ()


def number_bootstrap(groups: np.ndarray) -> Bootstrap:
    """Return the resamples that checks and emergence share: every group has the same weight."""
    return bootstrap(groups, np.zeros(len(groups), dtype=np.int64), refit=RIDGE_REFIT)


def judge_number(
    design: NumberDesign,
    readings: Mapping[str, Sequence[Predicted]],
    boot: Bootstrap,
    *,
    model: str,
    label: str,
    layers: Sequence[str],
    depths: Sequence[float],
    trained: bool = True,
) -> NumberJudgement:
    """Return the checks and verdict on one network, of the images that were tested.

    `readings` hold "probe" and the controls that were run, by layer in order of depth ("pixels" has one entry); what
    was drawn several times has its draws one after the other along the axis of repeats. `boot` is of the tested images.
    """
    rows = np.flatnonzero(design.tested)
    scores = {control: _parts(design, control, per_layer, rows) for control, per_layer in readings.items()}
    labels = np.zeros(len(rows), dtype=np.int64)
    evidence = Evidence(model, (label,), tuple(layers), tuple(depths), labels, scores, trained, R2, 0.0)
    checks = check_evidence(evidence, boot)
    return NumberJudgement(evidence, checks, verdict(evidence, checks), number_emergence(depths, scores["probe"], boot))


def judge_number_arrays(
    layers: Mapping[str, np.ndarray],
    values: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    tested: np.ndarray | None = None,
    twins: Sequence[Mapping[str, np.ndarray]] = (),
    pixels: np.ndarray | None = None,
    controls: Sequence[str] = ("shuffled", "matched"),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    label: str = "the number",
) -> NumberJudgement:
    """Predict values `(N,)` from layers that are given as arrays `(N, D)`, in order of depth, and judge them as a run
    judges a network's.

    `groups` `(N,)` says which rows never straddle a split, `tested` `(N,)` which a given split tests; `twins` are the
    same layers of untrained networks, `pixels` `(N, D)` what a layer has to beat. Raises LabError as `NumberDesign.of`
    does.
    """
    if not np.isfinite(np.asarray(values, dtype=np.float64)).all():
        raise LabError("the values hold nan or infinity; leave these rows out")
    own = np.arange(len(values)) if groups is None else np.asarray(groups)
    design = NumberDesign.of(values, own, folds, repeats, seed, tested)
    kinds = ("probe", *(control for control in ("shuffled", "matched") if control in controls))
    fits = [fit_numbers(design, name, vectors, kinds) for name, vectors in layers.items()]
    readings = {kind: [(fit[f"{kind}.predictions"], fit[f"{kind}.means"]) for fit in fits] for kind in kinds}

    def joined(several: Sequence[Mapping[str, np.ndarray]]) -> Predicted:
        predictions, means = ([fit[f"untrained.{what}"] for fit in several] for what in ("predictions", "means"))
        return np.concatenate(predictions), np.concatenate(means)

    if twins:
        seeds = [[fit_numbers(design, name, twin[name], ("untrained",)) for twin in twins] for name in layers]
        readings["untrained"] = [joined(one) for one in seeds]
    if pixels is not None:
        fit = fit_numbers(design, "", pixels, ("pixels",))
        readings["pixels"] = [(fit["pixels.predictions"], fit["pixels.means"])]
    depths = np.linspace(0, 1, len(layers)) if len(layers) > 1 else np.zeros(1)
    boot = number_bootstrap(design.groups[design.tested])
    found = judge_number(
        design, readings, boot, model="the network", label=label, layers=tuple(layers), depths=depths.tolist()
    )
    by_layer = tuple(scores_of(design, "probe", reading) for reading in readings["probe"])
    return NumberJudgement(found.evidence, found.checks, found.verdict, found.emergence, by_layer)


def scores_of(design: NumberDesign, control: str, reading: Predicted) -> NumberScores:
    """Return the scores of one reading over the tested images; of what was drawn several times, over all draws."""
    rows = np.flatnonzero(design.tested)
    predictions, means = (part[:, rows] for part in reading)
    targets = np.resize(_targets(design, control), (len(predictions), len(design.values)))[:, rows]
    return number_scores(targets, predictions, means, design.groups[rows])


def _targets(design: NumberDesign, control: str) -> np.ndarray:
    """Return what a control was fitted to, `(R, N)`."""
    return design.shuffled if control == "shuffled" else np.broadcast_to(design.values, design.splits.shape)


def _parts(design: NumberDesign, control: str, per_layer: Sequence[Predicted], rows: np.ndarray) -> np.ndarray:
    """Return the images' parts in R² as `Evidence` holds them."""
    weights, repeats = number_weights(design.groups[rows]), len(design.splits)
    targets = _targets(design, control)[:, rows]

    def one(reading: Predicted) -> np.ndarray:
        predictions, means = (part[:, rows].reshape(-1, repeats, len(rows)) for part in reading)
        draws = [r2_parts(*squared_errors(targets, p, m), weights) for p, m in zip(predictions, means, strict=True)]
        return np.stack(draws)

    found = [one(reading) for reading in per_layer]
    if control in DRAWN:
        count = max(len(draws) for draws in found)
        return np.stack([np.resize(draws, (count, len(rows))) for draws in found], axis=1)
    return found[0][0] if control == "pixels" else np.stack([draws[0] for draws in found])
