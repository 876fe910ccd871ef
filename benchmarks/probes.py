"""Probes of every layer: this lab's batched solver against a grid of scikit-learn's LogisticRegressionCV.

    python benchmarks/probes.py [--images 240] [--rounds 3] [--embeddings FILE.npz]
    python benchmarks/probes.py --images 2000 --dimensions 1280 --classes 100 --spread 0.25  # one layer, two folds
    python benchmarks/probes.py --grid [--seconds 60]  # images x dimensions x classes, a line each

Both answer the same question: for each layer, repeat and outer fold, standardise, choose C from the same grid by
log-loss on the same inner folds, refit, predict. Without a file the embeddings are drawn, with the widths of
EfficientNet-Lite0's 18 layers and classes that drift apart with depth; a file holds one array `(N, D)` per layer and
`labels`. Prints seconds (wall and CPU) of interleaved rounds, their ratio, the largest difference in accuracy of any
layer, and the seconds of the whole question of a run (true and shuffled labels, all dimensions and matched ones).

The grid fits one training part of four fifths, on one thread, smallest cells first. A cell for which scikit-learn would
take longer than `--seconds` is left out: its seconds are foreseen from the slowest cell of as many classes so far, by
images x dimensions x classes. So are cells of fewer than eight images a class. scikit-learn ends its descents early
(tol 1e-4), which costs it accuracy where classes are many: "to the minimum" is the difference to its
LogisticRegression at the C that the lab has chosen, with tol 1e-7, which is not counted in its seconds.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lab.probing.probes import GRID, INNER_FOLDS, fit_probes, make_splits, shuffled_labels
from lab.probing.splits import grouped_folds

WIDTHS = (32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320, 1280)
GRID_IMAGES, GRID_DIMENSIONS, GRID_CLASSES = (200, 2_000, 10_000), (64, 512, 2_048), (2, 10, 100)
LEAST_PER_CLASS = 8  # five folds, and three inside them
Layers = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--embeddings", type=Path)
    parser.add_argument("--dimensions", type=int, help="of one drawn layer, instead of the 18 of a network")
    parser.add_argument("--classes", type=int, default=2, help="of that layer (default 2)")
    parser.add_argument("--spread", type=float, default=0.25, help="of its classes' means, in deviations")
    parser.add_argument("--grid", action="store_true", help="images x dimensions x classes")
    parser.add_argument("--seconds", type=float, default=60.0, help="most of scikit-learn in a cell of it (default 60)")
    options = parser.parse_args()
    if options.grid:
        grid(options.seconds, options.spread, options.rounds)
        return
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


def grid(most: float, spread: float, rounds: int) -> None:
    """Print a line for each cell: processor seconds of both (the least of the rounds), their ratio, accuracies."""
    cells = itertools.product(GRID_IMAGES, GRID_DIMENSIONS, GRID_CLASSES)
    rates: dict[int, float] = {}
    print("| images | dimensions | classes | lab s | scikit-learn s | ratio | accuracy | difference | to the minimum |")
    print("|---" * 9 + "|")
    for count, width, classes in sorted(cells, key=math.prod):
        size = count * width * classes
        foreseen = rates.get(classes, 0.0) * size
        start = f"| {count:,} | {width:,} | {classes} |"
        if count < LEAST_PER_CLASS * classes:
            print(f"{start} fewer than {LEAST_PER_CLASS} images a class |")
        elif foreseen > most:
            print(f"{start} left out: {foreseen:.0f} s of scikit-learn foreseen |", flush=True)
        else:
            ours, theirs, least = one_cell(count, width, classes, spread, rounds)
            if theirs.cpu > 0.5:  # of less, what does not grow is most
                rates[classes] = max(rates.get(classes, 0.0), theirs.cpu / size)
            right = float(ours.accuracies[0])
            print(
                f"{start} {ours.cpu:.2f} | {theirs.cpu:.2f} | {theirs.cpu / ours.cpu:.1f} | {right:.4f} | "
                f"{right - theirs.accuracies[0]:+.4f} | {right - least:+.4f} |",
                flush=True,
            )


def one_cell(count: int, width: int, classes: int, spread: float, rounds: int) -> tuple[Spent, Spent, float]:
    """Return the quickest round of the lab and of scikit-learn, which take turns (long cells have one round), and the
    accuracy at the minimum."""
    layers, labels = draw_one(count, width, classes, spread)
    groups = np.arange(count)
    splits = np.where(make_splits(labels, groups, folds=5, repeats=1) == 0, 0, -1)
    spent: tuple[list[Spent], list[Spent]] = ([], [])
    with threadpool_limits(1):
        for _ in range(rounds):
            for place, answer in enumerate((by_lab, by_scikit_learn)):
                spent[place].append(timed(lambda answer=answer: answer(layers, labels, splits, groups)))
            if spent[1][-1].cpu > 10:
                break
        least = at_the_minimum(layers["layer"].astype(float), labels, splits, groups)
    return min(spent[0], key=lambda s: s.cpu), min(spent[1], key=lambda s: s.cpu), least


def at_the_minimum(x: np.ndarray, labels: np.ndarray, splits: np.ndarray, groups: np.ndarray) -> float:
    """Return the accuracy of scikit-learn's logistic regression, at the C that the lab chooses."""
    train = splits[0] != 0
    chosen = fit_probes(x, labels[None], splits, groups, dimensions=(None,))[None, 0].regularisation[0, 0]
    scaler = StandardScaler().fit(x[train])
    model = LogisticRegression(C=chosen, tol=1e-7, max_iter=5000).fit(scaler.transform(x[train]), labels[train])
    return float((model.predict(scaler.transform(x[~train])) == labels[~train]).mean())


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
    tested = splits >= 0
    return np.array([(fit.probabilities.argmax(axis=2) == labels)[tested].mean() for fit in fits])


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
    return right / int((splits >= 0).sum())


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
