"""What accuracies do along a network's depth: trend, peak, emergence of a class pair.

Everything takes layers in order of depth as the first axis and images as the last. Depth is a layer's position from 0
to 1 (`lab.layers`). Intervals are 95 %, from the resamples of `lab.stats.intervals.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lab.stats.auc import Z95
from lab.stats.differences import simultaneous
from lab.stats.intervals import Bootstrap, Interval, difference
from lab.stats.simultaneous import ERROR

EARLY, LATE = 1 / 3, 2 / 3  # early layers lie in the first third of depth, late ones in the last
ONE_SIDED = 1.6448536269514722  # one-sided 95 % of the normal distribution


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


def emergence_depths(depths: Sequence[float], curves: np.ndarray) -> np.ndarray:
    """Return the emergence depth `(B,)` of curves `(B, L)` of accuracies on two classes, as `emergence` has it."""
    return _crossing(np.asarray(depths, dtype=np.float64), curves)[0]


def early_and_late(depths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of early and late layers; the first and the last layer always count."""
    depth = np.asarray(depths)
    early, late = depth <= EARLY, depth >= LATE
    early[0], late[-1] = True, True
    return np.flatnonzero(early), np.flatnonzero(late)


def trend(depths: Sequence[float], scores: np.ndarray, boot: Bootstrap) -> Interval:
    """Return the least-squares slope of the layers' scores `(L, N)` on depth: what is gained from input to output.

    It is a weighted sum of the layers' scores of each image, so its interval over images holds however alike
    neighbouring layers are. nan for fewer than 3 layers, and where all have one depth.
    """
    depth = np.asarray(depths, dtype=np.float64)
    if len(depth) < 3 or np.ptp(depth) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    centred = depth - depth.mean()
    weights = centred / (centred**2).sum()
    bound = np.abs(weights).sum()
    found = difference(boot, weights @ scores / bound)
    return Interval(found.value * bound, found.low * bound, found.high * bound)


def against_best(scores: np.ndarray, others: np.ndarray, boot: Bootstrap) -> Interval:
    """Return the mean of `scores` `(N,)` minus that of the best of `others` `(A, N)`.

    The lower end is the lowest of the single intervals' (being better than the best is being better than each, so the
    intersection of these tests keeps its level: Berger 1982), the upper end that of intervals which hold all at once.
    """
    gaps = scores - others
    lows = [difference(boot, gap).low for gap in gaps]
    highs = [found.high for found in simultaneous(boot, gaps)]
    value = float(boot.mean(gaps).min())
    return Interval(value, min(*lows, value), max(min(highs), value))


def _spread(deviations: np.ndarray, boot: Bootstrap) -> np.ndarray:
    """Return the spread of resampled deviations `(B, ...)`, at least that of two imaginary groups (`difference`)."""
    return np.maximum(np.sqrt((deviations**2).mean(axis=0)), 2**0.5 / (boot.groups + 2))


def behind_best(scores: np.ndarray, boot: Bootstrap) -> tuple[list[Interval], int]:
    """Return by how much each layer of `scores` `(L, N)` is behind the best layer, and the best one's position.

    A layer is clearly worse than the best when its interval lies above 0. Any other layer may be the one that beats it,
    so its margin is the largest deviation of all others from it (multiple comparisons with the best, Hsu 1984): with
    97.5 % confidence the layer that is truly best is not called worse.
    """
    means, draws = boot.mean(scores), boot.means(scores) - boot.mean(scores)
    best = int(means.argmax())
    found = []
    for layer in range(len(scores)):
        others = np.flatnonzero(np.arange(len(scores)) != layer)
        if layer == best or not len(others):
            found.append(Interval(0.0, 0.0, 0.0))
            continue
        deviations = draws[:, others] - draws[:, [layer]]
        spread = _spread(deviations, boot)
        reach = max(float(np.percentile((deviations / spread).max(axis=1), 97.5)), Z95)
        gap, margin = float(means[best] - means[layer]), float(reach * spread[others == best][0])
        found.append(Interval(gap, gap - margin, gap + margin))
    return found, best


def emergence(
    depths: Sequence[float], probabilities: np.ndarray, labels: np.ndarray, boot: Bootstrap
) -> Iterator[Emergence]:
    """Yield for each pair of classes the depth at which they come apart, from probabilities `(L, R, N, K)`.

    The accuracy A(l) of a pair is the mean over both classes of the share of their images to which the probe gives
    the right one of the two the higher probability, so that chance is 0.5. With best = max A and the threshold
    t = 0.5 + (best - 0.5) / 2, the pair emerges at the depth from which A stays at or above t up to its best layer,
    linearly interpolated between the last layer below t and the next; the first layer's depth if none is below.
    What A does after its best layer does not matter, so a curve that falls again at the end has an emergence too.
    It is reached when a layer is above 0.5 by more than the largest deviation of all layers of all pairs (max-t, at
    least Bonferroni's over the pairs), as a quantile of Student's t with the degrees of freedom that the pair's groups
    leave, so that in one run of 20 without any information one pair or more is said to be reached.
    """
    from scipy.stats import norm, t

    depth = np.asarray(depths, dtype=np.float64)
    present = [name for name in range(probabilities.shape[3]) if np.any(labels == name)]
    pairs = list(combinations(present, 2))
    largest = np.zeros(boot.resamples)
    for pair in pairs:
        curve, curves, spread = _pair_curves(probabilities, labels, boot, pair)
        largest = np.maximum(largest, ((curves - curve) / spread).max(axis=1))
    reach = max(float(np.percentile(largest, 95)), float(norm.ppf(1 - ERROR / len(pairs))))
    for pair in pairs:
        curve, curves, spread = _pair_curves(probabilities, labels, boot, pair)
        if ((curve - 0.5) / spread > t.ppf(norm.cdf(reach), _freedom(labels, boot, pair))).any():
            (crossing,), (layer,) = _crossing(depth, curve[None])
            low, high = np.percentile(_crossing(depth, curves)[0], (2.5, 97.5))
            low, high = min(float(low), float(crossing)), max(float(high), float(crossing))
            yield Emergence(*pair, float(crossing), low, high, int(layer), True, float(curve.max()))
        else:
            nothing = float("nan")
            yield Emergence(*pair, nothing, nothing, nothing, -1, False, float(curve.max()))


def number_emergence(depths: Sequence[float], scores: np.ndarray, boot: Bootstrap) -> Emergence:
    """Return from which depth a number is read: R² stays at or above half its best up to the best layer.

    `scores` `(L, N)` are the images' parts in R² (`lab.stats.numbers`). It is reached when a layer's R² is above 0 by
    more than the largest deviation of all layers (max-t), as in `emergence`.
    """
    depth = np.asarray(depths, dtype=np.float64)
    curve, curves = boot.mean(scores), boot.means(scores)
    spread = _spread(curves - curve, boot)
    reach = max(float(np.percentile(((curves - curve) / spread).max(axis=1), 95)), ONE_SIDED)
    nothing = float("nan")
    if not (curve / spread > reach).any():
        return Emergence(0, 0, nothing, nothing, nothing, -1, False, float(curve.max()))
    (crossing,), (layer,) = _crossing(depth, curve[None], 0.0)
    low, high = np.percentile(_crossing(depth, curves, 0.0)[0], (2.5, 97.5))
    low, high = min(float(low), float(crossing)), max(float(high), float(crossing))
    return Emergence(0, 0, float(crossing), low, high, int(layer), True, float(curve.max()))


def halfway(depths: Sequence[float], curve: np.ndarray) -> float:
    """Return the emergence depth of one curve `(L,)` of a pair's accuracies, see `emergence`."""
    return float(_crossing(np.asarray(depths, dtype=np.float64), np.asarray(curve)[None])[0][0])


def _pair_curves(
    probabilities: np.ndarray, labels: np.ndarray, boot: Bootstrap, pair: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a pair's accuracy by layer `(L,)`, in each resample `(B, L)`, and its spread `(L,)`, never 0."""
    curve, curves, heavy = np.zeros(len(probabilities)), np.zeros((boot.resamples, len(probabilities))), 0.0
    for own, other in (pair, pair[::-1]):
        images = np.flatnonzero(labels == own)
        right, total = _prefers(probabilities, images, own, other), boot.base[images].sum()
        curve = curve + right @ boot.base[images] / total / 2
        curves = curves + boot.weights[:, images] @ right.T / total / 2
        heavy += (_group_weights(images, boot) ** 2).sum() / 4
    spread = np.sqrt(((curves - curve) ** 2).mean(axis=0))
    return curve, curves, np.maximum(spread, 2**0.5 / (1 / heavy + 2))


def _group_weights(images: np.ndarray, boot: Bootstrap) -> np.ndarray:
    """Return what each group of some images counts in their mean, sum 1."""
    found = np.bincount(boot.members[images], weights=boot.base[images])
    return np.asarray(found[found > 0] / found.sum())


def _freedom(labels: np.ndarray, boot: Bootstrap, pair: tuple[int, int]) -> float:
    """Return the degrees of freedom of a pair's accuracy (Satterthwaite): a class of two groups leaves hardly any."""
    weights = [_group_weights(np.flatnonzero(labels == name), boot) for name in pair]
    parts = np.array([(one**2).sum() for one in weights])
    return float(parts.sum() ** 2 / (parts**2 / np.array([max(len(one) - 1, 1) for one in weights])).sum())


def _crossing(depth: np.ndarray, curves: np.ndarray, chance: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return emergence depth and the first layer at or above the threshold, for curves `(B, L)`."""
    rows, order = np.arange(len(curves)), np.arange(len(depth))
    best = curves.argmax(axis=1)
    threshold = chance + (curves[rows, best] - chance) / 2
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
