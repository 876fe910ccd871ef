"""The tables of a comparison that have a row per pair of networks or of layers, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.comparison.evidence import Comparison, ModelCurve
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.partial_results import Arrays
from lab.stats.differences import DEPTHS, at_depths, consistency, simultaneous
from lab.stats.disagreement import disagreement
from lab.stats.intervals import difference

Row = dict[str, Any]


def matched(field: Comparison) -> pd.DataFrame:
    """Return the paired difference of every pair of networks at equal relative depth.

    Between layers each image's correctness is interpolated; intervals hold for all depths of a pair at once.
    """
    rows: list[Row] = []
    for one, other in field.pairs:
        a, b = (at_depths(curve.depths, curve.correct) for curve in (one, other))
        there = np.flatnonzero(np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1))
        gaps = simultaneous(field.boot, (a - b)[there])
        for position, gap in zip(there, gaps, strict=True):
            values = {
                "accuracy_a": float(field.boot.mean(a[position])),
                "accuracy_b": float(field.boot.mean(b[position])),
            }
            rows.append({**_named(one, other), "depth": DEPTHS[position], **values, **gap.columns("difference", "ci")})
    columns = ["model_a", "model_b", "depth", "accuracy_a", "accuracy_b", "difference", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def best(field: Comparison) -> pd.DataFrame:
    """Return the paired difference of every pair of networks, each read at its best layer.

    The layer is picked on other images than those that are counted (`lab.stats.differences.best_layer`).
    """
    rows = []
    for one, other in field.pairs:
        gap = difference(field.boot, one.choice.correct - other.choice.correct)
        layers = {"layer_a": one.layers[one.choice.layer].name, "layer_b": other.layers[other.choice.layer].name}
        values = {
            "accuracy_a": float(field.boot.mean(one.choice.correct)),
            "accuracy_b": float(field.boot.mean(other.choice.correct)),
        }
        rows.append({**_named(one, other), **layers, **values, **gap.columns("difference", "ci")})
    return pd.DataFrame(rows)


def agreement(field: Comparison) -> pd.DataFrame:
    """Return per pair of networks and relative depth on how many images both, one or none is right."""
    rows = []
    for (one, other), depth in product(field.pairs, DEPTHS):
        layers = [curve.near([depth])[0] for curve in (one, other)]
        a, b = (
            curve.probabilities[layer].argmax(axis=1) == field.labels
            for curve, layer in zip((one, other), layers, strict=True)
        )
        found = consistency(field.boot, a, b)
        apart = disagreement(one.per_repeat[:, layers[0]], other.per_repeat[:, layers[1]])
        rows.append(
            {
                **_named(one, other),
                "depth": depth,
                "layer_a": one.layers[layers[0]].name,
                "layer_b": other.layers[layers[1]].name,
                "both_right": int((a & b).sum()),
                "only_a": int((a & ~b).sum()),
                "only_b": int((~a & b).sum()),
                "both_wrong": int((~a & ~b).sum()),
                "consistency": found.observed,
                "expected": found.expected,
                **found.kappa.columns("kappa", "ci"),
                "steady_a": apart.steady_a,
                "steady_b": apart.steady_b,
                "by_accuracy": apart.by_accuracy,
                "by_folds": apart.by_folds,
            }
        )
    return pd.DataFrame(rows)


def votes(field: Comparison, question: ProbeSetup) -> pd.DataFrame:
    """Return what every network answers for every image at every relative depth (its nearest layer)."""
    classes = np.array(field.classes, dtype=object)
    ids = [record.id for record in question.images.records]
    parts = []
    for curve, depth in product(field.curves, DEPTHS):
        position = curve.near([depth])[0]
        chances = curve.probabilities[position]
        guess = chances.argmax(axis=1)
        named = {"depth": depth, "model": curve.model, "layer": curve.layers[position].name}
        told = {"image": ids, "class": classes[field.labels], "predicted": classes[guess]}
        p_true = chances[np.arange(len(chances)), field.labels]
        parts.append(pd.DataFrame({**named, **told, "p_true": p_true, "right": guess == field.labels}))
    return pd.concat(parts, ignore_index=True)


def similarity(networks: Sequence[EmbeddingSource], found: Arrays) -> pd.DataFrame:
    """Return one row per pair of layers, each pair once, a layer with itself included."""
    layers = [(network.model, layer) for network in networks for layer in network.layers]
    upper = np.triu_indices(len(layers))
    sides = {
        column: [value(layers[k]) for k in positions]
        for side, positions in zip("ab", upper, strict=True)
        for column, value in (
            (f"model_{side}", lambda entry: entry[0]),
            (f"layer_{side}", lambda entry: entry[1].name),
            (f"depth_{side}", lambda entry: entry[1].depth),
        )
    }
    values = {"cka": "cka", "ci_low": "low", "ci_high": "high", "null_95": "null", "p": "p"}
    table = pd.DataFrame({**sides, **{column: found[name][upper] for column, name in values.items()}})
    return table.assign(images=int(found["images"]))


def _named(one: ModelCurve, other: ModelCurve) -> Row:
    return {"model_a": one.model, "model_b": other.model}
