"""How many labels every layer of a probe run needs: the tables `code_length` and `label_efficiency`, and what they say.

The arithmetic is in `lab.probing.code_length`. Of images that are copies of each other one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.separability.columns import PROBE
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.layers import Layer
from lab.partial_results import Arrays, PartialResults
from lab.probing.code_length import LEAST_IMAGES, learning_curve, one_per_group, online_code
from lab.progress import Progress
from lab.stats.intervals import mean_interval
from lab.threads import in_threads

Row = dict[str, Any]
COLUMNS = {name: tuple(PROBE[name].columns) for name in ("code_length", "label_efficiency")}


def label_tables(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], progress: Progress, partial_results: PartialResults
) -> dict[str, pd.DataFrame]:
    """Return the tables `code_length` and `label_efficiency` of every layer of every network.

    They are empty when fewer than `LEAST_IMAGES` distinct images are left, or these are of one class.
    """
    asked = [(network, layer) for network in subjects if not network.twin for layer in network.layers]
    counted = one_per_group(question.labels, question.images.groups, seed=question.request.seed)
    if len(counted) < LEAST_IMAGES or len(np.unique(question.labels[counted])) < 2:
        return {name: pd.DataFrame(columns=list(columns)) for name, columns in COLUMNS.items()}
    progress("Counting the labels each layer needs", 0, len(asked), "layers")
    found = in_threads(lambda one: _measured(question, *one, counted, partial_results), asked)
    codes: list[Row] = []
    curves: list[Row] = []
    for done, ((network, layer), piece) in enumerate(zip(asked, found, strict=True), start=1):
        progress("Counting the labels each layer needs", done, len(asked), "layers")
        named = {"model": network.model, "layer": layer.name, "depth": layer.depth}
        codes.append({**named, **code_row(piece, len(np.unique(question.labels[counted])))})
        curves += [{**named, **row} for row in _curve_rows(piece)]
    return {"code_length": pd.DataFrame(codes), "label_efficiency": pd.DataFrame(curves)}


def label_findings(tables: Mapping[str, pd.DataFrame], model: str) -> list[str]:
    """Say how many labels a network's layers save against shuffled ones, and how few suffice."""
    code, curve = (table[table["model"] == model] for table in (tables["code_length"], tables["label_efficiency"]))
    if code.empty:
        return ["There are too few distinct images to count the labels that a layer needs."]
    first, best = code.iloc[0], code.iloc[int(code["bits"].to_numpy().argmin())]
    found = [
        f"{best.layer} needs the fewest labels: it spares {_labels(best)}, since {best.bits:.0f} bits tell them all "
        f"where shuffled labels take {best.control_bits:.0f}. {first.layer}, the first layer, spares {_labels(first)}."
    ]
    most = curve["per_class"].max()
    at_most = curve[curve["per_class"] == most]
    goal = float(at_most["balanced_accuracy"].iloc[0])
    enough = curve[(curve["layer"] == best.layer) & (curve["balanced_accuracy"] >= goal)]
    if best.layer != first.layer and len(enough):
        fewest = int(enough["per_class"].min())
        found.append(
            f"With {_per_class(fewest)}, {best.layer} is right as often ({enough['balanced_accuracy'].iloc[0]:.2f}) as "
            f"{first.layer} with {_per_class(most)} ({goal:.2f})."
        )
    return found


def _labels(row: Any) -> str:
    """Return "12 of 240 labels", or that nothing clear is spared; the interval is over orders of the images."""
    if not row.saved_low > 0:
        return "none"
    interval = f"95 % interval {row.saved_low:.0f} to {row.saved_high:.0f} bits"
    return f"{row.labels_saved:.0f} of {row.images} labels ({interval})"


def _per_class(count: int) -> str:
    return f"{count} {'label' if count == 1 else 'labels'} per class"


def _measured(
    question: ProbeSetup, network: EmbeddingSource, layer: Layer, counted: np.ndarray, partial_results: PartialResults
) -> Arrays:
    """Return what one layer needs, from the pieces when it is there."""
    seed, probe = question.request.seed, question.request.probe
    key = f"{network.view}/{layer.name}/labels/{seed}/{question.images.fingerprint}"
    piece = partial_results.get(key)
    if piece is None:
        embedding, labels = network.embeddings[layer.name][counted], question.labels[counted]
        code, curve = (measure(embedding, labels, seed=seed, probe=probe) for measure in (online_code, learning_curve))
        piece = partial_results[key] = {
            "bits": code.bits,
            "control": code.control,
            "uniform": np.array(code.uniform),
            "images": np.array(code.images),
            "per_class": curve.per_class,
            "accuracy": curve.accuracy,
        }
    return piece


def code_row(piece: Arrays, classes: int) -> Row:
    """Return a row of `code_length`, from `bits` and `control` by order, `uniform` and `images`."""
    saved = mean_interval(piece["control"] - piece["bits"])
    bits, uniform = float(piece["bits"].mean()), float(piece["uniform"])
    return {
        "images": int(piece["images"]),
        "orders": len(piece["bits"]),
        "bits": bits,
        "control_bits": float(piece["control"].mean()),
        "uniform_bits": uniform,
        **saved.columns("saved"),
        "labels_saved": saved.value / float(np.log2(classes)),
        "compression": uniform / bits,
    }


def _curve_rows(piece: Arrays) -> Iterator[Row]:
    for per_class, accuracy in zip(piece["per_class"], piece["accuracy"], strict=True):
        yield {
            "per_class": int(per_class),
            "draws": len(accuracy),
            "balanced_accuracy": float(accuracy.mean()),
            "least": float(accuracy.min()),
            "most": float(accuracy.max()),
        }
