"""Conducts a run of numbers: images, one forward pass a network, ridge regressions layer by layer, tables, verdict.

    tables   layers, images, splits, quarantine   what was looked at
             summary      one row per layer and control: R², Spearman's correlation, mean absolute error
             predictions  one row per layer and image: its number and what was predicted
             emergence    from which depth the number is read
             checks       what the verdict rests on

Controls are those of a probe run, and read as they are there: the untrained twin, shuffled numbers, equally many random
channels, raw pixels; guessing is the mean of the training part, R² 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, DEFAULT_MODEL, PartialResults, Result
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.regression.fits import NumberDesign, fit_numbers
from lab.experiments.regression.judgement import NumberJudgement, judge_number, number_bootstrap, scores_of
from lab.experiments.regression.request import RegressRequest
from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.image_split import copies_in_both, groups_given, with_parts
from lab.experiments.separability.measure import (
    TWIN_SEEDS,
    EmbeddingSource,
    ProbeSetup,
    open_sources,
)
from lab.experiments.separability.tables import image_tables, layer_rows
from lab.images import ImageSet, asked_of, open_image_set, regrouped
from lab.layers import Layer
from lab.models import Model, ModelRef, card, names_of
from lab.probing.controls import OPTIONAL
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute
from lab.stats.depth import Emergence
from lab.threads import cores

Row = dict[str, Any]


@dataclass(frozen=True)
class NumberReading:
    """What was predicted from one layer (None for the pixels): predictions and training means `(R, N)`."""

    model: str
    control: str
    layer: Layer | None
    dim: int
    predictions: np.ndarray
    means: np.ndarray

    @property
    def where(self) -> Row:
        """The columns that say which reading it is."""
        named = {"layer": self.layer.name if self.layer else "", "depth": self.layer.depth if self.layer else 0.0}
        return {"model": self.model, **named}


def run(
    request: RegressRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
    images: ImageSet | None = None,
) -> Result:
    """Return at which layer the number of `request` can be read; `images` are opened unless they are given.

    Raises LabError when the images have no numbers, or are too few.
    """
    kept = partial_results if partial_results is not None else {}
    clock = Clock()
    question, design = _prepared(request, progress, images)
    clock.mark("images")
    subjects, problems = open_sources(question, progress, compute)
    if question.split_given:
        problems += copies_in_both(question.images, design.tested)
    clock.mark("embeddings")
    readings = list(_read_all(question, design, subjects, progress, kept))
    clock.mark("probes")
    network = next(subject for subject in subjects if subject.layers and not subject.twin)
    label = question.images.classes[0]
    judged = _judged(design, network, readings, label)
    tables = {
        "layers": pd.DataFrame(list(layer_rows([network]))),
        **_image_tables(question),
        "summary": pd.DataFrame([*_summary(design, readings), _guessing(design)]),
        "predictions": pd.concat(
            [_predictions(question.images, design, one) for one in readings if one.control == "probe"],
            ignore_index=True,
        ),
        "emergence": pd.DataFrame([_emergence(network, judged.emergence)]),
        "checks": pd.DataFrame([{"model": network.model, **check.row()} for check in judged.checks]),
    }
    verdict = {network.model: {"outcome": judged.verdict.outcome, "sentence": judged.verdict.sentence}}
    findings = [judged.verdict.sentence, *_also(tables, judged, label)]
    return result_with_findings(
        request, tables, findings, verdicts=verdict, problems=problems, threads=cores(), timings=clock.seconds,
        hashes={"images": question.images.fingerprint, network.model: network.digest}, label=label,
        notes=[*question.images.notes, *card(network.model).notes],
    )  # fmt: skip


def regress(
    model: Model = DEFAULT_MODEL,
    images: str | ImageSet = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    label: str = "",
    most: int | None = None,
    layers: str | Sequence[str] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str = "auto",
    split: str = "auto",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Return at which layer of a model a number of each image can be read.

    `images` are a table's spec (`"ages.csv"`) or what `open_image_set(..., target="number")` returned; `label` is the
    column of numbers, `most` how many images are used at most. The result is kept by the caller only.

    Raises LabError, in one sentence, for images without numbers, too few of them, or a model that cannot be computed.
    """
    given = None if isinstance(images, str) else images
    if given is not None and not np.isfinite(given.values).all():
        raise LabError(f"{given.spec} was opened as classes; open it with target='number' for numbers")
    data = images if isinstance(images, str) else images.spec
    if given is not None:
        data, _, most = asked_of(given, (), most)
    (named,) = names_of(model, preprocess, given)
    request = RegressRequest.from_dict(
        {
            "model": named, "data": data, "label": label, "images": most, "layers": layers, "pooling": pooling,
            "controls": controls, "folds": folds, "repeats": repeats, "seed": seed, "groups": groups, "split": split,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return run(request.canonical(), progress=told, compute=compute, images=given)


def _prepared(request: RegressRequest, progress: Progress, images: ImageSet | None) -> tuple[ProbeSetup, NumberDesign]:
    """Return the images and who is tested when: a split that came with them, else folds."""
    if images is None:
        progress("Reading images", 0, 1, "sets")
        images = open_image_set(request.spec, per_class=request.images, target="number", progress=progress)
    probe = request.as_probe()
    images, tested = with_parts(regrouped(images, request.groups), request.split)
    groups = images.groups
    if tested is not None and not groups_given(images, probe):
        groups = 2 * groups + tested  # copies that are found in both parts: the split stays, and it is told
    design = NumberDesign.of(images.values, groups, request.folds, request.repeats, request.seed, tested)
    carrier = ProbeDesign(images.labels, groups, design.splits, np.zeros(design.splits.shape, np.int64), request.seed)
    return ProbeSetup(images, carrier, probe), design


def _read_all(
    question: ProbeSetup,
    design: NumberDesign,
    subjects: Sequence[EmbeddingSource],
    progress: Progress,
    kept: PartialResults,
) -> Iterator[NumberReading]:
    """Yield what is predicted from every layer of every subject; of the twins, all seeds of a layer as one."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    twins: dict[str, list[NumberReading]] = {}
    for done, (subject, layer) in enumerate(asked, 1):
        name = layer.name if layer else ""
        fits = _fits_of(question, subject)
        key = f"regress/{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}"
        if key not in kept:
            kept[key] = fit_numbers(design, name, subject.embeddings[name], fits)
        progress("Reading the number off every layer", done, len(asked), "layers")
        found = kept[key]
        for control in fits:
            parts = found[f"{control}.predictions"], found[f"{control}.means"]
            one = NumberReading(subject.model, control, layer, int(found[f"{control}.dim"]), *parts)
            if not subject.twin:
                yield one
                continue
            same = twins.setdefault(name, [])
            same.append(one)
            if len(same) == len(TWIN_SEEDS):
                yield _joined(same)


def _joined(same: Sequence[NumberReading]) -> NumberReading:
    return replace(
        same[0],
        predictions=np.concatenate([one.predictions for one in same]),
        means=np.concatenate([one.means for one in same]),
    )


def _fits_of(question: ProbeSetup, subject: EmbeddingSource) -> tuple[str, ...]:
    """Return what is read off each layer of a subject: twins and pixels are controls themselves."""
    if subject.twin:
        return ("untrained",)
    if not subject.layers:
        return ("pixels",)
    return ("probe", *(control for control in ("shuffled", "matched") if control in question.request.controls))


def _judged(
    design: NumberDesign, network: EmbeddingSource, readings: Iterable[NumberReading], label: str
) -> NumberJudgement:
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for one in readings:
        found.setdefault(one.control, []).append((one.predictions, one.means))
    return judge_number(
        design,
        found,
        number_bootstrap(design.groups[design.tested]),
        model=network.model,
        label=label,
        layers=[layer.name for layer in network.layers],
        depths=[layer.depth for layer in network.layers],
        trained=not ModelRef.parse(network.model).untrained,
    )


def _image_tables(question: ProbeSetup) -> dict[str, pd.DataFrame]:
    found = image_tables(question)
    images = found["images"].drop(columns="class")
    images.insert(1, "value", question.images.values)
    return {**found, "images": images}


def _summary(design: NumberDesign, readings: Iterable[NumberReading]) -> Iterator[Row]:
    for one in readings:
        scored = scores_of(design, one.control, (one.predictions, one.means))
        yield {**one.where, "dim": one.dim, "control": one.control, **scored.row()}


def _guessing(design: NumberDesign) -> Row:
    """Return the row that stands for naming the mean of the training part."""
    named = {"model": "", "layer": "", "depth": 0.0, "dim": 0, "control": "chance"}
    return {**named, "r2": 0.0, "ci_low": 0.0, "ci_high": 0.0, "spearman": 0.0}


def _predictions(images: ImageSet, design: NumberDesign, one: NumberReading) -> pd.DataFrame:
    rows = np.flatnonzero(design.tested)
    ids = [images.records[row].id for row in rows]
    predicted = one.predictions[:, rows].mean(axis=0)
    return pd.DataFrame({**one.where, "image": ids, "value": design.values[rows], "predicted": predicted})


def _emergence(network: EmbeddingSource, found: Emergence) -> Row:
    layer = network.layers[found.layer].name if found.reached else ""
    ends = {"depth": found.depth, "ci_low": found.ci_low, "ci_high": found.ci_high}
    return {"model": network.model, **ends, "layer": layer, "reached": found.reached, "best": found.best}


def _also(tables: dict[str, pd.DataFrame], judged: NumberJudgement, label: str) -> list[str]:
    """Return the best layer with its scores, and from which depth the number is read."""
    probe = tables["summary"].query("control == 'probe'")
    best = probe.iloc[int(probe["r2"].to_numpy().argmax())]
    found = [
        f"Best at {best['layer']}: R² {best['r2']:.2f} ({best['ci_low']:.2f} to {best['ci_high']:.2f}), Spearman's "
        f"correlation {best['spearman']:.2f} ({best['spearman_ci_low']:.2f} to {best['spearman_ci_high']:.2f}), mean "
        f"absolute error {best['mae']:.3g}."
    ]
    row = tables["emergence"].iloc[0]
    if judged.emergence.reached:
        found.append(
            f"{label} is read from depth {row['depth']:.2f} on ({row['ci_low']:.2f} to {row['ci_high']:.2f}): from "
            f"{row['layer']} R² stays above half its best."
        )
    else:
        found.append(f"No layer reads {label} beyond chance, all layers taken together.")
    return found
