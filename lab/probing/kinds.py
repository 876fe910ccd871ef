"""Other probes than the logistic one, a row each: what they are fitted to, how, and how many numbers they hold.

All are shown the same folds and answer with a class per held-out image. Features are standardised on the training part.

    logistic   linear, cross-entropy, its penalty chosen inside the training part (`probes`)
    ridge      linear, squared error, in closed form, its penalty chosen on left-out images of the training part
    knn        the votes of the nearest training images by cosine, nothing fitted
    attentive  learned queries look at the places of the unpooled map (Psomas et al., arXiv 2506.10178), by a fixed
               recipe: what a layer knows at places that the average over all of them hides
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lab.probing.pca import standardise
from lab.probing.probes import fit_probes
from lab.probing.task import LOGISTIC, RIDGE

NEIGHBOURS, TEMPERATURE = 20, 0.07  # as DINO's evaluation has them (Caron et al. 2021)
GRID_SIDE = 7  # places a side of the map that the attentive probe sees; larger maps are averaged to it
QUERIES = 8
MOST_VALUES = 128
STEPS, RATE, DECAY = 80, 5e-3, 0.1


@dataclass(frozen=True)
class ProbeInput:
    """What a probe is asked: `vectors` `(N, D)`, or maps `(N, C, places)`; labels and groups `(N,)`, folds `(R, N)`."""

    vectors: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    seed: int = 0

    @property
    def classes(self) -> int:
        return max(int(self.labels.max()) + 1, 2)


@dataclass(frozen=True)
class ProbeKind:
    """A probe: its name, a title, a sentence, whether it sees maps, what fits it and the numbers that it holds.

    `answers(given)` returns classes `(R, N)`; `size(images, channels, classes)` what is kept of it.
    """

    name: str
    title: str
    about: str
    maps: bool
    answers: Callable[[ProbeInput], np.ndarray]
    size: Callable[[int, int, int], int]


def logistic_answers(given: ProbeInput) -> np.ndarray:
    """Return the answers of the usual probe."""
    return _answers(given, LOGISTIC)


def ridge_answers(given: ProbeInput) -> np.ndarray:
    """Return the answers of ridge regression on targets of -1 and 1, as scikit-learn's RidgeClassifierCV."""
    return _answers(given, RIDGE)


def _answers(given: ProbeInput, kind: str) -> np.ndarray:
    found = fit_probes(
        given.vectors, given.labels[None], given.splits, given.groups, dimensions=(None,), seed=given.seed,
        kind=kind,
    )  # fmt: skip
    return np.asarray(found[None, 0].probabilities.argmax(axis=2))


def knn_answers(given: ProbeInput) -> np.ndarray:
    """Return the class with the largest vote of the nearest training images, weighted by exp(cosine / 0.07)."""

    def fit(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
        known, unseen = (_unit(part) for part in standardise(train, test))
        cosine = unseen @ known.T
        count = min(NEIGHBOURS, len(known))
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        weight = np.exp((np.take_along_axis(cosine, nearest, 1) - 1) / TEMPERATURE)
        votes = np.zeros((len(test), given.classes))
        np.add.at(votes, (np.arange(len(test))[:, None], labels[nearest]), weight)
        return np.asarray(votes.argmax(axis=1))

    return _by_fold(given, fit)


def attentive_answers(given: ProbeInput) -> np.ndarray:
    """Return the answers of an attentive probe on maps `(N, C, places)`; the same at the same number of threads."""

    def fit(train: np.ndarray, labels: np.ndarray, test: np.ndarray) -> np.ndarray:
        import torch

        mean = train.mean(axis=(0, 2), keepdims=True)
        deviation = train.std(axis=(0, 2), keepdims=True)
        scale = np.where(deviation > 1e-7, 1 / np.maximum(deviation, 1e-7), 0.0)
        known, unseen = (torch.from_numpy(((part - mean) * scale).astype(np.float32)) for part in (train, test))
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(given.seed)
            probe = _attentive(known.shape[1], given.classes)
            _train(probe, known, torch.from_numpy(labels))
        with torch.no_grad():
            return np.asarray(probe(unseen).argmax(dim=1).numpy())

    return _by_fold(given, fit)


def _attentive(channels: int, classes: int):  # type: ignore[no-untyped-def]  # a module of torch
    import torch
    from torch import nn

    width = _value_width(channels)

    class Attentive(nn.Module):
        """Queries attend to places; each reads its own values there; a linear classifier on all of them."""

        def __init__(self) -> None:
            super().__init__()
            self.queries = nn.Parameter(torch.randn(QUERIES, channels) * channels**-0.5)
            self.values = nn.Parameter(torch.randn(QUERIES, channels, width) * channels**-0.5)
            self.classifier = nn.Linear(QUERIES * width, classes)

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            weight = torch.softmax(torch.einsum("ncp,qc->nqp", maps, self.queries) / channels**0.5, dim=2)
            seen = torch.einsum("ncp,nqp->nqc", maps, weight)
            return self.classifier(torch.einsum("nqc,qcd->nqd", seen, self.values).flatten(1))

    return Attentive()


def _train(probe, maps, labels) -> None:  # type: ignore[no-untyped-def]
    """Fit a probe with AdamW on all images at once, its rate falling along a cosine."""
    import torch

    optimiser = torch.optim.AdamW(probe.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(probe(maps), labels).backward()
        optimiser.step()
        schedule.step()


def _value_width(channels: int) -> int:
    return max(1, min(channels, MOST_VALUES) // QUERIES)


def _by_fold(given: ProbeInput, fit: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Return each image's answer in each repeat `(R, N)`, by a probe fitted to the other folds; -1 if never tested."""
    found = np.full(given.splits.shape, -1)
    for repeat, tested in enumerate(given.splits):
        for fold in range(int(tested.max()) + 1):
            test = tested == fold
            found[repeat, test] = fit(given.vectors[~test], given.labels[~test], given.vectors[test])
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))


def _linear_size(images: int, channels: int, classes: int) -> int:
    return (channels + 1) * (1 if classes == 2 else classes)


def _attentive_size(images: int, channels: int, classes: int) -> int:
    width = _value_width(channels)
    return QUERIES * channels * (1 + width) + (QUERIES * width + 1) * classes


PROBES: dict[str, ProbeKind] = {
    row.name: row
    for row in (
        ProbeKind("logistic", "logistic", "linear, by cross-entropy: the usual probe", False, logistic_answers,
                  _linear_size),
        ProbeKind("ridge", "ridge", "linear, by squared error", False, ridge_answers, _linear_size),
        ProbeKind("knn", "k-NN", "the votes of the nearest images, nothing fitted", False, knn_answers,
                  lambda images, channels, classes: images * channels),
        ProbeKind("attentive", "attentive", "queries over positions of the unpooled map", True, attentive_answers,
                  _attentive_size),
    )
}  # fmt: skip
