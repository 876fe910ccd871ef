"""Probes of every layer: this lab's batched solver against a grid of scikit-learn's LogisticRegressionCV.

    python benchmarks/probes.py [--images 240] [--rounds 3] [--embeddings FILE.npz]
    python benchmarks/probes.py --images 2000 --dimensions 1280 --classes 100 --spread 0.25  # one layer, two folds

Both answer the same question: for each layer, repeat and outer fold, standardise, choose C from the same grid by
log-loss on the same inner folds, refit, predict. Without a file the embeddings are drawn, with the widths of
EfficientNet-Lite0's 18 layers and classes that drift apart with depth; a file holds one array `(N, D)` per layer and
`labels`. Prints seconds (wall and CPU) of interleaved rounds, their ratio, the largest difference in accuracy of any
layer, and the seconds of the whole question of a run (true and shuffled labels, all dimensions and matched ones).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lab.probing.probes import GRID, INNER_FOLDS, fit_probes, make_splits, shuffled_labels
from lab.probing.splits import grouped_folds

WIDTHS = (32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320, 1280)
Layers = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--dimensions", type=int, help="of one drawn layer, instead of the 18 of a network")
    parser.add_argument("--classes", type=int, default=2, help="of that layer (default 2)")
    parser.add_argument("--spread", type=float, default=0.25, help="of its classes' means, in deviations")
    options = parser.parse_args()
    if options.dimensions:
        layers, labels = draw_one(options.images, options.dimensions, options.classes, options.spread)
    else:
        layers, labels = read(options.embeddings) if options.embeddings else draw(options.images)
    groups = np.arange(len(labels))
    splits = make_splits(labels, groups, **({"folds": 2, "repeats": 1} if options.dimensions else {}))
    print(f"{len(layers)} layers, {len(labels)} images, {splits.shape[0]} repeats of {splits.max() + 1} folds")
    spent: dict[str, list[Spent]] = {"lab": [], "scikit-learn": [], "whole question": []}
    for _ in range(options.rounds):
        spent["lab"].append(timed(lambda: by_lab(layers, labels, splits, groups)))
        # Threads of BLAS only slow scikit-learn down on matrices this small, so it gets one, its best case.
        with threadpool_limits(1):
            spent["scikit-learn"].append(timed(lambda: by_scikit_learn(layers, labels, splits, groups)))
        spent["whole question"].append(timed(lambda: whole_question(layers, labels, splits, groups)))
        print(", ".join(f"{name} {s[-1].wall:.2f} s (CPU {s[-1].cpu:.2f} s)" for name, s in spent.items()))
    for clock in ("wall", "cpu"):
        theirs, ours = (np.median([getattr(s, clock) for s in spent[name]]) for name in ("scikit-learn", "lab"))
        print(f"ratio of medians, scikit-learn / lab, {clock}: {theirs / ours:.1f}")
    gap = np.abs(spent["lab"][0].accuracies - spent["scikit-learn"][0].accuracies).max()
    print(f"largest difference in a layer's accuracy: {gap:.4f}")


class Spent(NamedTuple):
    wall: float
    cpu: float
    accuracies: np.ndarray


def timed(work: Callable[[], np.ndarray]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    accuracies = work()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu, accuracies)


def by_lab(layers: Layers, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> np.ndarray:
    fits = (fit_probes(x, labels[None], splits, groups, dimensions=(None,))[None, 0] for x in layers.values())
    return np.array([(fit.probabilities.argmax(axis=2) == labels).mean() for fit in fits])


def whole_question(layers: Layers, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> np.ndarray:
    shuffled = shuffled_labels(labels, groups, splits, seed=0)
    label_sets = np.stack([np.repeat(labels[None], len(splits), axis=0), shuffled])
    probes = [fit_probes(embedding, label_sets, splits, groups) for embedding in layers.values()]
    return np.array([(p[None, 0].probabilities.argmax(axis=2) == labels).mean() for p in probes])


def by_scikit_learn(layers: Layers, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.array([accuracy_by_scikit_learn(x.astype(float), labels, splits, groups) for x in layers.values()])


def accuracy_by_scikit_learn(x: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> float:
    right = 0
    for repeat, tested in enumerate(splits):
        for fold in range(splits.max() + 1):
            train, test = np.flatnonzero(tested != fold), np.flatnonzero(tested == fold)
            inner = grouped_folds(labels[train], groups[train], INNER_FOLDS, seed=(0, repeat, fold))
            scaler = StandardScaler().fit(x[train])
            model = LogisticRegressionCV(
                Cs=GRID,
                cv=PredefinedSplit(inner),
                scoring="neg_log_loss",
                max_iter=2000,
                l1_ratios=(0.0,),
                use_legacy_attributes=False,
            )
            model.fit(scaler.transform(x[train]), labels[train])
            right += int((model.predict(scaler.transform(x[test])) == labels[test]).sum())
    return right / splits.size


def draw(count: int) -> tuple[Layers, np.ndarray]:
    """Return embeddings of two classes whose distance grows with depth, with a decaying spectrum like real ones."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    layers = {}
    for position, width in enumerate(WIDTHS):
        spectrum = 1.0 / np.sqrt(np.arange(1, width + 1))
        mixing = np.linalg.qr(rng.standard_normal((width, width)))[0]
        gap = np.outer(labels - 0.5, rng.standard_normal(width) * spectrum) * 2.0 * position / len(WIDTHS)
        layers[f"layer{position}"] = ((rng.standard_normal((count, width)) * spectrum + gap) @ mixing).astype(
            np.float32
        )
    return layers, labels


def draw_one(count: int, width: int, classes: int, spread: float) -> tuple[Layers, np.ndarray]:
    """Return one layer whose classes' means lie `spread` deviations apart, with a decaying spectrum."""
    rng, labels = np.random.default_rng(0), np.arange(count) % classes
    spectrum = 1.0 / np.sqrt(np.arange(1, width + 1))
    means = rng.standard_normal((classes, width)) * spectrum * spread
    mixing = np.linalg.qr(rng.standard_normal((width, width)))[0]
    rows = (rng.standard_normal((count, width)) * spectrum + means[labels]) @ mixing
    return {"layer": rows.astype(np.float32)}, labels


def read(path: Path) -> tuple[Layers, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name != "labels"}, arrays["labels"]


if __name__ == "__main__":
    main()
