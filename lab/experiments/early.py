"""What can be told to be wrong before work starts: names, numbers and files against what is listed.

Nothing is computed for it: networks are looked up by their cards, image sets by their listing. `Request.check` calls
`check_listed` for the fields that questions have in common, and a question adds what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lab.activations.pooling import check_pooling
from lab.errors import LabError, nearest
from lab.experiments.picture import picture_stamp
from lab.images import class_names
from lab.layers import Layer, select_layers
from lab.models import ModelCard, ModelRef
from lab.models.cards import cached_card
from lab.weights.sources import check_id

# Gives the card of a model by name: `lab.models.card`, which may load the network, or `card_at_hand`, which never does.
CardLookup = Callable[[str], ModelCard | None]


def card_at_hand(model: str) -> ModelCard | None:
    """Return the card of a model if it is known already, else None."""
    return cached_card(ModelRef.parse(model))


def check_listed(request: Any, cards: CardLookup) -> None:
    """Raise LabError for a picture, image set, class, network, layer or pooling of a request that is not there.

    Of several networks one that can be used is enough: the others are told of in the result.
    """
    if getattr(request, "picture", ""):
        picture_stamp(request.picture)
    if getattr(request, "data", ""):
        known = class_names(request.data)
        if isinstance(wanted := getattr(request, "classes", ()), tuple):
            check_classes(wanted, known, request.data)
    several = request.networks()
    problems = problems_of(request, several, cards)
    if several and len(problems) == len(several):
        raise problems[several[0]]


def check_classes(wanted: Sequence[str], known: Sequence[str], data: str) -> None:
    """Raise LabError for a class that an image set has not; one whose classes are not listed has any."""
    for name in wanted:
        if known and name not in known:
            raise LabError(f"{data} has no class {name!r}{nearest(name, known)}; it has {', '.join(known[:12])}")


def problems_of(request: Any, models: Sequence[str], cards: CardLookup) -> dict[str, LabError]:
    """Return why some of a request's networks cannot be used, by name."""
    found = ((model, _problem_of(request, model, cards)) for model in models)
    return {model: problem for model, problem in found if problem is not None}


def layers_asked(request: Any, cards: CardLookup) -> Iterator[Layer]:
    """Yield the layers that a question about one network picks, none when its card is not at hand."""
    known = cards(request.model)
    if known is not None:
        yield from select_layers(known.layers, request.layers, exclusions=known.exclusions)


def _problem_of(request: Any, model: str, cards: CardLookup) -> LabError | None:
    try:
        known = cards(model)
        if known is None:
            ref = ModelRef.parse(model)
            if ref.source.name in ("pretrained", "untrained"):  # files and folders are opened by the work itself
                check_id(ref.id)
            return None
        layers: tuple[Layer, ...] = ()
        if isinstance(spec := getattr(request, "layers", None), str):
            layers = select_layers(known.layers, spec, exclusions=known.exclusions)
        if pooling := getattr(request, "pooling", ""):
            check_pooling(pooling, layers)
    except LabError as error:
        return error
    return None
