"""The rungs of the ladder: drawn sets of two classes, from what is lowest in vision to what is highest.

In each, everything below its level is matched between the classes and the rest is random. A new rung is one file and
one row of `RUNGS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.images.synthetic.faces import PORTRAITS
from lab.images.synthetic.pets import ANIMALS
from lab.images.synthetic.rungs import (
    brightness,
    contour,
    count,
    frequency,
    hue,
    orientation,
    part,
    relation,
    shape,
    texture,
)
from lab.images.synthetic.types import DrawnFamily


@dataclass(frozen=True)
class Rung:
    """A row of the ladder: its name, the drawn family that asks it, and its difficulty there."""

    name: str
    family: DrawnFamily
    difficulty: float

    @property
    def spec(self) -> str:
        """The rung's image set."""
        usual = self.difficulty == self.family.difficulty
        return f"drawn:{self.family.name}" + ("" if usual else f"?difficulty={self.difficulty:g}")


def _row(family: DrawnFamily, name: str = "", difficulty: float | None = None) -> Rung:
    return Rung(name or family.name, family, family.difficulty if difficulty is None else difficulty)


RUNGS: Mapping[str, Rung] = {
    rung.name: rung
    for rung in (
        _row(hue.FAMILY),
        _row(brightness.FAMILY),
        _row(orientation.FAMILY),
        _row(frequency.FAMILY),
        _row(texture.FAMILY),
        _row(contour.FAMILY),
        _row(shape.FAMILY),
        _row(part.FAMILY),
        _row(PORTRAITS, "arrangement"),
        _row(ANIMALS, "object"),
        _row(count.FAMILY),
        _row(relation.FAMILY),
    )
}
FIRST_MATCHED = "texture"  # from here upwards no linear probe of pixels tells the classes apart
