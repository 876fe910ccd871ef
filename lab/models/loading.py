"""Loading a model: its weights checked, its layers looked up, frozen and in eval mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.errors import LabError
from lab.layers import Layer
from lab.malloc import tune_allocator
from lab.models.cards import ModelCard, cached_card, card_of
from lab.models.devices import pick_device
from lab.models.preprocess import Preprocessing
from lab.models.reference import ModelRef
from lab.weights.in_memory import remember
from lab.weights.networks import weights_digest

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, frozen and in eval mode. `record` lets one thread at a time hook it.

    `modules` names what it was made of when it was loaded, "" if that is not known.
    """

    card: ModelCard
    module: nn.Module = field(repr=False, compare=False)
    device: str = "cpu"
    modules: str = field(default="", repr=False, compare=False)

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
    def notes(self) -> tuple[str, ...]:
        """What of the file that the weights came from is not in the network, a sentence each."""
        return self.card.notes

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every layer whose output can be read, in the order in which they run."""
        return self.card.layers


def load_model(model: str | ModelRef, *, device: str = "cpu") -> LoadedModel:
    """Return a model with its weights on a device ("auto", "cpu", "cuda", "cuda:1", "mps").

    Raises LabError when there is no such model, its weights cannot be had (HubUnreachable within three seconds when
    they would have to be downloaded and the hub does not answer), do not fit or are damaged.
    """
    ref = ModelRef.parse(model)
    ref.check()
    tune_allocator()
    place = pick_device(device)
    built = ref.source.build(ref.id, ref.argument)
    known = card_of(ref, built)
    return LoadedModel(known, built.module.to(place), place, repr(built.module))


def ref_of(model: str | ModelRef | LoadedModel) -> ModelRef:
    """Return what names a model with the weights that it has now.

    A loaded network whose weights were changed since gets a reference of its own, `ID@memory:DIGEST`, which is valid in
    this process. Raises LabError for what is neither a name nor loaded with `load_model`, and when modules of a loaded
    network were replaced.
    """
    if isinstance(model, LoadedModel):
        if model.modules and model.modules != repr(model.module):
            raise LabError(
                f"modules of {model.ref} were replaced after it was loaded, and its name no longer says what it is; "
                "change weights only, or register the network with timm under a name of its own"
            )
        if weights_digest(model.module) == model.weights_digest:
            return model.ref
        return ModelRef(model.ref.id, f"memory:{remember(model.module)}")
    if isinstance(model, (str, ModelRef)):
        return ModelRef.parse(model)
    raise LabError(
        f"a {type(model).__name__} is no model of the lab; give the name of one, or what lab.load_model returns"
    )


def structure(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model's architecture: layers, input, number of parameters. Needs no weights, no hub.

    The model's own card where it is there, else that of the same network with random weights. A checkpoint can have
    another classifier and is read.
    """
    ref = ModelRef.parse(model)
    known = cached_card(ref)
    if known is not None:
        return known
    return card(ref if ref.source.name in ("checkpoint", "lab", "memory") else ref.twin())


def card(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model: from the cache if its weights have not changed, else by loading it once."""
    ref = ModelRef.parse(model)
    return cached_card(ref) or load_model(ref).card
