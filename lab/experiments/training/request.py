"""What can be asked of training: `TrainRequest` makes weights `lab:NAME`, `WatchRequest` looks at their checkpoints."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, Request, option
from lab.experiments.early import CardLookup
from lab.experiments.fields import given_id
from lab.images import class_names, settled, short_name, stamp
from lab.models import ModelRef, card
from lab.names import names_in
from lab.settings import runs_dir
from lab.weights.sources import check_id
from lab.weights.trained import trained_folder

DEFAULT_ARCHITECTURE = "test_resnet"


@dataclass(frozen=True)
class TrainRequest(Request):
    """Which architecture is trained on which images, and how long."""

    experiment: ClassVar[str] = "train"

    model: str = option(DEFAULT_ARCHITECTURE, "a timm architecture; it starts from random weights")
    data: str = option(DEFAULT_DATA, "images: a set's name, or a folder or zip with one folder a class")
    per_class: int = option(700, "at most so many images a class", least=3, most=1_000_000)
    size: int = option(96, "side of the images in pixels", least=32, most=512)
    epochs: int = option(0, "epochs at most; 0: the recipe's", least=0, most=10_000)
    rate: float = option(0.0, "the highest learning rate; 0: the recipe's", least=0, most=10)
    enough: float = option(0.98, "validation accuracy that ends training when reached twice in a row", least=0, most=2)
    seed: int = option(0, "moves the first weights, the split and the order of the images", least=0, most=2**31 - 1)
    name: str = option("", "the weights will be lab:NAME; empty: named after the images")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model.strip() or "@" in self.model:
            raise LabError(
                f"{self.model!r} is no architecture to train; training starts from random weights, so give a timm id "
                f"alone, such as {DEFAULT_ARCHITECTURE}"
            )
        if self.name:
            trained_folder(self.model, self.name)  # raises for a name that cannot be one

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for an architecture or an image set there is not; no weights are needed."""
        check_id(self.model)
        class_names(self.data)

    def canonical(self) -> TrainRequest:
        """Return the request with its name and the path of its images spelled out; other settings get another name."""
        full = replace(self, data=settled(self.data))
        return full if full.name else replace(full, name=full._own_name())

    def sources(self) -> dict[str, str]:
        """Return a stamp of the images, and a mark when a finished run has lost its weights."""
        found = {"data": stamp(self.data)}
        # Before the run there are no weights either; only where a result stands does their absence tell of a loss.
        finished = (runs_dir() / self.run_id / "run.json").exists()
        if finished and not ModelRef.parse(self.weights).stamp():
            found["weights"] = "missing"
        return found

    @property
    def weights(self) -> str:
        """The model that the training makes, `ID@lab:NAME`."""
        return f"{self.model}@lab:{self.canonical().name}"

    def title(self) -> str:
        """Return what is trained on what."""
        return f"{self.model} trained on {short_name(self.data)}"

    def _own_name(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", Path(self.data).name.partition("?")[0].removeprefix("drawn:").lower())
        slug = slug.strip("-")[:40] or "images"
        usual = TrainRequest(model=self.model, data=self.data)
        if self == usual and "/" not in self.data and "?" not in self.data:
            return slug
        settings = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("model", "name")}
        return f"{slug}-{hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:4]}"


@dataclass(frozen=True)
class WatchRequest(Request):
    """Which network trained here, and which of its layers are watched while it learns.

    One that a Python process trains is `NAME@python:DIGEST`: what was read of it is kept by that process.
    """

    experiment: ClassVar[str] = "watch"

    model: str = option(f"{DEFAULT_ARCHITECTURE}@lab:pets", "a network that was trained here, ID@lab:NAME")
    layers: str = option("blocks", "stages, blocks, or names with commas between them")
    seed: int = option(0, "moves the folds and the shuffled labels", least=0, most=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if "@lab:" not in self.model and "@python:" not in self.model:
            raise LabError(
                f"{self.model} was not trained here, so there is nothing to watch; train one with `feature-lab train` "
                "and give ID@lab:NAME"
            )

    def title(self) -> str:
        """Return what is watched."""
        return f"{given_id(self.model) or self.model} while it learnt"

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for a training that happened in a Python process, besides what all questions check."""
        if self.from_python():
            raise LabError(
                f"{self.from_python()} learnt in a Python process, and is watched by that: call lab.TrainingProbes or "
                "lab.watch there again"
            )
        super().check(cards)

    def sources(self) -> dict[str, str]:
        """Return a stamp of the weights; nothing of what a Python process had."""
        return {} if self.from_python() else super().sources()

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        if not self.from_python():
            return Request.python(self)
        return f"lab.TrainingProbes({given_id(self.model)}, images, labels, {list(names_in(self.layers))!r})"
