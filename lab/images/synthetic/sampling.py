"""Random choices that stay the same for good: everything is made from `Generator.random()`.

NumPy keeps the bits of a seeded PCG64 for ever, yet may change how `integers`, `normal` or `shuffle` use them
(NEP 19), which would change every drawing. Each function takes a fixed number of random numbers from the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number from `low` to `high`."""
    return low + (high - low) * float(rng.random())


def around(rng: np.random.Generator, reach: float) -> float:
    """Return a number from `-reach` to `reach`."""
    return between(rng, -reach, reach)


def chance(rng: np.random.Generator, probability: float = 0.5) -> bool:
    """Return True with this probability."""
    return bool(rng.random() < probability)


def at_most(rng: np.random.Generator, largest: int) -> int:
    """Return a whole number from 0 to `largest`."""
    return int(rng.random() * (largest + 1))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Return one of `options`."""
    return options[at_most(rng, len(options) - 1)]


def shuffled(rng: np.random.Generator, options: Sequence[T]) -> list[T]:
    """Return `options` in random order."""
    return [options[i] for i in np.argsort(rng.random(len(options)), kind="stable")]
