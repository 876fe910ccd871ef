"""Do the ladder's emergence depths and its tau come out alike on other drawings, as often as their intervals say?

    python benchmarks/ladder_redrawn.py [--sets 4] [--deals 8] [--per-class 100] [--rungs hue,shape] [--vectors FOLDER]

Each rung is drawn `sets` times and seen once by the packaged network. The drawings are then put together and dealt into
as many sets anew, `deals` times: the sets of one deal share no drawing, so each is to the others what another seed is,
and every ordered pair of them is a repetition. (Deals share drawings, so they are worth fewer than they are many.)

The first table tells of each rung how far the depth spreads over sets and how far resamples say it does, and how often
another set's depth lies in `again_low` to `again_high`. The second tells how often at most one rung of a run lies
outside, and how often the interval of tau held the mean tau of all sets, and another set's. `--vectors` keeps what the
network put out.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from itertools import permutations
from pathlib import Path

import numpy as np

from lab.activations import Extractor
from lab.embeddings import embed
from lab.experiments.ladder.climb import Climb, climb_of, likely_again
from lab.experiments.ladder.measure import REPEATS, LadderNetwork, RungReading, _drawn_once, _fitted, networks_of
from lab.experiments.ladder.request import LadderRequest
from lab.images import images_of_arrays
from lab.images.synthetic import RUNGS, draw_set
from lab.models import load_model
from lab.probing.probes import make_splits
from lab.progress import silent
from lab.stats.ordering import order_of


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sets", type=int, default=4)
    parser.add_argument("--deals", type=int, default=8)
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--rungs", default=",".join(RUNGS))
    parser.add_argument("--vectors", type=Path, help="folder in which vectors are kept, and taken from")
    given = parser.parse_args()
    (network,) = networks_of(LadderRequest(untrained=0).canonical(), silent)
    rungs = given.rungs.split(",")
    runs: dict[tuple[int, int], list[Climb]] = {}
    print("| rung | read in sets | depth | spread over sets | spread claimed | other drawings inside | pairs |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rung in rungs:
        vectors = [seen(network, rung, seed, given.per_class, given.vectors) for seed in range(given.sets)]
        dealt = {
            (deal, place): climb
            for deal in range(given.deals)
            for place, climb in enumerate(climbs(network, rung, vectors, deal, given.per_class))
        }
        for key, climb in dealt.items():
            runs.setdefault(key, []).append(climb)
        print(row_of(rung, dealt, len(rungs)), flush=True)
    print("\n| runs | pairs | at most one rung outside | mean outside | tau | spread over sets | spread claimed |"
          " holds mean tau | holds another's tau |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    print(joint(runs))


def seen(network: LadderNetwork, rung: str, seed: int, per_class: int, folder: Path | None) -> list[np.ndarray]:
    """Return the vectors of a set of drawings by layer, those of the first class first."""
    kept = folder / f"{rung}_{seed}_{per_class}.npz" if folder else None
    if kept and kept.exists():
        with np.load(kept) as file:
            return [file[f"arr_{number}"] for number in range(len(network.layers))]
    row = RUNGS[rung]
    images = draw_set(row.family.name, per_class, seed=seed, difficulty=row.difficulty)
    drawn, _ = _drawn_once(images, f"Drawing {rung}", silent)
    extractor = partial(Extractor, load_model(network.ref), network.layers, "avg")
    vectors = list(dict(embed(network.ref, drawn, network.layers, pooling="avg", extractor=extractor)).values())
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, *vectors)
    return vectors


def climbs(
    network: LadderNetwork, rung: str, vectors: list[list[np.ndarray]], deal: int, per_class: int
) -> list[Climb]:
    """Return the climbs of all sets after a deal: the first leaves every drawing in the set it was drawn for."""
    rng = np.random.default_rng((deal, 0xDEA1))
    labels = np.repeat([0, 1], per_class)
    both = [rng.permutation(len(vectors) * per_class) for _ in range(2)]
    if deal == 0:
        both = [np.arange(len(vectors) * per_class)] * 2
    together = [np.stack(layer) for layer in zip(*vectors, strict=True)]  # (sets, drawings, dimensions) a layer
    classes = [[layer[:, labels == label].reshape(-1, layer.shape[2]) for label in (0, 1)] for layer in together]
    groups, names = np.arange(len(labels)), ("one", "other")
    images = images_of_arrays(np.zeros((len(labels), 3, 1, 1)), labels, classes=names, groups=groups)
    found = []
    for place in range(len(vectors)):
        chosen = slice(place * per_class, (place + 1) * per_class)
        splits = make_splits(labels, images.groups, repeats=REPEATS, seed=1000 * deal + place, classes=images.classes)
        probe = np.stack(
            [_fitted(images, splits, place, np.concatenate([own[both[k][chosen]] for k, own in enumerate(layer)]))
             for layer in classes]
        )  # fmt: skip
        found.append(climb_of(RungReading(rung, network, images, probe, probe, np.zeros(len(probe))), network))
    return found


def within(one: Climb, other: Climb, rungs: int) -> bool:
    """Return whether the depth in one set lies where another set expects it."""
    low, high = likely_again(one, rungs)
    return bool(low <= other.emergence.depth <= high)


def row_of(rung: str, dealt: dict[tuple[int, int], Climb], rungs: int) -> str:
    """Return a row of the first table."""
    read = {key: climb for key, climb in dealt.items() if climb.emergence.reached}
    pairs = [(a, b) for a, b in permutations(read, 2) if a[0] == b[0]]
    depths = np.array([climb.emergence.depth for climb in read.values()])
    inside = [within(read[a], read[b], rungs) for a, b in pairs]
    claimed = np.sqrt(np.mean([climb.draws.var() for climb in read.values()])) if read else np.nan
    spread = np.sqrt(np.mean([(read[a].emergence.depth - read[b].emergence.depth) ** 2 for a, b in pairs]) / 2)
    return (
        f"| {rung} | {len(read)} of {len(dealt)} | {depths.mean() if len(depths) else np.nan:.3f} | {spread:.4f} | "
        f"{claimed:.4f} | {100 * np.mean(inside) if inside else np.nan:.0f} % | {len(inside)} |"
    )


def joint(runs: dict[tuple[int, int], list[Climb]]) -> str:
    """Return the row of the second table."""
    orders, outside, spreads = {}, [], []
    for key, own in runs.items():
        reached = [climb for climb in own if climb.emergence.reached]
        draws = np.stack([climb.draws for climb in reached], axis=1)
        orders[key] = order_of([climb.emergence.depth for climb in reached], draws).tau
        spreads.append((orders[key].high - orders[key].low) / 2 / 1.96)
    pairs = [(a, b) for a, b in permutations(runs, 2) if a[0] == b[0]]
    for a, b in pairs:
        both = [(one, other) for one, other in zip(runs[a], runs[b], strict=True)
                if one.emergence.reached and other.emergence.reached]  # fmt: skip
        outside.append(sum(not within(one, other, len(runs[a])) for one, other in both))
    taus = np.array([order.value for order in orders.values()])
    spread = np.sqrt(np.mean([(orders[a].value - orders[b].value) ** 2 for a, b in pairs]) / 2)
    mean = [order.low <= taus.mean() <= order.high for order in orders.values()]
    other = [orders[a].low <= orders[b].value <= orders[a].high for a, b in pairs]
    return (
        f"| {len(runs)} | {len(pairs)} | {100 * np.mean(np.array(outside) <= 1):.0f} % | {np.mean(outside):.2f} | "
        f"{taus.mean():.2f} | {spread:.3f} | {np.mean(spreads):.3f} | {100 * np.mean(mean):.0f} % | "
        f"{100 * np.mean(other):.0f} % |"
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
