"""What accuracies do along a network's depth: trend, peak, emergence of a class pair.

Everything takes layers in order of depth as the first axis and images as the last. Depth is a layer's position from 0
to 1 (`lab.layers`). Intervals are 95 %, from the resamples of `lab.stats.intervals.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lab.stats.intervals import Bootstrap, Interval

EARLY, LATE = 1 / 3, 2 / 3  # early layers lie in the first third of depth, late ones in the last
PERMUTATIONS = 5000


@dataclass(frozen=True)
class Trend:
    """Kendall's tau-b between depth and accuracy, with interval and the p of a permutation of layers."""

    tau: Interval
    p: float


@dataclass(frozen=True)
class Emergence:
    """Where two classes come apart; depths are nan and `layer` is -1 when they do not (`reached` is False)."""

    class_a: int
    class_b: int
    depth: float
    ci_low: float
    ci_high: float
    layer: int
    reached: bool
    best: float


def early_and_late(depths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of early and late layers; the first and the last layer always count."""
    depth = np.asarray(depths)
    early, late = depth <= EARLY, depth >= LATE
    early[0], late[-1] = True, True
    return np.flatnonzero(early), np.flatnonzero(late)


def trend(depths: Sequence[float], correct: np.ndarray, boot: Bootstrap, *, seed: int = 0) -> Trend:
    """Test whether accuracy rises with depth, from correctness `(L, N)`.

    The interval says how the tau of these layers varies over images; the p (two-sided) is that of layers in random
    order. nan for fewer than 3 layers.
    """
    depth = np.asarray(depths, dtype=np.float64)
    if len(depth) < 3:
        nothing = float("nan")
        return Trend(Interval(nothing, nothing, nothing), nothing)
    accuracy = correct.mean(axis=1)
    tau = float(_kendall(depth, accuracy[None])[0])
    low, high = np.percentile(_kendall(depth, boot.means(correct)), (2.5, 97.5))
    rng = np.random.default_rng((seed, 0x7AE4D))
    orders = rng.permuted(np.tile(accuracy, (PERMUTATIONS, 1)), axis=1)
    beyond = np.abs(_kendall(depth, orders)) >= abs(tau) - 1e-12
    return Trend(Interval(tau, float(low), float(high)), float((1 + beyond.sum()) / (1 + PERMUTATIONS)))


def last_against_best(correct: np.ndarray, boot: Bootstrap) -> tuple[Interval, int]:
    """Return the last layer's accuracy minus the best earlier layer's, and that layer's position.

    The best layer was picked by the same data, so the interval is a simultaneous one: it allows for the largest
    deviation over all earlier layers, each in units of its own bootstrap deviation (max-t, Westfall & Young 1993).
    """
    lead = correct[:-1] - correct[-1]
    if not len(lead):
        return Interval(float("nan"), float("nan"), float("nan")), 0
    observed = lead.mean(axis=1)
    best = int(observed.argmax())
    deviations = boot.means(lead) - observed
    spread = np.maximum(deviations.std(axis=0), 1.0 / correct.shape[1])
    reach = float(np.percentile(np.abs(deviations / spread).max(axis=1), 95) * spread[best])
    value = -float(observed[best])
    return Interval(value, value - reach, value + reach), best


def emergence(
    depths: Sequence[float], probabilities: np.ndarray, labels: np.ndarray, boot: Bootstrap
) -> Iterator[Emergence]:
    """Yield for each pair of classes the depth at which they come apart, from probabilities `(L, R, N, K)`.

    The accuracy A(l) of a pair is the mean over both classes of the share of their images to which the probe gives
    the right one of the two the higher probability, so that chance is 0.5. With best = max A and the threshold
    t = 0.5 + (best - 0.5) / 2, the pair emerges at the depth from which A stays at or above t up to its best layer,
    linearly interpolated between the last layer below t and the next; the first layer's depth if none is below.
    What A does after its best layer does not matter, so a curve that falls again at the end has an emergence too.
    It is reached when the best stays above 0.5 by a 95 % margin that allows for picking the best of all layers.
    """
    depth = np.asarray(depths, dtype=np.float64)
    for a in range(probabilities.shape[3]):
        for b in range(a + 1, probabilities.shape[3]):
            of_a, of_b = np.flatnonzero(labels == a), np.flatnonzero(labels == b)
            if len(of_a) and len(of_b):
                right_a = _prefers(probabilities, of_a, a, b)
                right_b = _prefers(probabilities, of_b, b, a)
                curve = (right_a.mean(axis=1) + right_b.mean(axis=1)) / 2
                curves = (_means_of(boot, right_a, of_a) + _means_of(boot, right_b, of_b)) / 2
                yield _emergence(depth, curve, curves, (a, b))


def _emergence(depth: np.ndarray, curve: np.ndarray, curves: np.ndarray, pair: tuple[int, int]) -> Emergence:
    best = float(curve.max())
    margin = float(np.nanpercentile((curves - curve).max(axis=1), 95))
    if not best - margin > 0.5:
        nothing = float("nan")
        return Emergence(*pair, nothing, nothing, nothing, -1, False, best)
    crossing, layer = _crossing(depth, curve[None])
    drawn = curves[~np.isnan(curves).any(axis=1)]  # a resample without one of the classes has no curve
    low, high = np.percentile(_crossing(depth, drawn)[0], (2.5, 97.5))
    return Emergence(*pair, float(crossing[0]), float(low), float(high), int(layer[0]), True, best)


def _crossing(depth: np.ndarray, curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return emergence depth and the first layer at or above the threshold, for curves `(B, L)`."""
    rows, order = np.arange(len(curves)), np.arange(len(depth))
    best = curves.argmax(axis=1)
    threshold = 0.5 + (curves[rows, best] - 0.5) / 2
    below = (curves < threshold[:, None]) & (order < best[:, None])
    last = np.where(below, order, -1).max(axis=1)
    left, right = np.maximum(last, 0), np.minimum(last + 1, len(depth) - 1)
    rise = curves[rows, right] - curves[rows, left]
    share = np.where(rise > 0, (threshold - curves[rows, left]) / np.where(rise > 0, rise, 1.0), 0.0)
    between = depth[left] + share * (depth[right] - depth[left])
    return np.where(last < 0, depth[0], between), right


def _prefers(probabilities: np.ndarray, images: np.ndarray, own: int, other: int) -> np.ndarray:
    """Return how often (share of repeats) each image's own class beats the other, ties half, `(L, n)`."""
    margin = probabilities[:, :, images, own] - probabilities[:, :, images, other]
    return np.asarray(((np.sign(margin) + 1) / 2).mean(axis=1))


def _means_of(boot: Bootstrap, values: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return weighted means `(B, L)` over some images; nan for a resample that drew none of them."""
    weights = boot.weights[:, images]
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, weights @ values.T / np.maximum(total, 1.0), np.nan))


def _kendall(depth: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """Return Kendall's tau-b of each curve `(B, L)` with depth; 0 for a constant curve."""
    i, j = np.triu_indices(len(depth), 1)
    ordered = np.sign(depth[j] - depth[i])
    moves = np.sign(curves[:, j] - curves[:, i])
    norm = np.sqrt(np.abs(ordered).sum() * np.abs(moves).sum(axis=1))
    return np.asarray(np.where(norm > 0, moves @ ordered / np.where(norm > 0, norm, 1.0), 0.0))
