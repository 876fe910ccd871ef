"""What the layers of a network know while it learns: probes, first filters and maps at every checkpoint.

Everything is measured on the images that no step of the training was computed from.

    tables   probes       one row per checkpoint, layer and control (probe, shuffled; pixels once): held-out accuracy of
                          a linear probe with interval
             gains        one row per layer: what training added (final minus step 0, paired, with interval), how much
                          more the last layer gained, and the first checkpoint that beats step 0
             filters      one row per checkpoint and filter of the first convolution: picture, size, and cosine with
                          the same filter at step 0; empty where there is none
             maps         one row per checkpoint and image: its place on the t-SNE map of the last layer
             map_quality  one row per checkpoint: how far to trust the map
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.experiments.base import Pieces, Result
from lab.experiments.training.asked import WatchRequest
from lab.experiments.training.filters import filters_at, with_cosines
from lab.experiments.training.telling import watched_told
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.intervals import bootstrap, chance, correctness, difference, wilson

if TYPE_CHECKING:
    from torch import Tensor

    from lab.layers import Layer
    from lab.models import LoadedModel
    from lab.weights.trained import Trained

FOLDS, REPEATS = 5, 2
PIXELS_SIDE = 16  # raw pixels are shrunk to so many a side for their control
PIXELS = "pixels"
BATCH = 32


@dataclass(frozen=True)
class Held:
    """The images that no step was computed from: pixels uint8 `(n, 3, H, W)`, labels, groups, ids, and the folds."""

    pixels: Tensor
    labels: np.ndarray
    groups: np.ndarray
    names: list[str]
    classes: tuple[str, ...]
    splits: np.ndarray
    seed: int


@dataclass(frozen=True)
class Seen:
    """What was read off one checkpoint: arrays as `_read` makes them, and rows about its first filters."""

    step: int
    layers: tuple[Layer, ...]
    reading: Mapping[str, np.ndarray]
    filters: tuple[dict[str, Any], ...]


def run(
    request: WatchRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return what every checkpoint knows; raises LabError when the network was not trained here or its images have
    changed since."""
    from lab.experiments.subject import made
    from lab.models import ModelRef
    from lab.weights.trained import find_trained

    ref = ModelRef.parse(request.model)
    trained, final = find_trained(ref.id, ref.argument)
    steps = [step for step in trained.steps if step <= final]
    held = _held(trained, request.seed, progress)
    seen = list(_checkpoints(trained, steps, request.layers, held, pieces if pieces is not None else {}, progress))
    layers, readings = seen[-1].layers, {each.step: each.reading for each in seen}
    pixels = _fitted(_shrunk(held), held)
    per_epoch = int(trained.about["steps_per_epoch"])
    tables = {
        "probes": _probes(readings, layers, pixels, held, per_epoch),
        "gains": _gains(readings, layers, held),
        "filters": with_cosines([row for each in seen for row in each.filters]),
        **_maps({str(step): reading["embedding"] for step, reading in readings.items()}, held, per_epoch, progress),
    }
    return made(
        request,
        tables,
        watched_told(tables),
        hashes={"images": trained.about["images"]},
        chance=chance(held.labels),
        images=len(held.labels),
        classes=list(held.classes),
    )


def _held(trained: Trained, seed: int, progress: Progress) -> Held:
    import torch

    from lab.experiments.training.teaching import held_out_of, input_of
    from lab.probing.probes import make_splits
    from lab.training.pixels import load_pixels

    progress("Opening the images", 0, 1, "steps")
    images, parts = held_out_of(trained.about, progress)
    every = load_pixels(images, input_of(int(trained.about["input"]["size"])), progress)
    chosen = parts.held_out
    labels, groups = images.labels[chosen], images.groups[chosen]
    splits = make_splits(labels, groups, folds=FOLDS, repeats=REPEATS, seed=seed, classes=images.classes)
    names = [images.records[index].id for index in chosen]
    return Held(every[torch.from_numpy(chosen)], labels, groups, names, images.classes, splits, seed)


def _checkpoints(
    trained: Trained, steps: list[int], layers: str, held: Held, pieces: Pieces, progress: Progress
) -> Iterator[Seen]:
    """Yield what each checkpoint knows, from the pieces where it was read before."""
    for number, step in enumerate(steps):
        tell = partial(progress, "Reading the checkpoints", number, len(steps), "checkpoints")
        tell()
        model, chosen = _opened(trained.ref(step), layers)
        key = f"{step}/{model.weights_digest}"
        if key not in pieces:
            pieces[key] = _read(model, chosen, held, tell)
        yield Seen(step, chosen, pieces[key], tuple(filters_at(model.module, step)))


def _opened(ref: str, layers: str) -> tuple[LoadedModel, tuple[Layer, ...]]:
    from lab.layers import select_layers
    from lab.models import load_model

    model = load_model(ref)
    return model, select_layers(model.layers, layers, exclusions=model.card.exclusions)


def _read(model: LoadedModel, layers: tuple[Layer, ...], held: Held, tell: Callable[[], None]) -> dict[str, np.ndarray]:
    """Return, per layer, the correctness `(2, n)` of probe and shuffled labels, and the last layer's embedding."""
    from lab.activations import Extractor

    extract = Extractor(model, layers)
    batches = []
    for start in range(0, len(held.labels), BATCH):
        tell()
        batches.append(extract(held.pixels[start : start + BATCH]))
    vectors = {layer.name: np.concatenate([batch[layer.name] for batch in batches]) for layer in layers}
    found: dict[str, np.ndarray] = {"embedding": vectors[layers[-1].name]}
    for layer in layers:
        tell()
        found[f"layer/{layer.name}"] = _fitted(vectors[layer.name], held)
    return found


def _fitted(embedding: np.ndarray, held: Held) -> np.ndarray:
    """Return, per image, how often the probe and the one of shuffled labels were right, `(2, n)`."""
    from lab.probing.probes import fit_probes, shuffled_labels

    shuffled = shuffled_labels(held.labels, held.groups, seed=held.seed, repeats=REPEATS)
    both = np.stack([np.repeat(held.labels[None], REPEATS, axis=0), shuffled])
    probes = fit_probes(embedding, both, held.splits, held.groups, dimensions=(None,), seed=held.seed)
    pairs = ((0, held.labels), (1, shuffled))
    return np.stack([correctness(probes[None, index].probabilities, labels) for index, labels in pairs])


def _shrunk(held: Held) -> np.ndarray:
    from torch.nn.functional import adaptive_avg_pool2d

    return adaptive_avg_pool2d(held.pixels.float() / 255, PIXELS_SIDE).flatten(1).numpy()


def _probes(
    readings: Mapping[int, Mapping[str, np.ndarray]],
    layers: tuple[Layer, ...],
    pixels: np.ndarray,
    held: Held,
    per_epoch: int,
) -> pd.DataFrame:
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


def _scored(correct: np.ndarray, held: Held) -> dict[str, float]:
    accuracy = float(correct.mean())
    low, high = wilson(accuracy, len(np.unique(held.groups)))
    return {"accuracy": accuracy, "ci_low": low, "ci_high": high}


def _gains(readings: Mapping[int, Mapping[str, np.ndarray]], layers: tuple[Layer, ...], held: Held) -> pd.DataFrame:
    """Return what training added to each layer; all differences are paired over images."""
    boot = bootstrap(held.groups, held.labels, seed=held.seed)
    steps = list(readings)
    correct = {layer.name: np.stack([readings[step][f"layer/{layer.name}"][0] for step in steps]) for layer in layers}
    gain = {name: values[-1] - values[0] for name, values in correct.items()}
    last = gain[layers[-1].name]
    rows = []
    for layer in layers:
        own = difference(boot, gain[layer.name])
        # a difference of gains lies in -2..2, and `difference` takes what lies in -1..1
        lead = difference(boot, (last - gain[layer.name]) / 2)
        better = [
            step
            for step, now in zip(steps[1:], correct[layer.name][1:], strict=True)
            if difference(boot, now - correct[layer.name][0]).low > 0
        ]
        rows.append(
            {
                "layer": layer.name,
                "depth": layer.depth,
                "gain": own.value,
                "gain_low": own.low,
                "gain_high": own.high,
                "lead": 2 * lead.value,
                "lead_low": 2 * lead.low,
                "lead_high": 2 * lead.high,
                "onset": better[0] if better else -1,
            }
        )
    # the last layer's lead over the first is what the first row says; it is wanted where the last is spoken of
    for name in ("lead", "lead_low", "lead_high"):
        rows[-1][name] = rows[0][name]
    return pd.DataFrame(rows)


def _maps(
    embeddings: Mapping[str, np.ndarray], held: Held, per_epoch: int, progress: Progress
) -> dict[str, pd.DataFrame]:
    """Return the maps of the last layer; each starts from the one before, so that points can be followed."""
    from lab.geometry.projection import project_layers

    def shown(stage: str, done: int, total: int, unit: str) -> None:
        progress("Drawing the maps", done, total, "maps")

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
