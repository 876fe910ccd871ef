"""Who is tested when where numbers are predicted, and the ridge regressions of one layer: true, shuffled, few channels.

Folds are dealt as for classes, with the values' quarters in place of the classes, so that every fold has small and
large ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from lab.errors import LabError
from lab.experiments.separability.fits import channel_subsets
from lab.partial_results import Arrays
from lab.probing.ridge import ridge_predictions
from lab.probing.splits import grouped_folds

FEWEST = 10  # groups: below, an interval says nothing
QUARTERS = 4


@dataclass(frozen=True)
class NumberDesign:
    """What all layers are asked: values and groups `(N,)`, who is tested when and the shuffled values `(R, N)`.

    In `splits` an image that is for training only has -1.
    """

    values: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    shuffled: np.ndarray
    seed: int = 0

    @classmethod
    def of(
        cls, values: np.ndarray, groups: np.ndarray, folds: int, repeats: int, seed: int,
        tested: np.ndarray | None = None,
    ) -> Self:  # fmt: skip
        """Return folds, or a split that is given (`tested` `(N,)`), and shuffles within them.

        Raises LabError for too few groups, values that are all the same, and groups in both parts of a split.
        """
        values = np.asarray(values, dtype=np.float64)
        for part, name in ((slice(None), "all images"),) if tested is None else _parts(tested):
            count = len(np.unique(groups[part]))
            if count < FEWEST:
                raise LabError(
                    f"{name}: {count} distinct images are too few to predict a number; give {FEWEST} or more"
                )
            if np.ptp(values[part]) == 0:
                raise LabError(f"{name}: the number is {values[part][0]:g} in every image; there is nothing to predict")
        if tested is None:
            quarters = _quarters(values)
            used = min(folds, len(np.unique(groups)))
            splits = np.stack([grouped_folds(quarters, groups, used, seed=(seed, r)) for r in range(repeats)])
        else:
            if both := len(np.intersect1d(groups[tested], groups[~tested])):
                raise LabError(
                    f"{both} groups are in both parts of the split; a group must be in one of them (or deal folds over "
                    "all images with split none)"
                )
            splits = np.where(tested, 0, -1).astype(np.int8)[None]
        return cls(values, groups, splits, _shuffled(values, groups, splits, seed), seed)

    @property
    def tested(self) -> np.ndarray:
        """Which images are ever tested, `(N,)`: all, unless the split was given."""
        return np.asarray((self.splits >= 0).all(axis=0))


def fit_numbers(design: NumberDesign, name: str, embedding: np.ndarray, fits: Sequence[str]) -> Arrays:
    """Return what each of `fits` predicts from an embedding `(N, D)`: predictions and training means `(R, N)`.

    "matched" has one block of repeats for each subset of channels; `name`, the layer's, decides which. Images that are
    not tested have nan.
    """
    if not np.isfinite(embedding).all():
        raise LabError(f"layer {name!r} holds values that are not finite (nan or infinity); leave the layer out")
    found: dict[str, np.ndarray] = {}
    both = "shuffled" in fits
    sets = np.stack([np.broadcast_to(design.values, design.splits.shape), design.shuffled][: 1 + both], axis=2)
    predictions, means = _predicted(design, embedding, sets)
    for column, control in enumerate([next(fit for fit in fits if fit not in ("shuffled", "matched")), "shuffled"]):
        if column < sets.shape[2]:
            found[f"{control}.predictions"] = predictions[..., column]
            found[f"{control}.means"] = means[..., column]
            found[f"{control}.dim"] = np.array(embedding.shape[1])
    if "matched" in fits:
        rng = np.random.default_rng((design.seed, zlib.crc32(name.encode()), 0xC4A))
        subsets = channel_subsets(embedding.shape[1], rng)
        several = [_predicted(design, embedding[:, chosen], sets[..., :1]) for chosen in subsets]
        found["matched.predictions"] = np.concatenate([part[..., 0] for part, _ in several])
        found["matched.means"] = np.concatenate([part[..., 0] for _, part in several])
        found["matched.dim"] = np.array(len(subsets[0]))
    return found


def _predicted(design: NumberDesign, embedding: np.ndarray, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and training means `(R, N, T)` of targets `(R, N, T)`."""
    predictions, means = np.full(sets.shape, np.nan), np.full(sets.shape, np.nan)
    embedding = embedding.astype(np.float64, copy=False)
    for repeat, folds in enumerate(design.splits):
        for fold in range(int(folds.max()) + 1):
            test = folds == fold
            told = ridge_predictions(embedding[~test], sets[repeat, ~test], embedding[test])
            predictions[repeat, test], means[repeat, test] = told
    return predictions, means


def _parts(tested: np.ndarray) -> tuple[tuple[np.ndarray, str], ...]:
    return (~tested, "the train part of the split"), (tested, "the test part of the split")


def _quarters(values: np.ndarray) -> np.ndarray:
    """Return in which quarter of the values each lies, `(N,)`; equal values in the same one."""
    names, index = np.unique(values, return_inverse=True)
    first = np.searchsorted(np.sort(values), names)
    found = np.minimum(first * QUARTERS // len(values), QUARTERS - 1)[index]
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _shuffled(values: np.ndarray, groups: np.ndarray, splits: np.ndarray, seed: int) -> np.ndarray:
    """Return values permuted within every fold, `(R, N)`; images of a group whose values agree keep equal ones."""
    _, index = np.unique(groups, return_inverse=True)
    low = np.full(int(index.max()) + 1, np.inf)
    high = -low
    np.minimum.at(low, index, values)
    np.maximum.at(high, index, values)
    units = np.where((low == high)[index], index, len(low) + np.arange(len(values)))
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    rng = np.random.default_rng((seed, 0x5AFF1E))
    found = []
    for folds in splits:
        own = values[first].copy()
        for fold in np.unique(folds):
            inside = np.flatnonzero(folds[first] == fold)
            own[inside] = own[rng.permutation(inside)]
        found.append(own[unit])
    return np.stack(found)
