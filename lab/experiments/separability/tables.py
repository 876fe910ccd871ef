"""Turns the readings of a probe run into its tidy tables and verdicts; one function per table.

`layers`, `splits`, `images`, `quarantine` describe what was looked at; `folds`, `summary`, `predictions`, `emergence`,
`checks` what was found; `projection`, `projection_quality` draw it. Columns: docs/tables.md. The rest is made in
`decision_depth` and `label_efficiency`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.separability.given_split import Measured, test_part
from lab.experiments.separability.judgement import Judgement, balanced_bootstrap, judge
from lab.experiments.separability.measure import EmbeddingSource, ProbeResult, ProbeSetup
from lab.geometry.neighbours import silhouette
from lab.geometry.projection import Projection
from lab.images import ImageSet
from lab.models import ModelRef
from lab.partial_results import PartialResultsFolder
from lab.settings import cache_dir
from lab.stats.depth import emergence
from lab.stats.intervals import Bootstrap, chance, correctness, fold_scores, scores

Maps = Mapping[tuple[str, str], "Projection"]
Row = dict[str, Any]


def assemble(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], readings: Sequence[ProbeResult], maps: Maps
) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, str]]]:
    """Return all tables, and per model the verdict's outcome and sentence.

    Where the split was given, what was found is told of the test part.
    """
    networks = [subject for subject in subjects if subject.layers and not subject.twin]
    described = {
        "layers": pd.DataFrame(list(layer_rows(networks))),
        **image_tables(question),
        "folds": pd.DataFrame(list(_folds(question, readings))),
    }
    part = test_part(Measured(question, networks, readings))
    question, networks, readings = part.question, list(part.subjects), part.readings
    boot = balanced_bootstrap(question.design)
    judged = {network.model: _judged(question, network, readings, boot) for network in networks}
    tables = {
        **described,
        "summary": pd.DataFrame([*_summary(question, networks, readings, maps), chance_row(question)]),
        "predictions": pd.concat([_predictions(question, r) for r in readings if r.control == "probe"]),
        "emergence": pd.DataFrame([row for n in networks for row in emergence_rows(question, n, readings, boot)]),
        "checks": pd.DataFrame([{"model": m, **check.row()} for m, found in judged.items() for check in found.checks]),
        "projection": pd.concat([_projection(question, n, maps) for n in networks]),
        "projection_quality": pd.DataFrame([row for n in networks for row in _quality(n, maps)]),
    }
    told = {
        model: {"outcome": found.verdict.outcome, "sentence": found.verdict.sentence} for model, found in judged.items()
    }
    return {name: table.reset_index(drop=True) for name, table in tables.items()}, told


def _of(readings: Iterable[ProbeResult], model: str, control: str) -> list[ProbeResult]:
    return [r for r in readings if r.model == model and r.control == control]


def _labels_of(question: ProbeSetup, reading: ProbeResult) -> np.ndarray:
    """Return the labels a reading was fitted to: `(N,)`, or `(R, N)` for shuffled ones."""
    return question.shuffled if reading.control == "shuffled" else question.labels


def _judged(
    question: ProbeSetup, network: EmbeddingSource, readings: Sequence[ProbeResult], boot: Bootstrap
) -> Judgement:
    found = {
        control: [r.probabilities for r in _of(readings, network.model, control)]
        for control in ("probe", "matched", "untrained", "shuffled")
    }
    found["pixels"] = [r.probabilities for r in _of(readings, "", "pixels")]
    return judge(
        question.design,
        {control: probabilities for control, probabilities in found.items() if probabilities},
        boot,
        model=network.model,
        classes=question.images.classes,
        layers=[layer.name for layer in network.layers],
        depths=[layer.depth for layer in network.layers],
        trained=not ModelRef.parse(network.model).untrained,
    )


RECEPTIVE_FIELD = ("receptive_field", "receptive_field_height", "receptive_field_width", "receptive_field_status")


def layer_rows(networks: Sequence[EmbeddingSource]) -> Iterator[Row]:
    """Yield the rows of the table `layers`."""
    columns = ("kind", "depth", "layout", "channels", "height", "width", "stride", *RECEPTIVE_FIELD)
    for network in networks:
        for layer in network.layers:
            described = {name: getattr(layer, name) for name in columns}
            dim = network.embeddings[layer.name].shape[1]
            yield {"model": network.model, "layer": layer.name, "dim": dim, **described}


def image_tables(question: ProbeSetup) -> dict[str, pd.DataFrame]:
    """Return the tables `images`, `splits` and `quarantine`."""
    images = question.images
    set_aside = [(found.id, found.reason) for found in images.quarantined]
    return {
        "images": images.table().assign(thumbnail=_thumbnails(images)),
        "splits": _split_table(question),
        "quarantine": pd.DataFrame(set_aside, columns=["image", "reason"], dtype=str),
    }


def _split_table(question: ProbeSetup) -> pd.DataFrame:
    repeats, count = question.splits.shape
    return pd.DataFrame(
        {
            "image": np.tile([record.id for record in question.images.records], repeats),
            "group": np.tile(question.images.groups, repeats),
            "repeat": np.repeat(np.arange(repeats), count),
            "fold": question.splits.reshape(-1).astype(np.int64),
        }
    )


def _thumbnails(images: ImageSet) -> list[bytes]:
    """Return a small JPEG per image, from the cache when this very set was looked at before."""
    kept = PartialResultsFolder(cache_dir("thumbnails"))
    key = images.fingerprint
    if key not in kept:
        made = [images.thumbnail(index) for index in range(len(images))]
        joined = np.frombuffer(b"".join(made), dtype=np.uint8)
        kept[key] = {"bytes": joined, "ends": np.cumsum([len(one) for one in made])}
    piece = kept[key]
    return [part.tobytes() for part in np.split(piece["bytes"], piece["ends"][:-1])]


def _folds(question: ProbeSetup, readings: Iterable[ProbeResult]) -> Iterator[Row]:
    for reading in readings:
        named = {"model": reading.model, "layer": _name(reading), "control": reading.control}
        labels = _labels_of(question, reading)
        splits = np.resize(question.splits, reading.probabilities.shape[:2])  # once more for every draw
        groups = question.images.groups
        for row in fold_scores(reading.probabilities, labels, splits, reading.regularisation, groups):
            yield {**named, **row}


def _summary(
    question: ProbeSetup, networks: Sequence[EmbeddingSource], readings: Iterable[ProbeResult], maps: Maps
) -> Iterator[Row]:
    embeddings = {network.model: network.embeddings for network in networks}
    for reading in readings:
        row = summary_row(question, reading)
        if reading.control == "probe":
            row["knn_accuracy"] = maps[reading.model, _name(reading)].knn_embedding
            row["silhouette"] = silhouette(embeddings[reading.model][_name(reading)], question.labels)
        yield row


def summary_row(question: ProbeSetup, reading: ProbeResult) -> Row:
    """Return a reading's row of the table `summary`."""
    return {
        "model": reading.model,
        "layer": _name(reading),
        "depth": reading.layer.depth if reading.layer else 0.0,
        "dim": reading.dim,
        "control": reading.control,
        **scores(reading.probabilities, _labels_of(question, reading), question.images.groups).row(),
    }


def chance_row(question: ProbeSetup) -> Row:
    """Return the row of the table `summary` that stands for guessing."""
    guess = chance(question.labels, question.images.groups)
    balanced = 1 / len(question.images.classes)
    named = {"model": "", "layer": "", "depth": 0.0, "dim": 0, "control": "chance"}
    return {**named, "accuracy": guess, "ci_low": guess, "ci_high": guess, "balanced_accuracy": balanced, "auc": 0.5}


def _predictions(question: ProbeSetup, reading: ProbeResult) -> pd.DataFrame:
    classes = np.array(question.images.classes, dtype=object)
    mean = reading.probabilities.mean(axis=0)
    return pd.DataFrame(
        {
            "model": reading.model,
            "layer": _name(reading),
            "depth": reading.layer.depth if reading.layer else 0.0,
            "image": [record.id for record in question.images.records],
            "class": classes[question.labels],
            "predicted": classes[mean.argmax(axis=1)],
            "p_true": mean[np.arange(len(mean)), question.labels],
            "correct": correctness(reading.probabilities, question.labels),
        }
    )


def emergence_rows(
    question: ProbeSetup, network: EmbeddingSource, readings: Sequence[ProbeResult], boot: Bootstrap
) -> Iterator[Row]:
    """Yield the rows of the table `emergence` of one network."""
    probabilities = np.stack([r.probabilities for r in _of(readings, network.model, "probe")])
    depths = [layer.depth for layer in network.layers]
    for pair in emergence(depths, probabilities, question.labels, boot):
        yield {
            "model": network.model,
            "class_a": question.images.classes[pair.class_a],
            "class_b": question.images.classes[pair.class_b],
            "depth": pair.depth,
            "ci_low": pair.ci_low,
            "ci_high": pair.ci_high,
            "layer": network.layers[pair.layer].name if pair.reached else "",
            "reached": pair.reached,
        }


def _projection(question: ProbeSetup, network: EmbeddingSource, maps: Maps) -> pd.DataFrame:
    classes = np.array(question.images.classes, dtype=object)[question.labels]
    ids = [record.id for record in question.images.records]
    parts = []
    for layer in network.layers:
        x, y = maps[network.model, layer.name].points.T
        named = {"model": network.model, "layer": layer.name, "depth": layer.depth}
        parts.append(pd.DataFrame({**named, "image": ids, "class": classes, "x": x, "y": y}))
    return pd.concat(parts)


def _quality(network: EmbeddingSource, maps: Maps) -> Iterator[Row]:
    measures = ("trustworthiness", "knn_embedding", "knn_projection")
    for layer in network.layers:
        projection = maps[network.model, layer.name]
        values = {measure: getattr(projection, measure) for measure in measures}
        yield {"model": network.model, "layer": layer.name, "depth": layer.depth, **values, "note": projection.note}


def _name(reading: ProbeResult) -> str:
    return reading.layer.name if reading.layer else ""
