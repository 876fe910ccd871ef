"""What a probe run is asked: networks, images, layers and controls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.errors import LabError
from lab.experiments.base import DATA_HELP, DEFAULT_DATA, DEFAULT_MODEL, Request, option
from lab.images import groups_stamp, settled_groups, short_name
from lab.probing.controls import OPTIONAL


@dataclass(frozen=True)
class ProbeRequest(Request):
    """Which networks, images, layers and controls; `seed` moves the splits and the shuffled labels."""

    experiment: ClassVar[str] = "probe"
    command_words: ClassVar[tuple[str, ...]] = ("probe",)

    models: tuple[str, ...] = option((DEFAULT_MODEL,), "a timm model, ID[@WEIGHTS]; more than once", repeated="model")
    data: str = option(DEFAULT_DATA, DATA_HELP)
    classes: tuple[str, ...] = option((), "only these classes, A,B; quote a name that holds a comma")
    per_class: int | None = option(None, "at most N images a class", least=2, most=1_000_000)
    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    pooling: str = option("avg", "avg, max, avg+max, cls or a grid such as 2x2")
    controls: tuple[str, ...] = option(tuple(OPTIONAL), "controls beside chance", known=tuple(OPTIONAL))
    folds: int = option(5, "folds of the cross-validation", least=2, most=20)
    repeats: int = option(3, "how often it is repeated with other folds", least=1, most=50)
    seed: int = option(0, "moves folds and shuffled labels", least=0, most=2**31 - 1)
    groups: str = option(
        "auto", "what never straddles a split: auto (copies, as found), none, or a CSV file_name,group"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.groups:
            raise LabError("groups is empty; it must be auto, none, or the path of a CSV file (file_name, group)")
        if not self.models:
            raise LabError("no model was named; name one, such as tf_efficientnet_lite0")
        if len(set(self.models)) < len(self.models):
            raise LabError(f"a model was named twice among {', '.join(self.models)}; name each once")

    def canonical(self) -> Self:
        """Return the request with weights and the paths of images and groups spelled out."""
        return replace(super().canonical(), groups=settled_groups(self.groups))

    def sources(self) -> dict[str, str]:
        """Return a stamp of each checkpoint, of the images and of the table of groups."""
        return {**super().sources(), "groups": groups_stamp(self.groups)}

    def title(self) -> str:
        """Return "network, network on images"."""
        images = short_name(self.data)
        return f"{', '.join(model.split('@')[0] for model in self.models)} on {images}"
