"""What a probe run is asked: networks, images, layers and controls."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.errors import LabError, nearest
from lab.experiments.base import Request
from lab.images import settled, short_name, stamp
from lab.models import ModelRef

DEFAULT_MODEL = "tf_efficientnet_lite0@packaged"
DEFAULT_DATA = "drawn:pets"
# What each control is for; "chance" needs no computing and is always there.
CONTROLS = {
    "untrained": "the same architecture with random weights",
    "shuffled": "the same probe on shuffled labels",
    "matched": "every layer reduced to the same number of dimensions",
    "pixels": "the same probe on raw pixels",
}


@dataclass(frozen=True)
class ProbeRequest(Request):
    """Which networks, images, layers and controls; `seed` moves the splits and the shuffled labels."""

    experiment: ClassVar[str] = "probe"

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    data: str = DEFAULT_DATA
    classes: tuple[str, ...] = ()
    per_class: int | None = None
    layers: str = "blocks"
    pooling: str = "avg"
    controls: tuple[str, ...] = tuple(CONTROLS)
    folds: int = 5
    repeats: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for control in self.controls:
            if control not in CONTROLS:
                raise LabError(
                    f"there is no control {control!r}{nearest(control, CONTROLS)}; "
                    f"known: {', '.join(CONTROLS)}, all, none"
                )
        if not self.models:
            raise LabError("no model was named; name one, such as tf_efficientnet_lite0")
        if len(set(self.models)) < len(self.models):
            raise LabError(f"a model was named twice among {', '.join(self.models)}; name each once")
        for name, value, least, most in (
            ("per-class", self.per_class if self.per_class is not None else 2, 2, 1_000_000),
            ("folds", self.folds, 2, 20),
            ("repeats", self.repeats, 1, 50),
            ("seed", self.seed, 0, 2**31 - 1),
        ):
            if not least <= value <= most:
                raise LabError(f"{name} is {value}; it must be from {least} to {most}")

    def title(self) -> str:
        """Return "network, network on images"."""
        images = short_name(self.data)
        return f"{', '.join(model.split('@')[0] for model in self.models)} on {images}"

    def command(self) -> str:
        """Return the `feature-lab probe` line that asks the same; what is default is left out."""
        default = type(self)()
        words = ["feature-lab", "probe"]
        for model in self.models:
            words += ["--model", model]
        words += ["--data", self.data]
        if self.classes:
            words.append(f"--classes={joined(self.classes)}")  # one word: a name may begin with a minus
        if self.controls != default.controls:
            words += ["--controls", ",".join(self.controls) or "none"]
        for option in ("per_class", "layers", "pooling", "folds", "repeats", "seed"):
            if getattr(self, option) != getattr(default, option):
                words += [f"--{option.replace('_', '-')}", str(getattr(self, option))]
        return shlex.join(words)

    def sources(self) -> dict[str, str]:
        """Return a stamp of the images' files and of each checkpoint."""
        models = {model: ModelRef.parse(model).stamp() for model in self.models}
        return {"data": stamp(self.data), **models}

    def canonical(self) -> Self:
        """Return the request with weights and paths spelled out, so that equal questions have equal names."""
        return replace(self, models=tuple(str(ModelRef.parse(m)) for m in self.models), data=settled(self.data))


def joined(names: Iterable[str]) -> str:
    """Return names with commas between them; one that holds a comma or a quote is quoted, as in CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().removesuffix("\n")


def parted(text: str) -> tuple[str, ...]:
    """Return the names that `joined` put into a line, or that somebody typed with commas between them."""
    parts = next(csv.reader(io.StringIO(text, newline=""), skipinitialspace=True), [])
    return tuple(name for part in parts if (name := part.strip()))
