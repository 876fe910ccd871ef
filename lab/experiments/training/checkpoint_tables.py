"""From what was read off the checkpoints to the tables of `watching`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lab.experiments.training.checkpoints import HeldOutImages
from lab.geometry.projection import project_layers
from lab.layers import Layer
from lab.progress import Progress
from lab.stats.differences import simultaneous
from lab.stats.intervals import bootstrap, difference, wilson

PIXELS = "pixels"


def probe_table(
    readings: Mapping[int, Mapping[str, np.ndarray]],
    layers: tuple[Layer, ...],
    pixels: np.ndarray,
    held: HeldOutImages,
    per_epoch: int,
) -> pd.DataFrame:
    """Return the held-out accuracy of every layer at every checkpoint, with its control, and once of the pixels."""
    rows = []
    for step, found in readings.items():
        for layer in layers:
            for control, correct in zip(("probe", "shuffled"), found[f"layer/{layer.name}"], strict=True):
                about = {"step": step, "epoch": step / per_epoch, "layer": layer.name, "depth": layer.depth}
                rows.append({**about, "control": control, **_scored(correct, held)})
    rows.append(
        {"step": -1, "epoch": np.nan, "layer": "", "depth": np.nan, "control": PIXELS, **_scored(pixels[0], held)}
    )
    return pd.DataFrame(rows)


def _scored(correct: np.ndarray, held: HeldOutImages) -> dict[str, float]:
    accuracy = float(correct.mean())
    low, high = wilson(accuracy, len(np.unique(held.groups)))
    return {"accuracy": accuracy, "ci_low": low, "ci_high": high}


def gain_table(
    readings: Mapping[int, Mapping[str, np.ndarray]], layers: tuple[Layer, ...], held: HeldOutImages
) -> pd.DataFrame:
    """Return what training added to each layer; differences are paired over images, and those of one kind (gains,
    leads, checkpoints against the start) hold for all layers and steps at once."""
    boot = bootstrap(held.groups, held.labels, seed=held.seed)
    steps = list(readings)
    correct = {layer.name: np.stack([readings[step][f"layer/{layer.name}"][0] for step in steps]) for layer in layers}
    gain = {name: values[-1] - values[0] for name, values in correct.items()}
    last = gain[layers[-1].name]
    rows = []
    gains = simultaneous(boot, np.stack([gain[layer.name] for layer in layers]))
    # A difference of gains lies in -2..2, and `simultaneous` takes what lies in -1..1.
    leads = [difference(boot, (last - last) / 2)] * len(layers)
    if len(layers) > 1:
        leads[:-1] = simultaneous(boot, np.stack([(last - gain[layer.name]) / 2 for layer in layers[:-1]]))
    changes = np.concatenate([values[1:] - values[:1] for values in correct.values()])
    surely = np.array([found.low > 0 for found in simultaneous(boot, changes)]).reshape(len(layers), len(steps) - 1)
    for layer, own, lead, sure in zip(layers, gains, leads, surely, strict=True):
        better = [step for step, now in zip(steps[1:], sure, strict=True) if now]
        rows.append(
            {
                "layer": layer.name,
                "depth": layer.depth,
                **own.columns("gain"),
                **{name: 2 * value for name, value in lead.columns("lead").items()},
                "onset": better[0] if better else -1,
            }
        )
    # the last layer's lead over the first is what the first row says; it is wanted where the last is spoken of
    for name in ("lead", "lead_low", "lead_high"):
        rows[-1][name] = rows[0][name]
    return pd.DataFrame(rows)


def map_tables(
    readings: Mapping[int, Mapping[str, np.ndarray]], held: HeldOutImages, per_epoch: int, progress: Progress
) -> dict[str, pd.DataFrame]:
    """Return the maps of the last layer; each starts from the one before, so that points can be followed."""

    def shown(stage: str, done: int, total: int, unit: str) -> None:
        progress("Drawing the maps", done, total, "maps")

    embeddings = {str(step): found["embedding"] for step, found in readings.items()}
    points, quality = [], []
    for made in project_layers(embeddings, held.labels, held.groups, seed=held.seed, progress=shown):
        step = int(made.layer)
        about = {"step": step, "epoch": step / per_epoch}
        names = [held.classes[label] for label in held.labels]
        columns = {"image": held.names, "class": names, "x": made.points[:, 0], "y": made.points[:, 1]}
        points.append(pd.DataFrame({**about, **columns}))
        figures = {name: getattr(made, name) for name in ("trustworthiness", "knn_embedding", "knn_projection", "note")}
        quality.append({**about, **figures})
    return {"maps": pd.concat(points, ignore_index=True), "map_quality": pd.DataFrame(quality)}
