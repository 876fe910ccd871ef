"""Planted layers for the search: vectors whose best layer is known, and how often the search gets it right.

Each class is shifted along one direction, so a layer's `signal` (in units of the noise) gives what its probe can reach
on ever more images, the normal distribution at that signal. Layers share some of an image's noise, as those of networks
do, and so do the images of a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup, prepare
from lab.experiments.which import confirm, halving
from lab.experiments.which.confirm import confirmed
from lab.experiments.which.halving import Place, halved
from lab.experiments.which.request import WhichRequest
from lab.images import images_of_arrays
from lab.layers import Layer
from lab.progress import silent
from lab.settings import Compute

NETWORKS, LAYERS, DIMENSIONS = 4, 6, 16
SHARED = 0.5  # of the variance of the noise, by all layers at an image, and by all images of a group

Truth = np.ndarray  # accuracy that each place can reach, (NETWORKS, LAYERS)


def _one(best: float, others: float) -> Truth:
    found = np.full((NETWORKS, LAYERS), others)
    found[1, 3] = best
    return found


DEPTH = np.linspace(0, 1, LAYERS)
TRUTHS: dict[str, Truth] = {
    "none": np.full((NETWORKS, LAYERS), 0.5),
    "all equal": np.full((NETWORKS, LAYERS), 0.8),
    "weak": _one(0.83, 0.80),
    "strong": _one(0.95, 0.75),
    "rising": 0.6 + 0.1 * DEPTH + np.array([0.0, 0.15, 0.05, 0.1])[:, None] * DEPTH,
    "reversed": 0.9 - 0.3 * DEPTH - np.array([0.1, 0.0, 0.05, 0.15])[:, None],
}


@dataclass(frozen=True)
class Outcome:
    """What one search said: whether its tie set holds a truly best place, points that the place it found is behind,
    whether it told a place that is not the only best to be better than all others, whether above guessing."""

    tied: bool
    behind: float
    false_best: bool
    above_guessing: bool
    confirmed: int


@contextmanager
def planted(
    truth: Truth, images: int, *, uneven: bool = False, seed: int = 0, **asked: Any
) -> Iterator[tuple[ProbeSetup, WhichRequest, list[Place]]]:
    """Give planted vectors to the search in the place of networks'; yield what it is asked, and its places."""
    rng = np.random.default_rng(seed)
    groups = _groups(images, uneven, rng)
    labels = rng.permutation(np.arange(groups.max() + 1) % 2)[groups]
    vectors = _vectors(truth, labels, groups, uneven, rng)
    request = WhichRequest(data="", models=tuple(f"n{k}@untrained:0" for k in range(NETWORKS)), controls=(), **asked)
    pixels = np.zeros((images, 3, 2, 2), np.float32)
    pixels[:, 0, 0, 0] = np.arange(images)  # else all are copies of one
    question = prepare(request.as_probe(), silent, images_of_arrays(pixels, labels, groups=groups))
    places = [Place(model, _layer(k)) for model in request.models for k in range(LAYERS)]
    row = {record.digest: k for k, record in enumerate(question.images.records)}

    def embed(model: Any, of: Any, layers: Sequence[Layer], **_: Any) -> dict[str, np.ndarray]:
        at = [row[digest] for digest in of.digests]
        return {layer.name: vectors[str(model), layer.name][at] for layer in layers}

    def sources(narrowed: Any, *_: Any) -> tuple[list[EmbeddingSource], list[str]]:
        (model,) = narrowed.request.models
        wanted = narrowed.request.layers.split(",")
        layers = tuple(place.layer for place in places if place.model == model and place.layer.name in wanted)
        found = {layer.name: vectors[model, layer.name] for layer in layers}
        return [EmbeddingSource(model, False, model, model, layers, found)], []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(halving, "embed", embed)
        patch.setattr(confirm, "open_sources", sources)
        yield question, request, places


def outcome(truth: Truth, images: int, **how: Any) -> Outcome:
    """Search planted layers by the functions of `lab.which`; `how` is that of `planted`."""
    with planted(truth, images, **how) as (question, request, places):
        rounds = list(halved(question, request, places, silent, Compute()))
        finalists = [one.place for one in rounds[-1].scored if one.kept]
        found = confirmed(question, finalists, silent, Compute(), {})
    reach = {place: truth.ravel()[k] for k, place in enumerate(places)}
    as_good = [place for place, gap in zip(found.places, found.behind(), strict=True) if gap.low <= 0]
    best, at = found.places[found.best], max(reach.values())
    only_best = sum(value == at for value in reach.values()) == 1 and reach[best] == at
    return Outcome(
        tied=any(reach[place] == at for place in as_good),
        behind=100 * (at - reach[best]),
        false_best=len(as_good) == 1 and not only_best,
        above_guessing=found.above(np.full((1, images), found.guessing), len(places))[0].low > 0,
        confirmed=len(finalists),
    )


def table(truths: Sequence[str], images: int, times: int, *, uneven: bool = False, seed: int = 0) -> list[str]:
    """Return a line of Markdown for each truth; folds are dealt once."""
    lines = []
    for name in truths:
        found = [outcome(TRUTHS[name], images, uneven=uneven, seed=seed + k, repeats=1) for k in range(times)]
        share = {f.name: 100 * np.mean([float(getattr(one, f.name)) for one in found]) for f in fields(Outcome)}
        near = 100 * np.mean([one.behind <= 0.5 + 1e-9 for one in found])
        lines.append(
            f"| {name}{', uneven groups' if uneven else ''} | {images} | {times} | {share['tied']:.0f} % | "
            f"{near:.0f} % | {share['behind'] / 100:.1f} points | {share['false_best']:.0f} % | "
            f"{share['above_guessing']:.0f} % | {share['confirmed'] / 100:.1f} |"
        )
    return lines


def _groups(images: int, uneven: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the group of each image: its own, or one of groups of 1 to 12 images."""
    if not uneven:
        return np.arange(images)
    sizes = rng.integers(1, 13, images)
    return np.repeat(np.arange(images), sizes)[:images]


def _vectors(
    truth: Truth, labels: np.ndarray, groups: np.ndarray, uneven: bool, rng: np.random.Generator
) -> dict[tuple[str, str], np.ndarray]:
    sign, own = 2.0 * labels - 1, 1 - SHARED - SHARED * uneven / 2
    shared = np.sqrt(SHARED) * rng.normal(size=len(labels))
    if uneven:
        shared += np.sqrt(SHARED / 2) * rng.normal(size=groups.max() + 1)[groups]
    found = {}
    for network, reach in enumerate(truth):
        for layer, accuracy in enumerate(reach):
            features = rng.normal(size=(len(labels), DIMENSIONS))
            features[:, 0] = norm.ppf(accuracy) * sign + shared + np.sqrt(own) * features[:, 0]
            turn, _ = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))
            found[f"n{network}@untrained:0", f"layer{layer}"] = (features @ turn).astype(np.float32)
    return found


def _layer(number: int) -> Layer:
    return Layer(
        f"layer{number}", "block", (number + 1) / LAYERS, "NCHW", DIMENSIONS, 1, 1, 1, 1, "exact",
        flops=1000 * (number + 1), parameters=1000 * (number + 1),
    )  # fmt: skip


if __name__ == "__main__":
    import sys

    print("| truth | images | searches | tie set holds a best layer | found within 0.5 points | mean behind | "
          "false best told | above guessing | confirmed |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for unequal in (False, True):
        for line in table(list(TRUTHS), 200, int(sys.argv[1]), uneven=unequal):
            print(line, flush=True)
