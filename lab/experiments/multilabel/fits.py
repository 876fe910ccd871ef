"""Who is tested when where images have several labels, and the probes of one layer: one a label, on the same folds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lab.errors import LabError
from lab.experiments.separability.fits import channel_subsets
from lab.partial_results import Arrays
from lab.probing.probes import fit_probes
from lab.probing.splits import grouped_folds

FEWEST = 10  # groups with a label, and without it: below, an area says nothing
FEWEST_TESTED = 3  # of them in the test part of a given split


@dataclass(frozen=True)
class LabelsDesign:
    """What all layers are asked: which labels `(N, L)` images have, groups `(N,)`, who is tested when `(R, N)`, and the
    shuffled rows of labels `(R, N)`, as positions.

    In `splits` an image that is for training only has -1.
    """

    labels: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    order: np.ndarray
    seed: int = 0

    @classmethod
    def of(
        cls, labels: np.ndarray, groups: np.ndarray, folds: int, repeats: int, seed: int,
        tested: np.ndarray | None = None,
    ) -> Self:  # fmt: skip
        """Return folds, or a split that is given (`tested` `(N,)`), and shuffles within them."""
        if tested is None:
            count = len(np.unique(groups))
            if count < FEWEST:
                raise LabError(f"{count} distinct images are too few for several labels; give {FEWEST} or more")
            same = np.zeros(len(labels), dtype=np.int64)
            splits = np.stack([grouped_folds(same, groups, min(folds, count), seed=(seed, r)) for r in range(repeats)])
        else:
            if both := len(np.intersect1d(groups[tested], groups[~tested])):
                raise LabError(
                    f"{both} groups are in both parts of the split; a group must be in one of them (or deal folds over "
                    "all images with split none)"
                )
            splits = np.where(tested, 0, -1).astype(np.int8)[None]
        return cls(np.asarray(labels, dtype=bool), groups, splits, _shuffled(groups, splits, seed), seed)

    @property
    def tested(self) -> np.ndarray:
        """Which images are ever tested, `(N,)`: all, unless the split was given."""
        return np.asarray((self.splits >= 0).all(axis=0))

    @property
    def shuffled(self) -> np.ndarray:
        """The labels in their shuffled order, `(R, N, L)`: those of one image stay together."""
        return self.labels[self.order]


def usable_labels(labels: np.ndarray, groups: np.ndarray, tested: np.ndarray | None) -> np.ndarray:
    """Return which labels `(L,)` are had, and not had, by enough groups to be learned and tested."""
    parts = [(np.ones(len(labels), dtype=bool), FEWEST)]
    if tested is not None:
        parts = [(~tested, FEWEST_TESTED), (tested, FEWEST_TESTED)]
    found = np.ones(labels.shape[1], dtype=bool)
    for part, least in parts:
        for column in range(labels.shape[1]):
            counts = [len(np.unique(groups[part & (labels[:, column] == side)])) for side in (True, False)]
            found[column] &= min(counts) >= least
    return found


def fit_labels(
    design: LabelsDesign, name: str, embedding: np.ndarray, fits: Sequence[str], threads: int | None = None
) -> Arrays:
    """Return the probabilities `(R, N, L)` that images have each label, of each of `fits`, at even odds, and the
    dimensions.

    "matched" has one block of repeats for each subset of channels; `name`, the layer's, decides which.
    """
    true = np.broadcast_to(design.labels, (len(design.splits), *design.labels.shape))
    found: dict[str, np.ndarray] = {}
    for control in fits:
        if control == "matched":
            rng = np.random.default_rng((design.seed, zlib.crc32(name.encode()), 0xC4A))
            subsets = channel_subsets(embedding.shape[1], rng)
            parts = [_fit(design, embedding[:, chosen], true, threads) for chosen in subsets]
            found["matched.positive"], dim = np.concatenate(parts), len(subsets[0])
        else:
            asked = design.shuffled if control == "shuffled" else true
            found[f"{control}.positive"], dim = _fit(design, embedding, asked, threads), embedding.shape[1]
        found[f"{control}.dim"] = np.array(dim)
    return found


def _fit(design: LabelsDesign, embedding: np.ndarray, labels: np.ndarray, threads: int | None) -> np.ndarray:
    sets = np.moveaxis(labels, 2, 0).astype(np.int64)
    probes = fit_probes(
        embedding, sets, design.splits, design.groups, dimensions=(None,), seed=design.seed, threads=threads
    )
    positive = np.stack([probes[None, k].probabilities[..., 1] for k in range(len(sets))], axis=2)
    return _at_even_odds(positive, labels, design.splits)


def _at_even_odds(positive: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Return probabilities as they would be if every label were as often there as not, `(R, N, L)`.

    Folds cannot hold every label evenly: where many tested images have one, few of the training part do, and all
    probabilities of the fold are lower. Put in one order with other folds, they would score below chance.
    """
    found = np.empty_like(positive)
    for repeat, folds in enumerate(splits):
        for fold in np.unique(folds):
            known, test = folds != fold, folds == fold
            if not known.any():
                found[repeat, test] = positive[repeat, test]
                continue
            common = np.clip(labels[repeat, known].mean(axis=0), 1e-6, 1 - 1e-6)
            odds = positive[repeat, test] * (1 - common)
            found[repeat, test] = odds / (odds + (1 - positive[repeat, test]) * common)
    return found


def _shuffled(groups: np.ndarray, splits: np.ndarray, seed: int) -> np.ndarray:
    """Return positions permuted across groups of one size within every fold, `(R, N)`."""
    rng = np.random.default_rng((seed, 0x5AFF1E))
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    found = np.tile(np.arange(len(groups)), (len(splits), 1))
    members = [np.flatnonzero(index == group) for group in range(len(sizes))]
    for repeat, folds in enumerate(splits):
        kinds = {(int(folds[own[0]]), len(own)) for own in members}
        for fold, size in kinds:
            alike = [own for own in members if folds[own[0]] == fold and len(own) == size]
            for own, other in zip(alike, rng.permutation(len(alike)), strict=True):
                found[repeat, own] = alike[other]
    return found
