"""What is fitted to one layer's embedding: the probe, the one of shuffled labels, those of few channels."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from lab.partial_results import Arrays
from lab.probing.probes import MATCHED_DIMENSION, ProbeFit, fit_probes, make_splits, shuffled_labels
from lab.probing.splits import given_split
from lab.probing.task import LOGISTIC

CHANNEL_DRAWS = 5  # random subsets of channels that the control "matched" averages over


@dataclass(frozen=True)
class ProbeDesign:
    """What all layers are asked: classes and copies `(N,)`, who is tested when and the shuffled labels `(R, N)`, and by
    which kind of probe.

    In `splits` an image that is for training only has -1.
    """

    labels: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    shuffled: np.ndarray
    seed: int = 0
    probe: str = LOGISTIC

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        groups: np.ndarray,
        folds: int,
        repeats: int,
        seed: int,
        classes: Sequence[str] = (),
        probe: str = LOGISTIC,
    ) -> Self:
        """Return folds and shuffles for these images; raises LabError as `make_splits` does."""
        splits = make_splits(labels, groups, folds=folds, repeats=repeats, seed=seed, classes=classes)
        shuffled = shuffled_labels(labels, groups, splits, seed=seed)
        return cls(np.asarray(labels, dtype=np.int64), np.asarray(groups), splits, shuffled, seed, probe)

    @classmethod
    def of_split(
        cls,
        labels: np.ndarray,
        groups: np.ndarray,
        tested: np.ndarray,
        seed: int,
        classes: Sequence[str] = (),
        probe: str = LOGISTIC,
    ) -> Self:
        """Return a split that is given, `tested` `(N,)`, as it is; raises LabError as `given_split` does."""
        splits = given_split(labels, groups, tested, classes=classes)
        shuffled = shuffled_labels(labels, groups, splits, seed=seed)
        return cls(np.asarray(labels, dtype=np.int64), np.asarray(groups), splits, shuffled, seed, probe)

    @property
    def tested(self) -> np.ndarray:
        """Which images are ever tested, `(N,)`: all, unless the split was given."""
        return np.asarray((self.splits >= 0).all(axis=0))

    def of_rows(self, rows: np.ndarray) -> ProbeDesign:
        """Return the design of some images."""
        return ProbeDesign(
            self.labels[rows], self.groups[rows], self.splits[:, rows], self.shuffled[:, rows], self.seed, self.probe
        )


def fit_layer(
    design: ProbeDesign,
    name: str,
    embedding: np.ndarray,
    fits: Sequence[str],
    threads: int | None = None,
    told: Callable[[float], None] = lambda share: None,
) -> Arrays:
    """Return probabilities, values of C and dimensions of each of `fits` on an embedding `(N, D)`.

    "matched" holds one block of repeats for each of `CHANNEL_DRAWS` subsets of `MATCHED_DIMENSION` channels (one, when
    there are no more); `name`, the layer's, decides which. `told` is told the share that is done, as by `fit_probes`.
    """
    labels = np.repeat(design.labels[None], len(design.splits), axis=0)
    label_sets = np.stack([labels, design.shuffled] if "shuffled" in fits else [labels])
    channels = embedding.shape[1]
    most = len(label_sets) / (len(label_sets) + ("matched" in fits) * CHANNEL_DRAWS * MATCHED_DIMENSION / channels)
    whole = _fit(design, embedding, label_sets, threads, lambda share: told(most * share))
    found: dict[str, np.ndarray] = {}
    for control in fits:
        if control != "matched":
            _add(found, control, [whole[int(control == "shuffled")]], channels)
            continue
        rng = np.random.default_rng((design.seed, zlib.crc32(name.encode()), 0xC4A))
        subsets = channel_subsets(channels, rng)
        parts: list[ProbeFit] = []
        for chosen in subsets:
            before, each = most + (1 - most) * len(parts) / len(subsets), (1 - most) / len(subsets)
            told_part = partial(_told_part, told, before, each)
            parts += _fit(design, embedding[:, chosen], label_sets[:1], threads, told_part)
        _add(found, control, parts, len(subsets[0]))
    return found


def channel_subsets(channels: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return `CHANNEL_DRAWS` random subsets of `MATCHED_DIMENSION` channels, all channels once if there are no more."""
    if channels <= MATCHED_DIMENSION:
        return [np.arange(channels)]
    return [np.sort(rng.permutation(channels)[:MATCHED_DIMENSION]) for _ in range(CHANNEL_DRAWS)]


def drawn_from(probabilities: np.ndarray, repeats: int) -> np.ndarray:
    """Return the draws that follow each other along the axis of repeats, `(S, R, N, K)`."""
    return probabilities.reshape(-1, repeats, *probabilities.shape[1:])


def _told_part(told: Callable[[float], None], before: float, part: float, share: float) -> None:
    told(before + part * share)


def _fit(
    design: ProbeDesign,
    embedding: np.ndarray,
    label_sets: np.ndarray,
    threads: int | None,
    told: Callable[[float], None],
) -> list[ProbeFit]:
    probes = fit_probes(
        embedding, label_sets, design.splits, design.groups, dimensions=(None,), seed=design.seed,
        kind=design.probe, threads=threads, told=told,
    )  # fmt: skip
    return [probes[None, index] for index in range(len(label_sets))]


def _add(found: dict[str, np.ndarray], control: str, parts: Sequence[ProbeFit], dim: int) -> None:
    found[f"{control}.probabilities"] = np.concatenate([part.probabilities for part in parts])
    found[f"{control}.C"] = np.concatenate([part.regularisation for part in parts])
    found[f"{control}.dim"] = np.array(dim)
