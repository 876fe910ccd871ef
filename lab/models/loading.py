"""Loading a model: its weights checked, its layers looked up, frozen and in eval mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.layers import Layer
from lab.layers.modules import parameters_in
from lab.malloc import tune_allocator
from lab.models.cards import ModelCard, cached_card, card_of
from lab.models.devices import pick_device
from lab.models.preprocess import Preprocessing
from lab.models.reference import ModelRef
from lab.shortages import need_memory
from lab.weights.hub import is_hub_id
from lab.weights.networks import build_network
from lab.weights.sources import LOCAL_SCHEME

if TYPE_CHECKING:
    from torch import nn

BYTES = 4  # of a parameter, float32


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
    _foresee(ref)
    built = ref.source.build(ref.id, ref.argument)
    known = card_of(ref, built)
    return LoadedModel(known, built.module.to(place), place)


def _foresee(ref: ModelRef) -> None:
    """Raise MemoryShort when a network does not fit into memory beside the file its weights are read from.

    Its parameters are counted without making them, unless its card says how many there are; what cannot be counted
    so is not foreseen.
    """
    known = cached_card(ref)
    parameters = known.parameters if known else _counted(ref)
    need_memory(
        2 * BYTES * parameters, f"{ref}, with {parameters / 1e6:,.0f} million parameters,", "use a smaller network"
    )


def _counted(ref: ModelRef) -> int:
    import torch

    if ref.source.name not in ("pretrained", "untrained") or is_hub_id(ref.id) or ref.id.startswith(LOCAL_SCHEME):
        return 0
    try:
        with torch.device("meta"):
            return parameters_in(build_network(ref.id))
    except Exception:  # timm's networks are not all made for this; building it for good then tells what is wrong
        return 0


def card(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model: from the cache if its weights have not changed, else by loading it once."""
    ref = ModelRef.parse(model)
    return cached_card(ref) or load_model(ref).card
