"""Loading a model: its weights checked, its layers looked up, frozen and in eval mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.layers import Layer
from lab.malloc import tune_allocator
from lab.models.cards import ModelCard, cached_card, card_of
from lab.models.devices import pick_device
from lab.models.preprocess import Preprocessing
from lab.models.reference import ModelRef

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LoadedModel:
    """A network with its weights, frozen and in eval mode. `record` lets one thread at a time hook it."""

    card: ModelCard
    module: nn.Module = field(repr=False, compare=False)
    device: str = "cpu"

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

    Raises LabError when there is no such model, its weights cannot be had (HubUnreachable within three seconds when
    they would have to be downloaded and the hub does not answer), do not fit or are damaged.
    """
    ref = ModelRef.parse(model)
    ref.check()
    tune_allocator()
    place = pick_device(device)
    built = ref.source.build(ref.id, ref.argument)
    known = card_of(ref, built)
    return LoadedModel(known, built.module.to(place), place)


def card(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model: from the cache if its weights have not changed, else by loading it once."""
    ref = ModelRef.parse(model)
    return cached_card(ref) or load_model(ref).card
