"""What is asked: which networks may be taken, for which images, and how many parts are confirmed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from lab.errors import LabError
from lab.experiments.base import option
from lab.experiments.comparison.request import DEFAULT_MODELS
from lab.experiments.separability.request import ProbeRequest
from lab.images import short_name
from lab.probing.controls import OPTIONAL


@dataclass(frozen=True)
class WhichRequest(ProbeRequest):
    """Which networks and layers are searched for which images; the probe that confirms is that of a probe run."""

    experiment: ClassVar[str] = "which"
    command_words: ClassVar[tuple[str, ...]] = ("which",)

    models: tuple[str, ...] = option(DEFAULT_MODELS, "a timm model, ID[@WEIGHTS]; more than once", repeated="model")
    controls: tuple[str, ...] = option(tuple(OPTIONAL), "controls of the best layer", known=tuple(OPTIONAL))
    sample: int = option(32, "images of the first round, in which every layer of every network is scored", least=16)
    finalists: int = option(4, "layers that the real probe reads, on all images", least=1, most=100)
    cheaper: int = option(3, "further layers that are confirmed: the best for fewer operations", least=0, most=100)
    speed: bool = option(True, "measure how long an image takes up to each of these on this machine")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.embeddings:
            raise LabError("a search is among networks; vectors that are given are probed by `feature-lab probe`")
        if self.beside:
            raise LabError("beside is asked of one run at a time, with `feature-lab probe`; leave it out")

    def title(self) -> str:
        """Return "which layer of how many networks, for which images"."""
        one = len(self.models) == 1
        whose = self.models[0].split("@")[0] if one else f"{len(self.models)} networks"
        return f"Which layer of {whose} for {short_name(self.data)}"

    def as_probe(self) -> ProbeRequest:
        """Return the probe run of all layers of all networks, which the search spares."""
        return ProbeRequest(**{field.name: getattr(self, field.name) for field in dataclasses.fields(ProbeRequest)})
