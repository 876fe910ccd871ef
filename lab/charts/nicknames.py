"""Short names of networks for the ends of curves and for badges; a legend gives the full id once."""

from __future__ import annotations

from collections.abc import Sequence

# Weights that a network has as a matter of course: not part of its short name
LOADED = {"packaged", "pretrained", "python", "code"}
LONGEST = 22  # characters that find room at the right end of a chart


def nicknames(models: Sequence[str]) -> dict[str, str]:
    """Return a short name for each model id, different for all: what tells them apart first.

    >>> nicknames(["tf_efficientnet_lite0@packaged", "tf_efficientnet_lite0@untrained:0"])
    {'tf_efficientnet_lite0@packaged': 'trained', 'tf_efficientnet_lite0@untrained:0': 'untrained'}
    >>> nicknames(["tf_efficientnet_lite0@packaged", "resnet50.a1_in1k@untrained:3"])
    {'tf_efficientnet_lite0@packaged': 'efficientnet_lite0', 'resnet50.a1_in1k@untrained:3': 'resnet50, untrained'}
    """
    parts = {model: _parts(model) for model in models}
    alike = len(models) > 1 and len({network for network, _ in parts.values()}) == 1
    short = {
        model: (weights or "trained") if alike else ", ".join(filter(None, (network, weights)))
        for model, (network, weights) in parts.items()
    }
    taken = list(short.values())
    return {model: name if taken.count(name) == 1 else model for model, name in short.items()}


def clipped(name: str) -> str:
    """Return a name that finds room at the end of a curve."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _parts(model: str) -> tuple[str, str]:
    """Return the network without its training recipe, and what is special about its weights."""
    network, named, weights = model.partition("@")
    if not named:  # no id but, say, the name of a run
        return model, ""
    name = network.rpartition("/")[2].removeprefix("tf_").partition(".")[0] or network
    kind, _, which = weights.partition(":")
    if kind in LOADED or not kind:
        return name, ""
    return name, kind if kind == "untrained" else which.rpartition("/")[2] or kind
