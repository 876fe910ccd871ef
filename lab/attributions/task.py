"""What a method is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lab.attributions.targets import OUTPUT, Target
from lab.layers import Layer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lab.attributions.shared_pass import Pass

PICTURE = ""  # the place of a map that lies on the picture's own pixels
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class AttributionTask:
    """Explain `target` for images `(N, 3, H, W)` at `layers`; `baseline` `(1, 3, 1, 1)` is what "nothing" looks like.

    `steps` is the number of points on a path (or of noisy copies), `chunk` of them in a pass; `tick(done, total)`
    is told how far a method is.
    """

    module: nn.Module = field(repr=False)
    images: Tensor = field(repr=False)
    layers: Sequence[Layer]
    target: Target
    baseline: Tensor = field(repr=False)
    steps: int = 24
    seed: int = 0
    chunk: int = 8
    tick: Tick = field(repr=False, default=lambda done, total: None)

    @cached_property
    def seen(self) -> Pass:
        """The shared forward and backward pass, made when a method first asks for it."""
        from lab.attributions.shared_pass import shared_pass

        return shared_pass(self.module, self.images, self.layers, self.target)

    @property
    def place(self) -> str:
        """Where the score is read: a layer's name or `OUTPUT`."""
        return self.target.place or OUTPUT

    def at(self, layers: Sequence[Layer]) -> AttributionTask:
        """Return the same task for some of its layers, with what was seen already."""
        return self.but(layers=tuple(layers))

    def but(self, **changed: Any) -> AttributionTask:
        """Return the same task but for some of its fields, with what was seen already."""
        other = replace(self, **changed)
        if "seen" in self.__dict__:
            other.__dict__["seen"] = self.seen
        return other

    def of(self, image: int) -> AttributionTask:
        """Return the task for one image of the batch."""
        return replace(self, images=self.images[image : image + 1], target=self.target.of(image))


@dataclass(frozen=True)
class AttributionMaps:
    """Maps `(N, h, w)` by place (a layer's name or `PICTURE`), in double or single precision.

    `sums` and `owed` `(N,)` by place, of methods that promise completeness: what all attributions add up to, tokens
    that stand for no place included, and the difference of scores they should add up to.
    """

    maps: dict[str, Tensor]
    sums: dict[str, Tensor] = field(default_factory=dict)
    owed: dict[str, Tensor] = field(default_factory=dict)


def joined(parts: Sequence[AttributionMaps]) -> AttributionMaps:
    """Return what was found image by image as one."""
    import torch

    def stacked(what: str) -> dict[str, Tensor]:
        return {name: torch.cat([getattr(part, what)[name] for part in parts]) for name in getattr(parts[0], what)}

    return AttributionMaps(stacked("maps"), stacked("sums"), stacked("owed"))
