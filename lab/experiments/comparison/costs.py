"""What networks of a comparison hold in memory, and how fast they and their cuts run on this machine.

Speed is measured in rounds, and in each round every network and every cut is timed once, so that whatever else the
machine does meets all of them; rounds of two networks can be compared pair by pair. Networks of one architecture and
input size do the same work, whatever their weights: they are measured once and share the rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.activations import Extractor
from lab.activations.partial_forward import forward_to
from lab.layers import Layer
from lab.layers.costs import costs
from lab.models import card, load_model
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 8
ROUNDS = 9  # all nine the same way by luck: 1 in 256 for a given pair, whichever way
PATIENCE = 8.0  # seconds a network of an architecture; slow ones get fewer rounds
STAGE = "Measuring speed, all networks in turn"


@dataclass(frozen=True)
class NetworkCut:
    """A network, the layer at which it is cut, and the last layer that the comparison reads."""

    model: str
    cut: Layer
    last: Layer


@dataclass(frozen=True)
class Speed:
    """Images per second of a network up to its last layer and up to its cut, one value a round.

    `measured_as` is the network that was timed: the first of the same architecture.
    """

    measured_as: str
    whole: np.ndarray
    cut: np.ndarray


@dataclass(frozen=True)
class NetworkSize:
    """All parameters of a network, the bytes of its weights, and the most bytes that one image holds on its way."""

    parameters: int
    weights: int
    activations: int


def network_size(model: str, partial_results: PartialResults) -> NetworkSize:
    """Return what a network holds, the parameters its classifier may have included, as on the page of models."""
    key = f"size/{model}"
    if key not in partial_results:
        loaded = load_model(model)
        how = loaded.preprocessing
        weights = sum(parameter.numel() * parameter.element_size() for parameter in loaded.module.parameters())
        _, whole = costs(loaded.module, how.input_size)
        partial_results[key] = {"size": np.array([loaded.card.parameters, weights, whole.peak_bytes])}
    return NetworkSize(*map(int, partial_results[key]["size"]))


def measure_speeds(
    networks: Sequence[NetworkCut], partial_results: PartialResults, compute: Compute, progress: Progress
) -> dict[str, Speed]:
    """Return the speed of each network by name; rounds with the same number were measured side by side."""
    key = "speed/" + "/".join(f"{each.model}/{each.cut.name}/{each.last.name}" for each in networks)
    first: dict[tuple[object, ...], str] = {}
    measured_as = {each.model: first.setdefault(_work_of(each), each.model) for each in networks}
    if key not in partial_results:
        partial_results[key] = _rounds(networks, measured_as, compute, progress)
    rounds = partial_results[key]
    return {each.model: _speed(each, measured_as[each.model], rounds) for each in networks}


def measure_places(
    places: Sequence[tuple[str, Layer]], partial_results: PartialResults, compute: Compute, progress: Progress
) -> list[np.ndarray]:
    """Return milliseconds an image up to each of some layers of networks, one value a round, all in turn in each."""
    key = "places/" + "/".join(f"{model}/{layer.name}" for model, layer in places)
    if key not in partial_results:
        by_model: dict[str, list[Layer]] = {}
        for model, layer in places:
            by_model.setdefault(model, []).append(layer)
        partial_results[key] = _timed(by_model, compute, progress)
    rounds = partial_results[key]
    return [1000 / rounds[f"{model}/{layer.name}"] for model, layer in places]


def interleaved(passes: Mapping[str, Callable[[], float]], rounds: int, patience: float) -> dict[str, list[float]]:
    """Return the seconds that each pass took in each round, by name; a pass returns its seconds.

    Every second round runs backwards, so that no pass always follows the same one; the first warms up and is not
    kept. Ends early, but not before three rounds, when `patience` seconds are over.
    """
    order = list(passes)
    seconds: dict[str, list[float]] = {name: [] for name in order}
    began = time.perf_counter()
    for done in range(-1, rounds):
        for name in order if done % 2 else reversed(order):
            took = passes[name]()
            if done >= 0:
                seconds[name].append(took)
        if done >= 2 and time.perf_counter() - began > patience:
            break
    return seconds


def _work_of(network: NetworkCut) -> tuple[object, ...]:
    """Return what two networks have alike that do the same work up to their last layers."""
    known = card(network.model)
    how = known.preprocessing
    layers = tuple((layer.name, layer.flops, layer.channels, layer.height, layer.width) for layer in known.layers)
    return known.architecture, how.height, how.width, known.parameters, network.last.name, layers


def _rounds(
    networks: Sequence[NetworkCut], measured_as: Mapping[str, str], compute: Compute, progress: Progress
) -> Arrays:
    """Return images per second by "network/layer", one value a round."""
    by_model: dict[str, list[Layer]] = {}
    for model in dict.fromkeys(measured_as.values()):
        same = [each for each in networks if measured_as[each.model] == model]
        by_model[model] = list({layer.name: layer for each in same for layer in (each.last, each.cut)}.values())
    return _timed(by_model, compute, progress)


def _timed(by_model: Mapping[str, Sequence[Layer]], compute: Compute, progress: Progress) -> Arrays:
    """Return images per second up to layers of networks by "network/layer", one value a round."""
    import torch

    passes: dict[str, Callable[[], float]] = {}
    for done, (model, layers) in enumerate(by_model.items()):
        progress(STAGE, done, len(by_model), "networks")
        passes |= _passes(model, layers, compute)
    with torch.inference_mode():
        seconds = interleaved(passes, ROUNDS, PATIENCE * len(by_model))
    progress(STAGE, len(by_model), len(by_model), "networks")
    return {name: BATCH / np.array(took) for name, took in seconds.items()}


def _passes(model: str, layers: Sequence[Layer], compute: Compute) -> dict[str, Callable[[], float]]:
    """Return what times one batch through a network up to each of some layers, by "network/layer"."""
    import torch

    loaded = load_model(model, device=compute.device)
    how = loaded.preprocessing
    module = Extractor(loaded, layers).module
    noise = torch.randn((BATCH, *how.input_size), generator=torch.Generator().manual_seed(0))
    images = noise.to(loaded.device).contiguous(memory_format=torch.channels_last)

    def timed(name: str) -> Callable[[], float]:
        return lambda: _seconds(lambda batch: forward_to(module, name, batch), images)

    return {f"{model}/{layer.name}": timed(layer.name) for layer in layers}


def _speed(network: NetworkCut, measured_as: str, rounds: Arrays) -> Speed:
    """Return a network's rounds. A cut does a part of the whole's work: where noise has put it behind, both have what
    the two say together."""
    whole, cut = (rounds[f"{measured_as}/{layer.name}"] for layer in (network.last, network.cut))
    if np.median(cut) < np.median(whole):
        whole = cut = 2 / (1 / whole + 1 / cut)
    return Speed(measured_as, whole, cut)


def _seconds(run: Callable[[Tensor], Tensor], images: Tensor) -> float:
    began = time.perf_counter()
    run(images).sum().item()  # the sum waits for a device that computes on its own
    return max(time.perf_counter() - began, 1e-9)
