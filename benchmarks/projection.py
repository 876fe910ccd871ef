"""Maps of a chain of layers: this lab's t-SNE against openTSNE, each layer begun at the map of the one before.

    pip install openTSNE    # no part of the lab; any folder on PYTHONPATH will do
    python benchmarks/projection.py [--images 240 500 1000] [--layers 6]

Both get the same principal components, perplexity, one thread and as many iterations with as much exaggeration (a cold
start: each its own defaults); they take turns, layer by layer. Prints processor seconds of the chain, their ratio, and
the mean Kullback-Leibler divergence of each, over chains from a few seeds, computed in the same way from all pairs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from openTSNE import TSNE
from probes import draw
from threadpoolctl import threadpool_limits

from lab.geometry.neighbours import standardised
from lab.geometry.projection import (
    COLD_SPREAD,
    PERPLEXITY,
    WARM_EXAGGERATION,
    WARM_ITERATIONS,
    _first_two,
    _principal_axes,
    _tsne,
)
from lab.geometry.tsne import EXPLORED, divergence, joint_probabilities


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[240, 500, 1000])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| images | layers | lab s | openTSNE s | ratio | divergence, lab | openTSNE |\n" + "|---" * 7 + "|")
    with threadpool_limits(1):
        for count in options.images:
            layers, _ = draw(count)
            chosen = [list(layers.values())[k] for k in np.linspace(4, len(layers) - 1, options.layers).astype(int)]
            axes = [_principal_axes(standardised(x)) for x in chosen]
            spent, divergences = np.mean([chain(axes, seed) for seed in range(options.seeds)], axis=0)
            print(
                f"| {count:,} | {len(chosen)} | {spent[0]:.2f} | {spent[1]:.2f} | {spent[1] / spent[0]:.1f} | "
                f"{divergences[0]:.3f} | {divergences[1]:.3f} |",
                flush=True,
            )


def chain(layers: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds and mean divergence, the lab's and openTSNE's."""
    spent, found = np.zeros(2), np.zeros(2)
    before: list[np.ndarray | None] = [None, None]
    for axes in layers:
        joint = joint_probabilities(axes, PERPLEXITY)
        for k, made in enumerate((by_lab, by_opentsne)):
            began = time.process_time()
            before[k] = made(axes, before[k], seed)
            spent[k] += time.process_time() - began
            found[k] += divergence(joint, before[k]) / len(layers)
    return spent, found


def by_lab(axes: np.ndarray, previous: np.ndarray | None, seed: int) -> np.ndarray:
    return _tsne(axes, previous, seed, PERPLEXITY)[0]


def by_opentsne(axes: np.ndarray, previous: np.ndarray | None, seed: int) -> np.ndarray:
    options = {}
    start = _first_two(axes)
    start = start / start[:, 0].std() * COLD_SPREAD
    if previous is not None:
        start = previous
        options = {
            "early_exaggeration": WARM_EXAGGERATION,
            "early_exaggeration_iter": EXPLORED,
            "n_iter": WARM_ITERATIONS - EXPLORED,
        }
    start = start + np.random.default_rng(seed).normal(scale=0.01 * COLD_SPREAD, size=start.shape)
    return np.asarray(TSNE(perplexity=PERPLEXITY, initialization=start, n_jobs=1, random_state=0, **options).fit(axes))


if __name__ == "__main__":
    main()
