"""Finding, loading and freezing any timm model, each by one line of text: `ID[@WEIGHTS]`.

    ModelRef   which network with which weights        what requests hold; text both ways
    ModelCard  what is known of it (layers, input, …)   JSON, kept in the cache; needs no torch
    LoadedModel  the network itself, in eval mode       needs torch

Where weights come from is a table in `weights`; how a card's layers are found is the business of `layertable`.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lab import zoo
from lab.errors import LabError, nearest
from lab.layers import Exclusion, Layer
from lab.preprocess import Preprocessing
from lab.weights import LOCAL_SCHEME, PACKAGES, SOURCES, WeightSource, package_of

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, order=True)
class ModelRef:
    """A network and its weights: a timm id, verbatim, and `packaged`, `pretrained`, `checkpoint:PATH` or `untrained:SEED`."""

    id: str
    weights: str

    @classmethod
    def parse(cls, text: str | ModelRef) -> ModelRef:
        """Return the reference that "ID" or "ID@WEIGHTS" writes; paths become absolute.

        Without weights: the package's when there is one for the id, else timm's. Looks nothing up; raises LabError for
        an empty id or an unknown weight source.
        """
        if isinstance(text, ModelRef):
            return text
        id, weights = _split(text.strip())
        if not id:
            raise LabError(f"{text!r} names no model; write ID[@WEIGHTS], such as tf_efficientnet_lite0@packaged")
        if id.startswith(LOCAL_SCHEME):
            id = LOCAL_SCHEME + _absolute(id.removeprefix(LOCAL_SCHEME))
        source, _, argument = (weights or _usual_weights(id)).partition(":")
        if source == "untrained":
            argument = argument or "0"
        elif source == "checkpoint" and argument:
            argument = _absolute(argument)
        return cls(id, f"{source}:{argument}" if argument else source)

    def __str__(self) -> str:
        return f"{self.id}@{self.weights}"

    @property
    def source(self) -> WeightSource:
        """The row of the table of weight sources."""
        return SOURCES[self.weights.partition(":")[0]]

    @property
    def argument(self) -> str:
        """What stands after the source's colon: a path or a seed, "" when nothing does."""
        return self.weights.partition(":")[2]

    @property
    def short(self) -> str:
        """A short text for charts: the id, and the weights where they are not the usual ones."""
        id = Path(self.id.removeprefix(LOCAL_SCHEME)).name if self.id.startswith(LOCAL_SCHEME) else self.id
        if self.source.name == "untrained":
            return f"{id} (untrained{'' if self.argument == '0' else f' {self.argument}'})"
        if self.source.name == "checkpoint":
            return f"{id} ({Path(self.argument).name})"
        return id if self.weights == _usual_weights(self.id) else f"{id} ({self.weights})"

    def twin(self, seed: int = 0) -> ModelRef:
        """Return the same architecture with random weights."""
        return replace(self, weights=f"untrained:{seed}")

    def check(self) -> None:
        """Raise LabError when the network or its weights cannot be had; takes at most three seconds, and no torch."""
        self.source.check(self.id, self.argument)

    def stamp(self) -> str:
        """Return a cheap text that changes when the weights behind the reference do (a file's size and time)."""
        return self.source.stamp(self.id, self.argument)


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model without having it: JSON-able, torch-free. `weights_digest` names the weights' content."""

    ref: ModelRef
    weights_digest: str
    preprocessing: Preprocessing
    layers: tuple[Layer, ...]
    exclusions: tuple[Exclusion, ...]
    parameters: int
    classifier_classes: int
    architecture: str

    def as_dict(self) -> dict[str, Any]:
        """Return the card as JSON-able values."""
        return {
            "model": str(self.ref),
            "weights_digest": self.weights_digest,
            "preprocessing": self.preprocessing.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
            "exclusions": [[exclusion.name, exclusion.reason] for exclusion in self.exclusions],
            "parameters": self.parameters,
            "classifier_classes": self.classifier_classes,
            "architecture": self.architecture,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelCard:
        """Return the card that `as_dict` described."""
        return cls(
            ref=ModelRef.parse(values["model"]),
            weights_digest=values["weights_digest"],
            preprocessing=Preprocessing.from_dict(values["preprocessing"]),
            layers=tuple(Layer.from_dict(layer) for layer in values["layers"]),
            exclusions=tuple(Exclusion(name, reason) for name, reason in values["exclusions"]),
            parameters=values["parameters"],
            classifier_classes=values["classifier_classes"],
            architecture=values["architecture"],
        )


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, frozen and in eval mode. Hold `lock` while hooks are on it: one thread at a time."""

    card: ModelCard
    module: nn.Module = field(repr=False, compare=False)
    device: str = "cpu"
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def ref(self) -> ModelRef:
        """Which network with which weights."""
        return self.card.ref

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes the network's input."""
        return self.card.preprocessing

    @property
    def weights_digest(self) -> str:
        """Hex digest of the weights' content."""
        return self.card.weights_digest

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer whose output can be read, in the order in which they run."""
        return self.card.layers


def load_model(model: str | ModelRef, *, device: str = "cpu") -> LoadedModel:
    """Return a model with its weights on a device ("auto", "cpu", "cuda", "cuda:1", "mps").

    Raises LabError when there is no such model, its weights cannot be had (HubUnreachable within three seconds when they
    would have to be downloaded and the hub does not answer), do not fit or are damaged.
    """
    from lab.cards import card_of
    from lab.devices import pick_device

    ref = ModelRef.parse(model)
    ref.check()
    place = pick_device(device)
    built = ref.source.build(ref.id, ref.argument)
    known = card_of(ref, built)
    return LoadedModel(known, built.module.to(place), place)


def card(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model: from the cache if its weights have not changed, else by loading it once."""
    from lab.cards import kept_card

    ref = ModelRef.parse(model)
    return kept_card(ref) or load_model(ref).card


def search_models(query: str = "") -> list[dict[str, Any]]:
    """Return the models whose id holds `query` (with `*` or `?` in it: fits it), packaged ones first. JSON-able.

    Each row: name (a timm id), weights (the source that would be taken), offline (whether the weights are on this machine),
    input_size ("3×224×224", "" when not known), parameters (None unless a card of it is in the cache).
    """
    from lab.cards import known_parameters
    from lab.hub import cached_repositories

    pattern = query.lower() if any(sign in query for sign in "*?") else f"*{query.lower()}*"
    cached, parameters = cached_repositories(), known_parameters()
    rows = [
        _row(architecture, tag, cached, parameters)
        for architecture in zoo.architectures().values()
        for tag in architecture.tags or (None,)
        if fnmatch.fnmatchcase(_id(architecture, tag).lower(), pattern)
    ]
    return sorted(rows, key=lambda row: (not row["offline"], row["weights"] != "packaged", row["name"]))


OfflineSource = Literal["packaged", "pretrained", "untrained"]


def _row(
    architecture: zoo.Architecture, tag: zoo.Tag | None, cached: set[str], parameters: dict[str, int]
) -> dict[str, Any]:
    id = _id(architecture, tag)
    package = package_of(id)
    weights: OfflineSource = "packaged" if package else "pretrained" if tag and (tag.hub or tag.url) else "untrained"
    offline = bool(package and package.file()) or bool(tag and tag.hub in cached)
    size = "×".join(map(str, tag.input_size)) if tag and tag.input_size else ""
    return {
        "name": architecture.name if package else id,
        "weights": weights,
        "offline": offline,
        "input_size": size,
        "parameters": parameters.get(architecture.name),
    }


def _id(architecture: zoo.Architecture, tag: zoo.Tag | None) -> str:
    return f"{architecture.name}.{tag.name}" if tag and tag.name else architecture.name


def _split(text: str) -> tuple[str, str]:
    """Return id and weights; an "@" that no weight source follows belongs to the id of a hub repository or folder."""
    for position, sign in enumerate(text):
        if sign == "@" and text[position + 1 :].partition(":")[0] in SOURCES:
            return text[:position], text[position + 1 :]
    id, _, weights = text.partition("@")
    if weights and ":" not in id:
        known = ", ".join(f"{row.name}{':' + row.argument if row.argument else ''}" for row in SOURCES.values())
        raise LabError(
            f"there is no weight source {weights!r}{nearest(weights, SOURCES)}; write ID@ and one of {known}"
        )
    return text, ""


def _usual_weights(id: str) -> str:
    return "packaged" if package_of(id) else "pretrained"


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


__all__ = ["PACKAGES", "LoadedModel", "ModelCard", "ModelRef", "card", "load_model", "search_models"]
