"""What the ladder is asked: networks, rungs, layers, how many drawings and untrained twins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.errors import LabError
from lab.experiments.base import DEFAULT_MODEL, LAYERS_HELP, Request, option
from lab.images.synthetic import RUNGS


@dataclass(frozen=True)
class LadderRequest(Request):
    """Which networks and rungs; `seed` draws other images and deals other folds."""

    experiment: ClassVar[str] = "ladder"
    command_words: ClassVar[tuple[str, ...]] = ("ladder",)

    models: tuple[str, ...] = option((DEFAULT_MODEL,), "a timm model, ID[@WEIGHTS]; more than once", repeated="model")
    rungs: tuple[str, ...] = option(tuple(RUNGS), "which rungs", known=tuple(RUNGS))
    layers: str = option("stages", LAYERS_HELP)
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    per_class: int = option(100, "drawings of each of a rung's two classes", least=20, most=5000)
    untrained: int = option(3, "untrained twins of each network", least=0, most=20)
    seed: int = option(0, "moves drawings and folds", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for what, names in (("model", self.models), ("rung", self.rungs)):
            if not names:
                raise LabError(f"no {what} was named; name at least one")
            if len(set(names)) < len(names):
                raise LabError(f"a {what} was named twice among {', '.join(names)}; name each once")

    def canonical(self) -> Self:
        """Return the request with its rungs in the order of the ladder."""
        return replace(super().canonical(), rungs=tuple(name for name in RUNGS if name in self.rungs))

    def title(self) -> str:
        """Return whose ladder it is."""
        return f"The ladder of {', '.join(model.split('@')[0] for model in self.models)}"
