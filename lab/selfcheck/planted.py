"""Known answers of layers that are random numbers: classes that come apart, fall together, stay, or are a coin's."""

from __future__ import annotations

import numpy as np

from lab.probing.code_length import online_code
from lab.selfcheck.pipeline import Judged, judge_layers
from lab.selfcheck.types import Found
from lab.stats.decision import decisions

IMAGES, LAYERS, WIDTH = 200, 6, 64
DRAWS = 3
WIDTHS = (16, 24, 40, 80, 112)
WIDTH_DRAWS, MOST_BY_LUCK = 20, 1  # one draw in twenty may be called a rise by luck
COIN_DRAWS = 6


def rising() -> Found:
    """Layers between whose classes the distance grows."""
    return _outcomes([judge_layers(*_layers(_distances(), seed)) for seed in range(DRAWS)], "for", DRAWS)


def falling() -> Found:
    """The same layers in reverse order."""
    return _outcomes([judge_layers(*_layers(_distances()[::-1], seed)) for seed in range(DRAWS)], "against", DRAWS)


def flat() -> Found:
    """Layers that are all as good as each other."""
    equal = np.full(LAYERS, 1.6)
    return _outcomes([judge_layers(*_layers(equal, seed)) for seed in range(DRAWS)], "undecided", DRAWS)


def one_layer_in_widths() -> Found:
    """Random channels of one layer, more and more of them, in place of layers: no depth at all."""
    found = []
    for seed in range(WIDTH_DRAWS):
        rng = np.random.default_rng((seed, 0x317))
        labels = np.arange(IMAGES) % 2
        whole = _correlated(rng, labels, 0.35, 192)
        cut = {f"{width} channels": whole[:, rng.permutation(192)[:width]] for width in WIDTHS}
        found.append(judge_layers(cut, labels))
    told = sum(one.outcome == "for" for one in found)
    return Found(f'"for" in {told} of {WIDTH_DRAWS}', told <= MOST_BY_LUCK)


def labels_of_a_coin() -> Found:
    """Noise with labels by the toss of a coin: neither true nor shuffled labels can be read, in the mean of draws."""
    true, shuffled = [], []
    for seed in range(COIN_DRAWS):
        found = judge_layers(*_layers(np.zeros(3), seed))
        true += found.accuracy()
        shuffled += found.accuracy("shuffled")
    passed = abs(np.mean(true) - 0.5) < 0.04 and abs(np.mean(shuffled) - 0.5) < 0.02
    return Found(f"true {np.mean(true):.3f}, shuffled {np.mean(shuffled):.3f}", bool(passed))


def code_of_known_labels() -> Found:
    """Code labels that a layer says nothing about, and labels that it says plainly."""
    labels = np.arange(120) % 2
    rng = np.random.default_rng(5)
    saved = {}
    for distance in (0.0, 12.0):
        code = online_code(_correlated(rng, labels, distance, 12, whole=True), labels)
        saved[distance] = float((code.control - code.bits).mean())
    passed = abs(saved[0.0]) < 3 and saved[12.0] > 90
    return Found(f"{saved[0.0]:z.1f} of 120 bits saved, and {saved[12.0]:.0f}", passed)


def decisions_by_luck() -> Found:
    """Decide all images at layer 6 of 8 and guess before: half of them are right for good from layer 5 by luck."""
    rng = np.random.default_rng(6)
    labels = np.arange(IMAGES) % 2
    named = np.where(np.arange(8)[:, None] >= 5, labels, rng.integers(0, 2, (8, IMAGES)))
    probabilities = np.repeat(np.eye(2)[named][:, None], 2, axis=1)
    found = decisions(probabilities, labels, np.arange(IMAGES))
    early = int((found.decided_at < 5).sum())
    lucky = int((found.right_from < 5).sum())
    return Found(f"{lucky} right for good earlier, {early} of them counted", early == 0 and lucky > IMAGES // 4)


def _distances() -> np.ndarray:
    return np.linspace(0.2, 2.6, LAYERS)


def _layers(distances: np.ndarray, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return layers whose class means are `distances` deviations apart (all channels together), and labels."""
    rng = np.random.default_rng((seed, 0x9A7))
    labels = np.arange(IMAGES) % 2
    return {f"layer {k}": _correlated(rng, labels, d, WIDTH, whole=True) for k, d in enumerate(distances)}, labels


def _correlated(
    rng: np.random.Generator, labels: np.ndarray, distance: float, width: int, *, whole: bool = False
) -> np.ndarray:
    """Return noise `(N, width)` whose class means differ by `distance` in every channel, or (`whole`) all together."""
    shift = rng.normal(size=width)
    shift *= distance / (np.linalg.norm(shift) if whole else np.sqrt(np.mean(shift**2)))
    return np.asarray(rng.normal(size=(len(labels), width)) + np.outer(labels - 0.5, shift))


def _outcomes(judged: list[Judged], expected: str, least: int) -> Found:
    outcomes = [one.outcome for one in judged]
    told = ", ".join(f'"{name}" in {outcomes.count(name)} of {len(outcomes)}' for name in dict.fromkeys(outcomes))
    first, last = (np.mean([one.accuracy()[place] for one in judged]) for place in (0, -1))
    return Found(f"{told} ({first:.2f} to {last:.2f})", outcomes.count(expected) >= least)
