"""What a drawing is, and what a family of drawings promises. Types only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Factor = float | str | bool


@dataclass(frozen=True)
class Drawing:
    """One drawn image, the factors that made it, and which part each pixel shows.

    `pixels` is uint8 `(S, S, 3)`; `owner` is uint8 `(S, S)` and indexes `parts`. Both are read-only.
    """

    pixels: np.ndarray = field(repr=False)
    factors: dict[str, Factor]
    owner: np.ndarray = field(repr=False)
    parts: tuple[str, ...]

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False
        self.owner.flags.writeable = False

    @property
    def masks(self) -> dict[str, np.ndarray]:
        """Visible pixels per part, bool `(S, S)`: every pixel is in exactly one of them."""
        return {part: self.owner == index for index, part in enumerate(self.parts)}


@dataclass(frozen=True)
class DrawnFamily:
    """A kind of drawing in two or more classes.

    `draw(rng, label, size, difficulty)` takes the same random numbers whatever the label: drawn from one state of
    `rng`, images of different classes are each other's counterparts and differ only where `diagnostic_parts` are or
    were. `decides` is the factor from which the class follows without an error. `difficulty`, 0 to 1, is the usual one;
    it changes what is drawn, never the random numbers. Families of a `group` are listed under its name. `version` is
    raised when the same seed draws other pixels, so that no cached embedding outlives them.
    """

    name: str
    title: str
    description: str
    classes: tuple[str, ...]
    diagnostic_parts: tuple[str, ...]
    draw: Callable[[np.random.Generator, int, int, float], Drawing] = field(repr=False)
    decides: str = "class"
    difficulty: float = 0.0
    group: str = ""
    version: int = 1
