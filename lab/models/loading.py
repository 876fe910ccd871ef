"""Loading a model: its weights checked, its layers looked up, frozen and in eval mode."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from lab.errors import LabError, kind_of
from lab.images.types import ImageSet
from lab.layers import Layer
from lab.malloc import tune_allocator
from lab.models.cards import ModelCard, cached_card, card_of, digest_of
from lab.models.devices import pick_device, placed
from lab.models.given_preprocess import as_given, as_preprocessing
from lab.models.preprocess import Preprocessing
from lab.models.reference import NONE_NAMED, RUNTIMES, ModelRef
from lab.weights.in_memory import remember
from lab.weights.own_code import own_copy
from lab.weights.own_code import remember as remember_given

if TYPE_CHECKING:
    from torch import nn

MOST_KEPT = 100_000_000  # parameters of all networks that are kept together: 400 MB

_KEPT: ContextVar[dict[tuple[str, str], LoadedModel] | None] = ContextVar("networks kept", default=None)


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


# Whatever stands for a network in Python: its name, what `load_model` returns, or a torch module of one's own.
Model: TypeAlias = "str | ModelRef | LoadedModel | nn.Module"


def load_model(
    model: str | ModelRef | nn.Module, *, device: str = "cpu", preprocess: Any = None, name: str = ""
) -> LoadedModel:
    """Return a model with its weights on a device ("auto", "cpu", "cuda", "cuda:1", "mps").

    A torch module of one's own is copied, so that nothing of it is ever changed. `preprocess` is how it wants its
    images: `lab.Preprocessing`, or a function of a PIL image that returns a tensor `(C, H, W)`; without it, what the
    module says itself or what is usual, with a note. `name` is what tables call it (default: its class).

    Raises LabError when there is no such model, its weights cannot be had (HubUnreachable within three seconds when
    they would have to be downloaded and the hub does not answer), do not fit or are damaged; and for a module that
    cannot be copied, or be run on its images.
    """
    if is_module(model):
        ref = _given_ref(model, preprocess, name)
    elif not isinstance(model, (str, ModelRef)):
        raise LabError(_no_model(model))
    elif preprocess is not None or name:
        raise LabError(f"{model} brings its own preprocess and name; give these with a torch module only")
    else:
        ref = ModelRef.parse(model)
    ref.check()
    tune_allocator()
    place = "cpu" if ref.precision in RUNTIMES else pick_device(device)
    there = _KEPT.get()
    if there is not None and (str(ref), place) in there:
        return there[str(ref), place]
    built = ref.source.build(ref.id, ref.argument)
    known = card_of(ref, built)
    loaded = LoadedModel(known, placed(built.module, place, ref.precision), place, repr(built.module))
    if there is not None and known.parameters + sum(one.card.parameters for one in there.values()) <= MOST_KEPT:
        there[str(ref), place] = loaded
    return loaded


@contextmanager
def networks_kept() -> Iterator[None]:
    """In this block a network is loaded once, however often `load_model` is asked for it: the first ones, as many as
    have `MOST_KEPT` parameters together."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def names_of(models: Model | Iterable[Model], preprocess: Any = None, images: ImageSet | None = None) -> list[str]:
    """Return the names of one network or of several, see `ref_of`.

    A module without a preprocess of its own is given `images` that are arrays as they are.
    """
    several: list[Any] = list(models) if isinstance(models, (list, tuple, Iterator)) else [models]
    if not several:
        raise LabError(NONE_NAMED)
    shape = images.tensor_shape if images is not None and preprocess is None else None
    usual = preprocess if shape is None else as_given(shape)
    return [str(ref_of(model, usual if is_module(model) else preprocess)) for model in several]


def is_module(model: object) -> TypeGuard[nn.Module]:
    """Return whether a value is a torch module; imports nothing."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def ref_of(model: Model, preprocess: Any = None) -> ModelRef:
    """Return what names a model with the weights that it has now.

    A loaded network whose weights were changed since gets a reference of its own, `ID@memory:DIGEST`, and a torch
    module of one's own is `CLASS@python:DIGEST`; both are valid in this process. `preprocess` is for a module, as in
    `load_model`. Raises LabError for anything else, and when modules of a loaded network were replaced.
    """
    if is_module(model):
        return _given_ref(model, preprocess, "")
    if preprocess is not None:
        raise LabError(f"preprocess is for a torch module of your own; {_shown(model)} brings its own")
    if isinstance(model, LoadedModel):
        if model.modules and model.modules != repr(model.module):
            raise LabError(
                f"modules of {model.ref} were replaced after it was loaded, and its name no longer says what it is; "
                "change weights only, or register the network with timm under a name of its own"
            )
        if digest_of(model.ref, model.module) == model.weights_digest:
            return model.ref
        if model.ref.own_code:
            changed = _given_ref(model.module, model.preprocessing, model.ref.id)
        else:
            changed = ModelRef(model.ref.id, f"memory:{remember(model.module)}")
        return replace(changed, precision=model.ref.precision)
    if isinstance(model, (str, ModelRef)):
        return ModelRef.parse(model)
    raise LabError(_no_model(model))


def _no_model(model: object) -> str:
    return (
        f"{kind_of(model)} is no model of the lab; give the name of one, a torch module, or what lab.load_model returns"
    )


def _shown(model: object) -> str:
    return str(model.ref if isinstance(model, LoadedModel) else model)


def _given_ref(module: nn.Module, preprocess: Any, name: str) -> ModelRef:
    """Return the name of a module of the user's own, of which a copy is remembered."""
    name = name or type(module).__name__
    if "@" in name or not name.strip():
        raise LabError(f"a network cannot be called {name!r}; leave the @ out of its name")
    copied, notes = own_copy(module)
    how, guessed = as_preprocessing(preprocess, copied)
    return ModelRef(name, f"python:{remember_given(copied, how, (*notes, *guessed))}")


def structure(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model's architecture: layers, input, number of parameters. Needs no weights, no hub.

    The model's own card where it is there, else that of the same network with random weights. A checkpoint can have
    another classifier and is read.
    """
    ref = ModelRef.parse(model)
    known = cached_card(ref)
    if known is not None:
        return known
    own = ref.own_code or ref.source.name in ("checkpoint", "lab", "memory")
    return card(ref if own else ref.twin())


def card(model: str | ModelRef) -> ModelCard:
    """Return what is known of a model: from the cache if its weights have not changed, else by loading it once."""
    ref = ModelRef.parse(model)
    return cached_card(ref) or load_model(ref).card
