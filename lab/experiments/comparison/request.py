"""What a comparison is asked: several networks, and otherwise what a probe run is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from lab.errors import LabError
from lab.experiments.base import DEFAULT_MODEL, option
from lab.experiments.early import CardLookup, problems_of
from lab.experiments.separability.request import ProbeRequest
from lab.images import short_name
from lab.models import card
from lab.probing.controls import OPTIONAL

DEFAULT_MODELS = (DEFAULT_MODEL, "tf_efficientnet_lite0@untrained:0")
# What runs may differ in and still be compared: the networks, and what only speaks about one network at a time.
FREE = ("models", "controls")


@dataclass(frozen=True)
class CompareRequest(ProbeRequest):
    """Which networks on which images, and whether their speed is measured; the rest is that of a probe run."""

    experiment: ClassVar[str] = "compare"
    command_words: ClassVar[tuple[str, ...]] = ("compare",)

    models: tuple[str, ...] = option(DEFAULT_MODELS, "a timm model, ID[@WEIGHTS]; two or more", repeated="model")
    controls: tuple[str, ...] = option(("untrained", "pixels"), "controls beside chance", known=tuple(OPTIONAL))
    speed: bool = option(True, "measure how fast each network and its smallest good cut run on this machine")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embeddings:
            raise LabError("a comparison is of networks; vectors that are given are probed by `feature-lab probe`")
        if self.beside:
            raise LabError("beside is asked of one run at a time, with `feature-lab probe`; leave it out")
        if len(self.models) < 2:
            raise LabError(f"a comparison needs two networks or more, not {len(self.models)}; name another")

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError when fewer than two networks can be used, besides what all questions check."""
        super().check(cards)
        problems = problems_of(self, self.models, cards)
        if len(self.models) - len(problems) < 2:
            told = "; ".join(f"{model}: {problem}" for model, problem in problems.items())
            raise LabError(f"fewer than two networks could be computed: {told}")

    def title(self) -> str:
        """Return "network against network on images"."""
        return f"{' against '.join(_short(self.models))} on {short_name(self.data)}"

    def as_probe(self) -> ProbeRequest:
        """Return the probe run that this comparison is made of."""
        return ProbeRequest(**{field.name: getattr(self, field.name) for field in dataclasses.fields(ProbeRequest)})


def comparison_of(requests: Iterable[ProbeRequest]) -> CompareRequest:
    """Return the comparison of all networks of several probe runs.

    Raises LabError when they are not of the same images, layers, pooling, folds and seed.
    """
    several = [request.canonical() for request in requests]
    first = several[0]
    for other in several[1:]:
        for field in dataclasses.fields(ProbeRequest):
            one, two = getattr(first, field.name), getattr(other, field.name)
            if field.name not in FREE and one != two:
                raise LabError(
                    f"runs {first.run_id} and {other.run_id} differ in {field.name.replace('_', ' ')} ({_shown(one)}, "
                    f"{_shown(two)}); compare runs that ask the same of the same images"
                )
    models = tuple(dict.fromkeys(model for request in several for model in request.models))
    shared = {f.name: getattr(first, f.name) for f in dataclasses.fields(ProbeRequest) if f.name not in FREE}
    return CompareRequest(models=models, **shared)


def _short(models: tuple[str, ...]) -> list[str]:
    """Return the networks' names without their weights, where they still tell them apart."""
    names = [model.split("@")[0] for model in models]
    return [name if names.count(name) == 1 else model for name, model in zip(names, models, strict=True)]


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
