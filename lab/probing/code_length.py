"""How many labels a layer needs: online code length, and accuracy by number of labels per class.

Online (prequential) code: labels are sent block by block in an order that does not depend on them, each block under
the probes fitted on all blocks before it (Voita & Titov, "Information-theoretic probing with minimum description
length", EMNLP 2020). A layer from which few labels suffice has a short code; beside it stands the code of shuffled
labels in the same order, which is what the same probe spends when there is nothing to be learned.

Learning curve: the same, but blocks are drawn evenly from the classes and what counts is the balanced accuracy on all
images not learned from.

In both, no label is used before it was sent, so the strength of regularisation cannot be tuned on what is predicted:
probes of all values of C predict together, weighed by how well each has predicted the blocks so far (a Bayesian
mixture with equal prior weights, naming the classes evenly among them; it costs at most log2 of their number, 2.6 bits,
more than the best of them). Ridge probes choose their penalty on labels that were sent, each left out in turn; those
that predict together differ in how sure they are, the factor of decision values before the softmax. Features are
standardised over all images, whose labels take no part in it. One image of a group of copies counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lab.errors import LabError
from lab.probing.logistic import Design, Problems, fit_logistic, probabilities
from lab.probing.pca import principal_axes, standardise
from lab.probing.ridge_classifier import ALPHAS, best_ridge
from lab.probing.task import LOGISTIC, RIDGE

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C, as `lab.probing.probes` chooses from
SHARPNESSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # of ridge probes' decision values, which lie about -1 and 1
TOLERANCE = 1e-6  # per image: probabilities within about 1e-3, which is below 0.01 bits a label
ORDERS = 8  # orders of the images; with each goes one permutation of the labels
MANY_CLASSES, FEW_ORDERS = 20, 2  # with more classes than this so many orders: time grows with the classes
DRAWS = 12  # draws of labels per class
LABELS_PER_CLASS = (1, 2, 5, 10, 20, 50, 100, 200)
MOST_LEARNED = 0.75  # share of the scarcest class that may be learned from; the rest is predicted
MOST_IMAGES = 600  # more are thinned at random, so that the time does not grow with their cube
FIRST_BLOCK = 4  # images, or as many as there are classes
LEAST_IMAGES = 2 * FIRST_BLOCK


@dataclass(frozen=True)
class CodeLength:
    """Bits that the labels of `images` images cost, one value per order of the images `(R,)`.

    `bits` for the true labels, `control` for shuffled ones, `uniform` without looking at the images (log2 K each).
    """

    bits: np.ndarray
    control: np.ndarray
    uniform: float
    images: int


@dataclass(frozen=True)
class LearningCurve:
    """Balanced accuracy `(M, R)` for `per_class` `(M,)` labels of each class and R draws of them."""

    per_class: np.ndarray
    accuracy: np.ndarray


def one_per_group(labels: np.ndarray, groups: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the positions of the images that count: the first of each group, at most `MOST_IMAGES`, ascending.

    When they are thinned, every class keeps its share, and at least two images.
    """
    _, first = np.unique(groups, return_index=True)
    if len(first) <= MOST_IMAGES:
        return np.sort(first)
    rng = np.random.default_rng((seed, 0x0C0DE))
    kept = []
    for name in np.unique(labels[first]):
        members = first[labels[first] == name]
        count = max(2, round(MOST_IMAGES * len(members) / len(first)))
        kept.append(rng.permutation(members)[:count])
    return np.sort(np.concatenate(kept))


def online_code(
    embedding: np.ndarray, labels: np.ndarray, *, seed: int = 0, orders: int | None = None, probe: str = LOGISTIC
) -> CodeLength:
    """Return the online code length of labels `(N,)` given an embedding `(N, D)`, every image a group of its own.

    `orders` None takes `ORDERS`, or `FEW_ORDERS` with many classes; `probe` is "logistic" or "ridge". Raises
    LabError for fewer than 8 images or values that are not finite.
    """
    features, labels, classes = _checked(embedding, labels)
    rng = np.random.default_rng((seed, 0xC0DE))
    count, orders = len(labels), orders or (ORDERS if classes <= MANY_CLASSES else FEW_ORDERS)
    order = np.stack([rng.permutation(count) for _ in range(orders)])
    shuffled = np.stack([rng.permutation(labels) for _ in range(orders)])
    label_sets = np.stack([np.tile(labels, (orders, 1)), shuffled], axis=1)
    ends = block_ends(count, classes)
    spent = np.zeros((orders, 2, 1))
    for learned, until in pairwise(ends):
        found = _PREDICT[probe](features, order, label_sets, learned, until, classes)
        spent = spent - np.log2(found.right).sum(axis=-1)
    even = np.full((orders, 2, 1), (count - ends[0]) * np.log2(classes))
    bits = ends[0] * np.log2(classes) + _mixed(np.concatenate([spent, even], axis=2))
    return CodeLength(bits[:, 0], bits[:, 1], count * float(np.log2(classes)), count)


def learning_curve(
    embedding: np.ndarray, labels: np.ndarray, *, seed: int = 0, draws: int = DRAWS, probe: str = LOGISTIC
) -> LearningCurve:
    """Return the balanced accuracy by number of labels per class, every image a group of its own.

    Draws are nested: the labels of a step are among those of the next. Raises LabError as `online_code`.
    """
    features, labels, classes = _checked(embedding, labels)
    scarcest = int(np.bincount(labels).min())
    steps = np.array([m for m in LABELS_PER_CLASS if m == 1 or m <= MOST_LEARNED * scarcest])
    rng = np.random.default_rng((seed, 0x1EA9))
    order = np.stack([_even_order(labels, steps, classes, rng) for _ in range(draws)])
    label_sets = np.tile(labels, (draws, 1, 1))
    spent = np.zeros((draws, 1, 1))
    accuracy = np.empty((len(steps), draws))
    for position, per_class in enumerate(steps):
        learned = per_class * classes
        found = _PREDICT[probe](features, order, label_sets, learned, len(labels), classes)
        weight = np.broadcast_to(np.exp2(spent.min(axis=2, keepdims=True) - spent), found.right.shape[:3])
        guess = np.einsum("rsc,rsckn->rskn", weight, found.probability).argmax(axis=2)[:, 0]
        accuracy[position] = _balanced(guess, labels[order[:, learned:]], classes)
        if position + 1 < len(steps):
            block = steps[position + 1] * classes - learned
            spent = spent - np.log2(found.right[..., :block]).sum(axis=-1)
    return LearningCurve(steps, accuracy)


def block_ends(count: int, classes: int) -> list[int]:
    """Return where the blocks of the online code end, ascending: `count` halved as long as a block is left."""
    first = max(FIRST_BLOCK, classes)
    ends = [count]
    while ends[-1] // 2 >= first:
        ends.append(ends[-1] // 2)
    return ends[::-1]


@dataclass(frozen=True)
class _Predictions:
    """For images not learned from: all classes' probabilities `(R, S, C, K, m)`, and the true one's `(R, S, C, m)`."""

    probability: np.ndarray
    right: np.ndarray


def _predict(
    features: np.ndarray, order: np.ndarray, label_sets: np.ndarray, learned: int, until: int, classes: int
) -> _Predictions:
    """Fit probes of all C on the first `learned` images of every order, and predict the next up to `until`.

    `order` is `(R, N)`, `label_sets` `(R, S, N)`. Every prediction shares 1 / (learned + 1) of its probability evenly
    among the classes, so that a class not seen yet has a finite code.
    """
    seen, unseen = order[:, :learned], order[:, learned:until]
    parts = [_axes(features[a], features[b]) for a, b in zip(seen, unseen, strict=True)]
    rank = max(train.shape[1] for train, _ in parts)
    train = np.stack([np.pad(a, ((0, 0), (0, rank - a.shape[1]))) for a, _ in parts])
    test = np.stack([np.pad(b, ((0, 0), (0, rank - b.shape[1]))) for _, b in parts])
    with_ones = np.concatenate([train, np.ones((*train.shape[:2], 1))], axis=2)
    design = Design(with_ones, np.einsum("gnp,gnp->gp", with_ones, with_ones))
    (draws, sets, _), values = label_sets.shape, len(PENALTIES)
    targets = np.take_along_axis(label_sets, seen[:, None], axis=2)
    repeated = np.repeat(targets, values, axis=1)
    ridge = np.tile(1.0 / np.array(PENALTIES), (draws, sets))
    problems = Problems(repeated, np.ones(repeated.shape), ridge, classes)
    coefficients, _ = fit_logistic(design, problems, tolerance=TOLERANCE)
    logits = np.einsum("gbkp,gnp->gbkn", coefficients[..., :-1], test, optimize=True) + coefficients[..., -1:]
    return _predictions(probabilities(logits).reshape(draws, sets, values, classes, -1), unseen, label_sets, learned)


def _predict_ridge(
    features: np.ndarray, order: np.ndarray, label_sets: np.ndarray, learned: int, until: int, classes: int
) -> _Predictions:
    """As `_predict`, by ridge probes of the penalty that the learned images choose, of each of `SHARPNESSES`."""
    values = np.empty((*label_sets.shape[:2], classes, until - learned))
    for draw, (own, sets) in enumerate(zip(order, label_sets, strict=True)):
        known, unseen = _axes(features[own[:learned]], features[own[learned:until]])
        values[draw] = best_ridge(known, unseen, sets[:, own[:learned]], classes, ALPHAS).values.swapaxes(1, 2)
    logits = values[:, :, None] * np.array(SHARPNESSES)[:, None, None]
    return _predictions(probabilities(logits), order[:, learned:until], label_sets, learned)


_PREDICT = {LOGISTIC: _predict, RIDGE: _predict_ridge}


def _predictions(found: np.ndarray, unseen: np.ndarray, label_sets: np.ndarray, learned: int) -> _Predictions:
    """Return what probabilities `(R, S, C, K, m)` predict of the images `unseen` `(R, m)`, some shared evenly."""
    draws, sets, values, classes, count = found.shape
    share = 1.0 / (learned + 1)
    found = (1.0 - share) * found + share / classes
    truth = np.take_along_axis(label_sets, unseen[:, None], axis=2)[:, :, None, None]
    right = np.take_along_axis(found, np.broadcast_to(truth, (draws, sets, values, 1, count)), axis=3)
    return _Predictions(found, right[:, :, :, 0])


def _axes(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both parts in the principal axes of the first: a shift moves the intercept only, which is free."""
    mean = train.mean(axis=0)
    return principal_axes(train - mean, test - mean)


def _mixed(spent: np.ndarray) -> np.ndarray:
    """Return the bits of the mixture of all C from the bits of each, along the last axis."""
    least = spent.min(axis=-1, keepdims=True)
    mean = np.exp2(least - spent).mean(axis=-1)
    return np.asarray(least[..., 0] - np.log2(mean))


def _even_order(labels: np.ndarray, steps: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random order whose first `m * classes` images hold `m` of each class, for every step; the rest last."""
    pools = [rng.permutation(np.flatnonzero(labels == name)) for name in range(classes)]
    taken, parts = 0, []
    for step in steps:
        parts.append(rng.permutation(np.concatenate([pool[taken:step] for pool in pools])))
        taken = step
    rest = np.concatenate([pool[taken:] for pool in pools])
    return np.concatenate([*parts, rng.permutation(rest)])


def _balanced(guess: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the balanced accuracy of each row of guesses, over the classes that are there."""
    right = [
        np.where(there.any(axis=1), (there & (guess == name)).sum(axis=1) / np.maximum(there.sum(axis=1), 1), np.nan)
        for name in range(classes)
        for there in [truth == name]
    ]
    return np.asarray(np.nanmean(right, axis=0))


def _checked(embedding: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return standardised features in their principal axes, the labels and the number of classes."""
    labels = np.asarray(labels)
    if embedding.ndim != 2 or labels.shape != embedding.shape[:1] or len(labels) < LEAST_IMAGES:
        raise LabError(
            f"Embedding {embedding.shape} and labels {labels.shape} must be (N, D) and (N,) with at least "
            f"{LEAST_IMAGES} images; add images"
        )
    if not np.isfinite(embedding).all():
        raise LabError("the embedding holds values that are not finite (nan or infinity); leave the layer out")
    standard, _ = standardise(embedding, embedding[:1])
    axes = principal_axes(standard, standard[:1])[0]
    names, numbered = np.unique(labels, return_inverse=True)
    # A layer that is constant has no axes; one feature that says nothing stands for them.
    return axes if axes.shape[1] else np.zeros((len(labels), 1)), numbered, max(len(names), 2)
