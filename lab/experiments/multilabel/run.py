"""Conducts a run of several labels: images, one forward pass a network, a probe a label and layer, tables, verdict.

    tables   layers, images, splits, quarantine   what was looked at
             summary      one row per layer and control: mean AUC and mean average precision over labels
             labels       one row per layer and label: AUC and average precision
             emergence    from which depth each label is read
             checks       what the verdict rests on: differences of the mean AUC

Labels that too few images have, or lack, are left out and told of. Controls are those of a probe run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, DEFAULT_MODEL, PartialResults, Result
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.multilabel.fits import FEWEST, LabelsDesign, fit_labels, usable_labels
from lab.experiments.multilabel.request import MultilabelRequest
from lab.experiments.regression.judgement import DRAWN
from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.image_split import copies_in_both, groups_given, with_parts
from lab.experiments.separability.measure import TWIN_SEEDS, EmbeddingSource, ProbeSetup, open_sources
from lab.experiments.separability.tables import image_tables, layer_rows
from lab.images import ImageSet, asked_of, open_image_set, regrouped
from lab.layers import Layer
from lab.models import Model, ModelRef, card, names_of
from lab.probing.controls import OPTIONAL
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute
from lab.stats.auc import image_areas
from lab.stats.checks import MEAN_AUC, Evidence, check_evidence
from lab.stats.depth import number_emergence
from lab.stats.intervals import bootstrap, image_weights
from lab.stats.several_labels import label_scores, mean_area_parts, mean_scores
from lab.stats.verdict import verdict
from lab.threads import cores

GUESSING = 0.5
Row = dict[str, Any]


@dataclass(frozen=True)
class LabelsReading:
    """What was read off one layer (None for the pixels): probabilities of each label `(R, N, L)`."""

    model: str
    control: str
    layer: Layer | None
    dim: int
    positive: np.ndarray

    @property
    def where(self) -> Row:
        """The columns that say which reading it is."""
        named = {"layer": self.layer.name if self.layer else "", "depth": self.layer.depth if self.layer else 0.0}
        return {"model": self.model, **named}


def run(
    request: MultilabelRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
    images: ImageSet | None = None,
) -> Result:
    """Return at which layer each of several labels can be read; `images` are opened unless they are given.

    Raises LabError when the images have no labels, or too few of them.
    """
    kept = partial_results if partial_results is not None else {}
    clock = Clock()
    question, design, problems = _prepared(request, progress, images)
    clock.mark("images")
    subjects, failed = open_sources(question, progress, compute)
    problems += failed
    if question.split_given:
        problems += copies_in_both(question.images, design.tested)
    clock.mark("embeddings")
    readings = list(_read_all(question, design, subjects, progress, kept))
    clock.mark("probes")
    network = next(subject for subject in subjects if subject.layers and not subject.twin)
    names = question.images.classes
    evidence = _evidence(design, network, readings, names)
    boot = bootstrap(design.groups[design.tested], np.zeros(int(design.tested.sum()), dtype=np.int64))
    checks = check_evidence(evidence, boot)
    said = verdict(evidence, checks)
    tables = {
        "layers": pd.DataFrame(list(layer_rows([network]))),
        **_image_tables(question),
        "summary": pd.DataFrame([*_summary(design, readings), _guessing(design)]),
        "labels": pd.DataFrame(list(_by_label(design, readings, names))),
        "emergence": pd.DataFrame(list(_emergence(design, network, readings, names))),
        "checks": pd.DataFrame([{"model": network.model, **check.row()} for check in checks]),
    }
    return result_with_findings(
        request, tables, [said.sentence, *_also(tables)], problems=problems, threads=cores(), timings=clock.seconds,
        verdicts={network.model: {"outcome": said.outcome, "sentence": said.sentence}}, classes=list(names),
        hashes={"images": question.images.fingerprint, network.model: network.digest},
        notes=[*question.images.notes, *card(network.model).notes],
    )  # fmt: skip


def multilabel(
    model: Model = DEFAULT_MODEL,
    images: str | ImageSet = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    label: str = "",
    classes: Sequence[str] = (),
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
    """Return at which layer of a model each of several labels can be read.

    `images` are a table's spec (`"tags.csv"`) or what `open_image_set(..., target="labels")` returned; `label` is the
    column of labels ("a;b" or JSON lists), `classes` picks some labels, `most` how many images are used at most. The
    result is kept by the caller only.

    Raises LabError, in one sentence, for images without labels, too few of them, or a model that cannot be computed.
    """
    given = None if isinstance(images, str) else images
    if given is not None and not given.label_matrix.any():
        raise LabError(f"{given.spec} was opened as classes; open it with target='labels' for several labels an image")
    data = images if isinstance(images, str) else images.spec
    if given is not None:
        data, classes, most = asked_of(given, tuple(classes), most)
    (named,) = names_of(model, preprocess, given)
    request = MultilabelRequest.from_dict(
        {
            "model": named, "data": data, "label": label, "images": most, "layers": layers, "pooling": pooling,
            "controls": controls, "folds": folds, "repeats": repeats, "seed": seed, "groups": groups, "split": split,
            "classes": classes,
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return run(request.canonical(), progress=told, compute=compute, images=given)


def _prepared(
    request: MultilabelRequest, progress: Progress, images: ImageSet | None
) -> tuple[ProbeSetup, LabelsDesign, list[str]]:
    """Return the images with the labels that can be probed, who is tested when, and a sentence on labels left out."""
    if images is None:
        progress("Reading images", 0, 1, "sets")
        images = open_image_set(
            request.spec, classes=request.classes, per_class=request.images, target="labels", progress=progress
        )
    probe = request.as_probe()
    images, tested = with_parts(regrouped(images, request.groups), request.split)
    groups = images.groups
    if tested is not None and not groups_given(images, probe):
        groups = 2 * groups + tested  # copies that are found in both parts: the split stays, and it is told
    usable = usable_labels(images.label_matrix, groups, tested)
    if usable.sum() < 1:
        raise LabError(
            f"no label of {images.spec} is had, and lacked, by {FEWEST} distinct images or more (of each part of a "
            "split by 3); give more images"
        )
    left = [name for name, fine in zip(images.classes, usable, strict=True) if not fine]
    problems = [f"labels that too few images have, or lack, were left out: {', '.join(left)}"] if left else []
    images = _with_classes(images, np.flatnonzero(usable))
    design = LabelsDesign.of(images.label_matrix, groups, request.folds, request.repeats, request.seed, tested)
    carrier = ProbeDesign(images.labels, groups, design.splits, np.zeros(design.splits.shape, np.int64), request.seed)
    return ProbeSetup(images, carrier, probe), design, problems


def _with_classes(images: ImageSet, columns: np.ndarray) -> ImageSet:
    place = {int(old): new for new, old in enumerate(columns)}
    records = tuple(
        replace(record, labels=tuple(place[label] for label in record.labels if label in place))
        for record in images.records
    )
    return replace(images, records=records, classes=tuple(images.classes[int(k)] for k in columns))


def _read_all(
    question: ProbeSetup,
    design: LabelsDesign,
    subjects: Sequence[EmbeddingSource],
    progress: Progress,
    kept: PartialResults,
) -> Iterator[LabelsReading]:
    """Yield what is read off every layer of every subject; of the twins, all seeds of a layer as one."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    twins: dict[str, list[LabelsReading]] = {}
    for done, (subject, layer) in enumerate(asked, 1):
        name = layer.name if layer else ""
        fits = _fits_of(question, subject)
        key = f"multilabel/{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}"
        if key not in kept:
            kept[key] = fit_labels(design, name, subject.embeddings[name], fits)
        progress("Reading the labels off every layer", done, len(asked), "layers")
        for control in fits:
            dim, positive = int(kept[key][f"{control}.dim"]), kept[key][f"{control}.positive"]
            one = LabelsReading(subject.model, control, layer, dim, positive)
            if not subject.twin:
                yield one
                continue
            same = twins.setdefault(name, [])
            same.append(one)
            if len(same) == len(TWIN_SEEDS):
                yield replace(one, positive=np.concatenate([each.positive for each in same]))


def _fits_of(question: ProbeSetup, subject: EmbeddingSource) -> tuple[str, ...]:
    """Return what is read off each layer of a subject: twins and pixels are controls themselves."""
    if subject.twin:
        return ("untrained",)
    if not subject.layers:
        return ("pixels",)
    return ("probe", *(control for control in ("shuffled", "matched") if control in question.request.controls))


def _evidence(
    design: LabelsDesign, network: EmbeddingSource, readings: Iterable[LabelsReading], names: Sequence[str]
) -> Evidence:
    """Return the images' parts in the mean AUC, of the tested images."""
    rows = np.flatnonzero(design.tested)
    by_control: dict[str, list[np.ndarray]] = {}
    for one in readings:
        truth = design.shuffled if one.control == "shuffled" else design.labels
        drawn = one.positive.reshape(-1, len(design.splits), *one.positive.shape[1:])
        parts = [
            mean_area_parts(p[:, rows], truth[..., rows, :], design.splits[:, rows], design.groups[rows]) for p in drawn
        ]
        by_control.setdefault(one.control, []).append(np.stack(parts))
    scores: dict[str, np.ndarray] = {}
    for control, found in by_control.items():
        if control in DRAWN:
            count = max(len(draws) for draws in found)
            scores[control] = np.stack([np.resize(draws, (count, len(rows))) for draws in found], axis=1)
        else:
            scores[control] = found[0][0] if control == "pixels" else np.stack([draws[0] for draws in found])
    layers, trained = network.layers, not ModelRef.parse(network.model).untrained
    return Evidence(
        network.model, tuple(names), tuple(layer.name for layer in layers), tuple(layer.depth for layer in layers),
        np.zeros(len(rows), dtype=np.int64), scores, trained, MEAN_AUC, GUESSING,
    )  # fmt: skip


def _image_tables(question: ProbeSetup) -> dict[str, pd.DataFrame]:
    found = image_tables(question)
    names = question.images.classes
    told = ["; ".join(names[label] for label in record.labels) for record in question.images.records]
    images = found["images"].drop(columns="class")
    images.insert(1, "labels", told)
    return {**found, "images": images}


def _scored(design: LabelsDesign, one: LabelsReading) -> list[Any]:
    rows = np.flatnonzero(design.tested)
    truth = design.shuffled if one.control == "shuffled" else design.labels
    truth = np.resize(np.broadcast_to(truth, (len(design.splits), *design.labels.shape)), one.positive.shape)
    splits = np.resize(design.splits, one.positive.shape[:2])[:, rows]
    return [
        label_scores(one.positive[:, rows, k], truth[:, rows, k], splits, design.groups[rows])
        for k in range(design.labels.shape[1])
    ]


def _summary(design: LabelsDesign, readings: Iterable[LabelsReading]) -> Iterator[Row]:
    for one in readings:
        found = mean_scores(_scored(design, one)).row()
        means = {f"mean_{name}" if name in ("auc", "average_precision") else name: v for name, v in found.items()}
        yield {**one.where, "dim": one.dim, "control": one.control, **means}


def _guessing(design: LabelsDesign) -> Row:
    """Return the row that stands for guessing: half of all pairs in order, and as precise as the label is common."""
    common = float(design.labels[design.tested].mean())
    named = {"model": "", "layer": "", "depth": 0.0, "dim": 0, "control": "chance"}
    return {**named, "mean_auc": GUESSING, "ci_low": GUESSING, "ci_high": GUESSING, "mean_average_precision": common}


def _by_label(design: LabelsDesign, readings: Iterable[LabelsReading], names: Sequence[str]) -> Iterator[Row]:
    count = design.labels[design.tested].sum(axis=0)
    for one in readings:
        if one.control not in ("probe", "pixels"):
            continue
        for k, scored in enumerate(_scored(design, one)):
            yield {
                **one.where, "control": one.control, "label": names[k], "positives": int(count[k]), **scored.row(),
            }  # fmt: skip


def _emergence(
    design: LabelsDesign, network: EmbeddingSource, readings: Iterable[LabelsReading], names: Sequence[str]
) -> Iterator[Row]:
    rows = np.flatnonzero(design.tested)
    groups, probe = design.groups[rows], [one for one in readings if one.control == "probe"]
    depths = [layer.depth for layer in network.layers]
    for k, name in enumerate(names):
        own = design.labels[rows, k].astype(np.int64)
        weights, boot = image_weights(groups, own, balanced=True), bootstrap(groups, own, balanced=True)
        splits = design.splits[:, rows]
        both = [np.stack([1 - one.positive[:, rows, k], one.positive[:, rows, k]], axis=2) for one in probe]
        # Above guessing, so that half the best is halfway between guessing and the best, as for a pair of classes.
        areas = np.stack([image_areas(each, own, splits, weights) for each in both]) - GUESSING
        found = number_emergence(depths, areas, boot)
        layer = network.layers[found.layer].name if found.reached else ""
        yield {
            "model": network.model, "label": name, "depth": found.depth, "ci_low": found.ci_low,
            "ci_high": found.ci_high, "layer": layer, "reached": found.reached, "best": found.best + GUESSING,
        }  # fmt: skip


def _also(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the best layer with its scores, and the labels read first, last and not at all."""
    probe = tables["summary"].query("control == 'probe'")
    best = probe.iloc[int(probe["mean_auc"].to_numpy().argmax())]
    found = [
        f"Best at {best['layer']}: mean AUC {best['mean_auc']:.2f} ({best['ci_low']:.2f} to {best['ci_high']:.2f}), "
        f"mean average precision {best['mean_average_precision']:.2f} ({best['ap_ci_low']:.2f} to "
        f"{best['ap_ci_high']:.2f})."
    ]
    apart = tables["emergence"].query("reached").sort_values("depth", kind="stable")
    if len(apart) > 1:
        first, last = apart.iloc[0], apart.iloc[-1]
        found.append(
            f"Read from the earliest depth on: {first['label']} ({first['depth']:.2f}, {first['layer']}); from the "
            f"latest: {last['label']} ({last['depth']:.2f}, {last['layer']})."
        )
    if len(never := tables["emergence"].query("not reached")):
        found.append(f"Read by no layer beyond chance: {', '.join(never['label'])}.")
    return found
