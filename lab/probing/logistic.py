"""Many L2 logistic regressions at once: one design matrix, a batch of labels, sample masks and penalties.

Every problem of a batch minimises the objective of scikit-learn's `LogisticRegression`,
`sum of log-losses over the masked samples + ||w||² / (2 C)` with a free intercept (sigmoid for two classes, softmax
for more). All problems on one design advance together, so an iteration is two matrix products whatever their number
(preconditioned L-BFGS, Nocedal & Wright, Numerical Optimization 2006, ch. 7). The preconditioner is the inverse of what
the Hessian would be, had all images the same weight: diagonal in the principal axes of the design, which is given in
them or comes with the largest. Choosing penalties, folds and standardisation is `lab.probing.probes`' business.

Axes: `g` designs (folds), `b` problems on a design, `k` logits (1 for two classes), `n` samples, `p` features + 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from lab.errors import LabError
from lab.probing.lbfgs import History, compaction, dot, rows_of

ABSENT = -1000.0  # the logit of a class without a sample in the mask: its probability is exactly 0 in float64
MAX_ITERATIONS = 2000
CURVATURE = 0.5  # a step is accepted when the slope along it has shrunk to this fraction (strong Wolfe)


@dataclass(frozen=True)
class Design:
    """Samples for `G` folds: `features` `(G, n, p)` whose last column is 1 (the intercept).

    They lie in their principal axes, and `spectrum` `(G, p)` is the sum of squares of each column; or `axes`
    `(G, p, r)`, orthonormal, the last one the intercept's, are the largest, `spectrum` `(G, r)` the sum of squares
    along each, and `rest` `(G,)` that along any direction across them.
    """

    features: np.ndarray
    spectrum: np.ndarray
    axes: np.ndarray | None = None
    rest: np.ndarray | None = None


@dataclass(frozen=True)
class Point:
    """Where a descent is counted from: the logits and probabilities of one problem `(k, n)` and its gradient `(k, p)`.

    Coefficients are then differences to it, which single precision tells as exactly as they are small.
    """

    logits: np.ndarray
    probability: np.ndarray
    gradient: np.ndarray


@dataclass(frozen=True)
class Problems:
    """What to fit on each design: `targets` `(G, B, n)` class indices, `masks` `(G, B, n)` 1.0 for samples that count,
    `ridge` `(G, B)` = 1 / C, and the number of `classes`."""

    targets: np.ndarray
    masks: np.ndarray
    ridge: np.ndarray
    classes: int


def fit_logistic(
    design: Design,
    problems: Problems,
    start: np.ndarray | None = None,
    *,
    tolerance: float,
    most: int | None = None,
    origin: Point | None = None,
    stretch: bool = False,
    at_each: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients `(G, B, k, p)` and the logits of all samples `(G, B, k, n)`, masked or not.

    `tolerance` bounds the preconditioned squared gradient per counted sample, about twice what the mean objective
    could still fall. A class that has no sample in a mask gets probability 0 in that problem. Raises `LabError` when
    `most` iterations are not enough (2,000 unless given: too few from C = 1e4 on;
    C <= 1 took 51 at most, C = 100 took 265, on hostile data). Works in the precision of the design; from an `origin`,
    of a single problem, the coefficients are the differences to it. `stretch` first moves along the start itself, which
    costs one product and helps where the start belongs to a stronger penalty. `at_each` is called at each iteration.
    """
    most = MAX_ITERATIONS if most is None else most
    batch = _Batch.begin(design, problems, start, origin)
    history = History.empty(batch.coefficients)
    limit = tolerance * problems.masks.sum(axis=2).max()
    coefficients, logits = np.empty_like(batch.coefficients), np.empty_like(batch.logits)
    with np.errstate(over="ignore"):  # exp overflows to inf, 1 / inf = 0 is the right probability
        batch.refresh(design)
        if stretch and start is not None:
            uphill = dot(batch.gradient, batch.coefficients) > 0
            sign = np.where(uphill, -1, 1).astype(batch.coefficients.dtype)[..., None, None]
            history.add(*_advance(batch, design, sign * batch.coefficients, sign * batch.logits))
        for _ in range(most):
            at_each()
            active = dot(batch.curvature(design).inverse(batch.gradient), batch.gradient) > limit
            if not active.any():
                break
            keep = compaction(active)
            if keep is not None:
                batch.store(coefficients, logits)
                batch, history = batch.take(keep), history.take(keep)
            direction = history.direction(batch.gradient, batch.curvature(design).inverse)
            step, change = _advance(batch, design, direction)
            history.add(step, change)
        else:
            raise LabError(
                f"Logistic regression did not settle in {most} iterations with C up to "
                f"{1 / problems.ridge.min():g}; use smaller values of C"
            )
    batch.store(coefficients, logits)
    return coefficients, logits


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return class probabilities `(..., K, n)` for logits `(..., k, n)`; one logit stands for two classes."""
    with np.errstate(over="ignore"):
        inner = _activate(logits)
    return np.concatenate([1.0 - inner, inner], axis=-2) if logits.shape[-2] == 1 else inner


@dataclass(frozen=True)
class _Curvature:
    """The Hessian as if all counted samples had the mean weight: `(g, b, k, r)` along the axes, `(g, b, k, 1)` across
    them. No axes: the coefficients' own."""

    along: np.ndarray
    across: np.ndarray
    axes: np.ndarray | None

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        """Return the inverse applied to `(g, b, k, p)`."""
        if self.axes is None:
            return vectors * self.along
        inside = _product(vectors, self.axes)
        inside *= self.along - self.across
        found = _product(inside, self.axes.transpose(0, 2, 1))
        found += self.across * vectors
        return found


@dataclass
class _Batch:
    """The problems still being solved; all arrays begin with axes `(g, b)`."""

    coefficients: np.ndarray  # (g, b, k, p)
    logits: np.ndarray  # (g, b, k, n)
    gradient: np.ndarray  # (g, b, k, p)
    weight: np.ndarray  # (g, b, k): mean p (1 - p) over counted samples
    truth: np.ndarray  # (g, b, k, n): 1 for the class of a counted sample, else 0; the origin's probabilities
    slope: np.ndarray  # (g, b, k, p) or (g, b, 1, 1): the gradient at the origin
    mask: np.ndarray  # (g, b, 1, n)
    ridge: np.ndarray  # (g, b, 1, p), 0 for the intercept
    scale: np.ndarray  # (g, b, 1, r): the spectrum, scaled to the counted samples
    rest: np.ndarray  # (g, b, 1, 1): the same across the axes
    position: np.ndarray  # (g, b): where a problem belongs in the answer

    @classmethod
    def begin(cls, design: Design, problems: Problems, start: np.ndarray | None, origin: Point | None) -> _Batch:
        (folds, count, samples), size = problems.targets.shape, design.features.shape[2]
        kind = design.features.dtype
        outputs = 1 if problems.classes == 2 else problems.classes
        first = 1 if problems.classes == 2 else 0
        truth = problems.targets[:, :, None, :] == np.arange(first, problems.classes)[:, None]
        mask = problems.masks[:, :, None, :].astype(kind, copy=False)
        penalised = np.ones(size, kind)
        penalised[-1] = 0.0
        shape = (folds, count, outputs)
        coefficients = np.zeros((*shape, size), kind) if start is None else start.astype(kind)
        if origin is None:
            _set_absent(coefficients, truth, mask)
        counted = mask.sum(axis=3, keepdims=True)
        logits = _product(coefficients, design.features.transpose(0, 2, 1))
        share = counted / kind.type(samples)
        rest = np.zeros(folds) if design.rest is None else design.rest
        return cls(
            coefficients=coefficients,
            logits=logits if origin is None else logits + origin.logits,
            gradient=np.empty((*shape, size), kind),
            weight=np.empty(shape, kind),
            truth=truth * mask if origin is None else origin.probability[None, None],
            slope=np.zeros((folds, count, 1, 1), kind) if origin is None else origin.gradient[None, None].astype(kind),
            mask=mask,
            ridge=problems.ridge[:, :, None, None].astype(kind) * penalised,
            scale=design.spectrum[:, None, None, :].astype(kind) * share,
            rest=rest[:, None, None, None].astype(kind) * share,
            position=np.broadcast_to(np.arange(count), (folds, count)),
        )

    def refresh(self, design: Design) -> None:
        """Recompute what follows from the logits and coefficients."""
        self.settle(design, self.probability(self.logits))

    def probability(self, logits: np.ndarray) -> np.ndarray:
        """Return the classes' probabilities, 0 where masked."""
        probability = _activate(logits)
        probability *= self.mask
        return probability

    def settle(self, design: Design, probability: np.ndarray) -> None:
        away = (probability - self.truth).astype(design.features.dtype, copy=False)
        self.gradient = _product(away, design.features) + self.ridge * self.coefficients
        self.gradient += self.slope
        spread = probability.sum(axis=3) - np.vecdot(probability, probability)
        self.weight = (spread / self.mask.sum(axis=3)).astype(design.features.dtype, copy=False)

    def curvature(self, design: Design) -> _Curvature:
        """Return the Hessian as if all counted samples had the mean weight."""
        weight = np.maximum(self.weight, 1e-6)[..., None]
        if design.axes is None:
            return _Curvature(1.0 / (weight * self.scale + self.ridge), self.rest, None)
        ridge = np.broadcast_to(self.ridge[..., :1], (*self.ridge.shape[:3], self.scale.shape[-1])).copy()
        ridge[..., -1] = 0.0
        across = 1.0 / (weight * self.rest + self.ridge[..., :1])
        return _Curvature(1.0 / (weight * self.scale + ridge), across, design.axes)

    def take(self, keep: np.ndarray) -> _Batch:
        rows = rows_of(keep)
        return _Batch(**{f.name: getattr(self, f.name)[rows, keep] for f in fields(self)})

    def store(self, coefficients: np.ndarray, logits: np.ndarray) -> None:
        rows = rows_of(self.position)
        coefficients[rows, self.position] = self.coefficients
        logits[rows, self.position] = self.logits


def _advance(
    batch: _Batch, design: Design, direction: np.ndarray, moved: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Move every problem along its direction, by which its logits are `moved`, to where the slope is small; return the
    step and gradient change."""
    if moved is None:
        moved = _product(direction, design.features.transpose(0, 2, 1))
    length, logits, probability = _line_search(batch, direction, moved)
    step = length.astype(direction.dtype, copy=False)[..., None, None] * direction
    before = batch.gradient
    batch.coefficients, batch.logits = batch.coefficients + step, logits
    batch.settle(design, probability)
    return step, batch.gradient - before


def _line_search(batch: _Batch, direction: np.ndarray, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find a step length per problem. The objective is convex along a line, so its slope alone brackets the minimum,
    and logits are linear in the step, so trying a length costs no matrix product."""
    start = dot(batch.gradient, direction)
    linear = dot(batch.ridge * batch.coefficients + batch.slope, direction)
    quadratic = dot(batch.ridge * direction, direction)
    low, low_slope = np.zeros_like(start), start
    length = np.ones_like(start)
    for _ in range(30):
        logits = length[..., None, None] * moved
        logits += batch.logits
        probability = batch.probability(logits)
        slope = dot(probability - batch.truth, moved) + linear + length * quadratic
        fine = np.abs(slope) <= CURVATURE * np.abs(start)
        if fine.all():
            break
        rise = slope - low_slope  # > 0, as the objective is convex; secant step to slope 0
        guess = low - (length - low) * low_slope / np.where(rise > 0, rise, np.inf)
        short = slope < 0
        longer = np.where(rise > 0, np.clip(guess, 1.1 * length, 4.0 * length), 4.0 * length)
        shorter = np.clip(guess, low + 0.05 * (length - low), low + 0.95 * (length - low))
        proposal = np.where(short, longer, shorter)
        low, low_slope = np.where(short, length, low), np.where(short, slope, low_slope)
        length = np.where(fine, length, proposal)
    return length, logits, probability


def _activate(logits: np.ndarray) -> np.ndarray:
    """Return sigmoid (one logit) or softmax (more) along the logit axis."""
    if logits.shape[-2] == 1:
        odds = np.exp(-logits)
        odds += 1.0
        return np.reciprocal(odds, out=odds)
    powers = np.exp(logits - logits.max(axis=-2, keepdims=True))
    powers /= powers.sum(axis=-2, keepdims=True)
    return powers


def _set_absent(coefficients: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> None:
    """Pin the intercept of classes without a counted sample (their gradient is then 0), unpin all others."""
    counted = mask > 0
    absent = ~(truth & counted).any(axis=3)
    pinned = np.where(absent, ABSENT, 0.0)
    if truth.shape[2] == 1:  # one logit: the other class may be the absent one
        pinned = pinned - np.where((~truth & counted).any(axis=3), 0.0, ABSENT)
    intercept = coefficients[..., -1]
    stale = np.abs(intercept) > -ABSENT / 20  # a start taken from fits where the class was absent
    coefficients[..., -1] = np.where(pinned != 0, pinned, np.where(stale, 0.0, intercept))


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply `(g, b, k, x)` by `(g, x, y)` as one matrix product per design."""
    folds, count, outputs, size = a.shape
    return np.asarray(a.reshape(folds, count * outputs, size) @ b).reshape(folds, count, outputs, -1)
