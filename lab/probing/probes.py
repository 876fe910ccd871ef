"""Linear probes: how well a linear classifier reads the classes off an embedding, out of fold.

For every split and fold: standardise on the training part, L2 logistic regression (scikit-learn's objective), C chosen
by log-loss on three inner grouped folds, refit on the whole training part, predict the test part. Several label sets
(true and shuffled) and dimensions (all, and the first few principal components of the training part) share one
eigendecomposition. Equal to scikit-learn's pipeline of StandardScaler, PCA and LogisticRegression at the same C.
Scores and intervals are `lab.stats`' business, who is tested when `lab.probing.splits`'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Lock

import numpy as np

from lab.probing import large, ridge_classifier
from lab.probing.logistic import Design, Problems, fit_logistic, probabilities
from lab.probing.pca import principal_axes, standardise
from lab.probing.splits import grouped_folds, make_splits, shuffled_labels, usable_folds
from lab.probing.task import INNER_FOLDS, LOGISTIC, RIDGE, ProbeFit, ProbeTask
from lab.threads import CallerLeftError, in_threads

__all__ = [
    "GRID",
    "INNER_FOLDS",
    "MATCHED_DIMENSION",
    "ProbeFit",
    "Probes",
    "fit_probes",
    "make_splits",
    "shuffled_labels",
    "usable_folds",
]

GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C; on standardised features the best lies inside for 16 to 2,048 dimensions
MATCHED_DIMENSION = 16  # the narrowest layer of the default model
INNER_TOLERANCE = 5e-7  # per image: enough to rank the values of C (logits to about 1e-3)
FINAL_TOLERANCE = 1e-12  # probabilities within 1e-5 of the exact minimum
BATCH_BYTES = 96_000_000  # memory for one batch of problems in one thread


@dataclass(frozen=True)
class Probes:
    """What `fit_probes` found: one `ProbeFit` per dimension choice and label set, `probes[None, 0]`."""

    fits: Mapping[tuple[int | None, int], ProbeFit]

    def __getitem__(self, key: tuple[int | None, int]) -> ProbeFit:
        return self.fits[key]


def fit_probes(
    embedding: np.ndarray,
    label_sets: np.ndarray,
    splits: np.ndarray,
    groups: np.ndarray,
    *,
    dimensions: Sequence[int | None] = (None, MATCHED_DIMENSION),
    regularisation: Sequence[float] | None = None,
    seed: int = 0,
    kind: str = LOGISTIC,
    threads: int | None = None,
    told: Callable[[float], None] = lambda share: None,
) -> Probes:
    """Probe one embedding `(N, D)` for every label set and dimension choice.

    `label_sets` is `(S, N)`, or `(S, R, N)` when the labels differ between repeats (shuffled ones); `splits` `(R, N)`
    holds test folds (`make_splits`). A dimension of None keeps all features, a number keeps that many principal
    components of the standardised training part. `kind` is "logistic" or "ridge"
    (`lab.probing.ridge_classifier`). The answer does not depend on `threads` (default: all cores). `told`
    is called at least between fits, from whichever thread, with the share that is done; what it raises ends the work.
    Raises `LabError` for shapes that do not fit together and values that are not finite.
    """
    usual = ridge_classifier.GRID if kind == RIDGE else GRID
    grid = usual if regularisation is None else regularisation
    task = ProbeTask.checked(embedding, label_sets, splits, groups, dimensions, grid, seed, kind)
    folds = task.folds()
    alone = kind == RIDGE or task.large
    size = 1 if alone else task.folds_at_once()
    chunks = [folds[i : i + size] for i in range(0, len(folds), size)]
    answer = task.empty_answer()
    left = Event()
    step = _steps(told, len(folds) * task.fits, left)
    work = _probe_alone if alone else _probe_folds
    for _ in in_threads(lambda chunk: work(task, chunk, answer, step), chunks, threads, left):
        pass
    return Probes(answer)


def _steps(told: Callable[[float], None], total: int, left: Event) -> Callable[[int], None]:
    """Return what is called with numbers of fits that are done, and ends its thread once the caller has `left`."""
    lock, done = Lock(), 0

    def step(fits: int) -> None:
        nonlocal done
        if left.is_set():
            raise CallerLeftError
        with lock:
            done += fits
            told(done / total)

    return step


@dataclass(frozen=True)
class _Fold:
    """One training and test part in the principal axes of the training part."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    features: np.ndarray  # (n, r)
    unseen: np.ndarray  # (m, r)


def _probe_alone(
    task: ProbeTask,
    chunk: Sequence[tuple[int, int]],
    answer: Mapping[tuple[int | None, int], ProbeFit],
    step: Callable[[int], None],
) -> None:
    """As `_probe_folds`, of a large embedding or in closed form: one fold after the other."""
    probe_fold = ridge_classifier.probe_fold if task.kind == RIDGE else large.probe_fold
    for repeat, fold in chunk:
        chosen, found = probe_fold(task, repeat, fold, step)
        for s, (place, probability) in enumerate(zip(chosen, found, strict=True)):
            answer[None, s].probabilities[repeat, task.splits[repeat] == fold] = probability
            answer[None, s].regularisation[repeat, fold] = task.grid[place]


def _probe_folds(
    task: ProbeTask,
    chunk: Sequence[tuple[int, int]],
    answer: Mapping[tuple[int | None, int], ProbeFit],
    step: Callable[[int], None],
) -> None:
    """Fit everything asked of some folds and write it into `answer` (folds touch disjoint parts of it)."""
    parts = [_prepare(task, repeat, fold) for repeat, fold in chunk]
    targets, masks = _targets(task, parts), _masks(task, parts)
    rank = max(part.features.shape[1] for part in parts)
    solved: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for dimension in task.dimensions:
        size = rank if dimension is None else min(dimension, rank)
        if size not in solved:
            solved[size] = _choose_and_fit(task, _design(parts, size), targets, masks)
        chosen, coefficients = solved[size]
        for g, part in enumerate(parts):
            unseen = np.pad(part.unseen[:, :size], ((0, 0), (0, max(0, size - part.unseen.shape[1]))))
            logits = coefficients[g, ..., :-1] @ unseen.T + coefficients[g, ..., -1:]
            for s, probability in enumerate(probabilities(logits)):
                fit = answer[dimension, s]
                fit.probabilities[part.repeat, part.test] = probability.T
                fit.regularisation[part.repeat, part.fold] = task.grid[chosen[g, s]]
    step(len(chunk) * task.fits)


def _prepare(task: ProbeTask, repeat: int, fold: int) -> _Fold:
    tested = task.splits[repeat] == fold
    train, test = np.flatnonzero(~tested), np.flatnonzero(tested)
    known, unseen = standardise(task.embedding[train], task.embedding[test])
    return _Fold(repeat, fold, train, test, *principal_axes(known, unseen))


def _design(parts: Sequence[_Fold], size: int) -> Design:
    """Stack folds, padded with rows of zeros, cut to `size` features and followed by the intercept's ones."""
    rows = max(len(part.train) for part in parts)
    features = np.zeros((len(parts), rows, size + 1))
    for g, part in enumerate(parts):
        kept = min(size, part.features.shape[1])
        features[g, : len(part.train), :kept] = part.features[:, :kept]
    features[..., -1] = 1.0
    return Design(features, np.einsum("gnp,gnp->gp", features, features))


def _targets(task: ProbeTask, parts: Sequence[_Fold]) -> np.ndarray:
    """Return labels `(G, S, n)`, -1 in padding."""
    rows = max(len(part.train) for part in parts)
    targets = np.full((len(parts), len(task.labels), rows), -1, dtype=np.int64)
    for g, part in enumerate(parts):
        targets[g, :, : len(part.train)] = task.labels[:, part.repeat, part.train]
    return targets


def _masks(task: ProbeTask, parts: Sequence[_Fold]) -> np.ndarray:
    """Return which images train in each inner fold, and last in the refit, 1.0 or 0.0, `(G, S, inner + 1, n)`."""
    rows = max(len(part.train) for part in parts)
    masks = np.zeros((len(parts), len(task.labels), INNER_FOLDS + 1, rows))
    for g, part in enumerate(parts):
        groups = task.groups[part.train]
        if (groups == groups[0]).all():  # one group cannot be dealt: here single images choose the penalty
            groups = np.arange(len(groups))
        for s, labels in enumerate(task.labels[:, part.repeat, part.train]):
            inner = grouped_folds(labels, groups, INNER_FOLDS, seed=(task.seed, part.repeat, part.fold))
            masks[g, s, :-1, : len(inner)] = inner != np.arange(INNER_FOLDS)[:, None]
            masks[g, s, -1, : len(inner)] = 1.0
    return masks


def _choose_and_fit(
    task: ProbeTask, design: Design, targets: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the chosen C `(G, S)` and the refitted coefficients `(G, S, k, p)`."""
    folds, sets, _ = targets.shape
    losses, coefficients = _all_at_once(task, design, targets, masks)
    chosen = losses.argmin(axis=1)  # the strongest penalty among equals, as the grid ascends
    rows_of, sets_of = np.arange(folds)[:, None], np.arange(sets)
    start = coefficients[rows_of, chosen, sets_of].mean(axis=2)
    refit = Problems(targets, masks[:, :, -1], 1.0 / task.grid[chosen], task.classes)
    return chosen, fit_logistic(design, refit, start, tolerance=FINAL_TOLERANCE)[0]


def _all_at_once(
    task: ProbeTask, design: Design, targets: np.ndarray, masks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the held-out log-loss `(G, C, S)` at every C and coefficients of inner folds `(G, C, S, inner, k, p)`."""
    (folds, sets, rows), values = targets.shape, len(task.grid)
    shape = (folds, values, sets, INNER_FOLDS)
    inner_targets = np.broadcast_to(targets[:, None, :, None], (*shape, rows)).reshape(folds, -1, rows)
    inner_masks = np.broadcast_to(masks[:, None, :, :-1], (*shape, rows)).reshape(folds, -1, rows)
    ridge = np.broadcast_to(1.0 / task.grid[:, None, None], shape).reshape(folds, -1)
    loss, coefficients = _fit_in_batches(task, design, inner_targets, inner_masks, ridge)
    return loss.reshape(shape).sum(axis=3), coefficients.reshape(*shape, *coefficients.shape[2:])


def _fit_in_batches(
    task: ProbeTask,
    design: Design,
    targets: np.ndarray,
    masks: np.ndarray,
    ridge: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the inner problems in batches that fit memory; return held-out log-loss `(G, B)` and coefficients."""
    folds, count, rows = targets.shape
    outputs = 1 if task.classes == 2 else task.classes
    per_problem = 8 * folds * outputs * (16 * design.features.shape[2] + 8 * rows)
    size = max(1, BATCH_BYTES // per_problem)
    held_out = (1.0 - masks) * (targets >= 0)
    losses, found = np.empty((folds, count)), []
    for begin in range(0, count, size):
        part = slice(begin, begin + size)
        problems = Problems(targets[:, part], masks[:, part], ridge[:, part], task.classes)
        coefficients, logits = fit_logistic(design, problems, tolerance=INNER_TOLERANCE)
        losses[:, part] = _log_loss(logits, targets[:, part], held_out[:, part])
        found.append(coefficients)
    return losses, np.concatenate(found, axis=1)


def _log_loss(logits: np.ndarray, targets: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the summed log-loss `(G, B)` over counted samples."""
    truth = np.maximum(targets, 0)[:, :, None, :]
    right = np.take_along_axis(probabilities(logits), truth, axis=2)[:, :, 0]
    return -(np.log(np.maximum(right, 1e-15)) * counted).sum(axis=2)
