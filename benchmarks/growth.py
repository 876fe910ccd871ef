"""How time and memory grow with images, layers, classes and width: the table of docs/scale.md.

    python benchmarks/growth.py [--rounds 2] [--work "t-SNE map"]

Each kind of work is done on noise with classes in it, on one thread, one axis at a time with everything else as it is;
sizes double. Prints, for each, the exponent of processor time (the slope of a line through the logarithms, the quickest
of the rounds at each size) and that of the largest memory that arrays held at once, with the largest size's figures. An
exponent of 1 is linear. A pass through a network holds torch's memory, which is not counted.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from lab.activations import Extractor
from lab.geometry.projection import project_layers
from lab.geometry.similarity import cka_matrix
from lab.layers import select_layers
from lab.models import load_model
from lab.probing.kinds import ProbeInput, ridge_answers
from lab.probing.probes import fit_probes, make_splits

NETWORK = "test_resnet@untrained"


class Axis(NamedTuple):
    """One kind of work along one axis; `work(size)` prepares it and returns what is measured."""

    what: str
    along: str
    sizes: tuple[int, ...]
    work: Callable[[int], Callable[[], Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", help="only this kind of work, such as 't-SNE map'")
    given = parser.parse_args()
    rounds = given.rounds
    torch.set_num_threads(1)
    print("| work | along | from | to | time | at the largest | memory | at the largest |\n" + "|---" * 8 + "|")
    with threadpool_limits(1):
        for axis in (axis for axis in AXES if given.work in (None, axis.what)):
            seconds, held = zip(*(measured(axis.work(size), rounds) for size in axis.sizes), strict=True)
            passes = axis.what == "pass"
            memory = "– | –" if passes else f"{slope(axis.sizes, held):.1f} | {held[-1] / 1e6:.0f} MB"
            print(
                f"| {axis.what} | {axis.along} | {axis.sizes[0]:,} | {axis.sizes[-1]:,} | "
                f"{slope(axis.sizes, seconds):.1f} | {seconds[-1]:.2f} s | {memory} |",
                flush=True,
            )


def measured(work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the least processor seconds, and the largest bytes of arrays at once, of a round of its own."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    tracemalloc.start()
    work()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), float(held)


def slope(sizes: tuple[int, ...], values: tuple[float, ...]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def passing(images: int) -> Callable[[], Any]:
    model = load_model(NETWORK)
    extract = Extractor(model, select_layers(model.layers, "blocks"))
    pixels = torch.zeros((16, *model.preprocessing.input_size), dtype=torch.uint8)
    return lambda: [extract(pixels) for _ in range(images // 16)]


def drawn(images: int, width: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng, labels = np.random.default_rng(0), np.arange(images) % classes
    means = rng.standard_normal((classes, width))
    return (rng.standard_normal((images, width)) + 0.2 * means[labels]).astype(np.float32), labels


def probing(images: int = 2000, width: int = 256, classes: int = 20, layers: int = 1) -> Callable[[], Any]:
    x, labels = drawn(images, width, classes)
    groups = np.arange(images)
    splits = make_splits(labels, groups, folds=3, repeats=1)
    fit = lambda: fit_probes(x, labels[None], splits, groups, dimensions=(None,), threads=1)  # noqa: E731
    return lambda: [fit() for _ in range(layers)]


def ridge(images: int = 2000, width: int = 256, classes: int = 20) -> Callable[[], Any]:
    x, labels = drawn(images, width, classes)
    splits = make_splits(labels, np.arange(images), folds=3, repeats=1)
    return lambda: ridge_answers(ProbeInput(x, labels, np.arange(images), splits))


def comparing(images: int = 400, width: int = 256, layers: int = 4) -> Callable[[], Any]:
    vectors = [np.random.default_rng(k).standard_normal((images, width)).astype(np.float32) for k in range(layers)]
    return lambda: cka_matrix(vectors)


def mapping(images: int = 300, width: int = 64, layers: int = 1) -> Callable[[], Any]:
    x, labels = drawn(images, width, 4)
    return lambda: list(project_layers({str(k): x for k in range(layers)}, labels))


AXES = (
    Axis("pass", "images", (32, 64, 128), passing),
    Axis("logistic probe", "images", (1000, 2000, 4000, 8000), lambda size: probing(images=size)),
    Axis("logistic probe", "width", (128, 256, 512, 1024), lambda size: probing(width=size)),
    Axis("logistic probe", "classes", (20, 40, 80, 160), lambda size: probing(classes=size)),
    Axis("logistic probe", "layers", (1, 2, 4), lambda size: probing(layers=size)),
    Axis("ridge probe", "images", (1000, 2000, 4000, 8000), lambda size: ridge(images=size)),
    Axis("ridge probe", "width", (128, 256, 512, 1024), lambda size: ridge(width=size)),
    Axis("ridge probe", "classes", (20, 40, 80, 160), lambda size: ridge(classes=size)),
    Axis("CKA", "images", (200, 400, 800), lambda size: comparing(images=size)),
    Axis("CKA", "layers", (4, 8, 16), lambda size: comparing(layers=size)),
    Axis("CKA", "width", (256, 512, 1024), lambda size: comparing(width=size)),
    Axis("t-SNE map", "images", (250, 500, 1000, 2000), lambda size: mapping(images=size)),
    Axis("t-SNE map", "layers", (1, 2, 4), lambda size: mapping(layers=size)),
)

if __name__ == "__main__":
    main()
