"""How do edges become shapes? A two-layer network trained here, in seconds, on drawn rectangles and diamonds.

tables   accuracy      one row per condition and seed: held-out accuracy of two layers, of one, and of shuffled labels
         filters       one row per first-layer filter of the two layers, before and after training: its orientation,
                       how selective it is, its kernel
         channels      one row per seed and class: the second-layer channel that speaks for it most, and its pattern
         combinations  one row per such channel and filter below it: what the filter adds at the channel's largest
                       response, on drawings of its class and of the others, and the kernel slice
         responses     one row per condition, seed and stimulus: the answer of the channel that speaks for rectangles,
                       as a share of its answer to the whole rectangle
         examples      a few drawings
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.encode import png
from lab.experiments.base import Request, option
from lab.experiments.building.edges_findings import findings
from lab.experiments.building.stroke_drawings import CLASSES, drawings, stimuli
from lab.experiments.manifest import result_with_findings
from lab.experiments.result import Result
from lab.layers.modules import parameters_in
from lab.malloc import one_thread
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress, counted, silent
from lab.settings import Compute
from lab.threads import in_threads, unless

if TYPE_CHECKING:
    from lab.experiments.building.two_layers import TwoLayers

TRAINING, HELD_OUT, STIMULI_EACH = 1500, 600, 60
DRAWN_FOR_TESTS = 10_000  # a seed that no training uses
BEFORE, AFTER = "before training", "after training"
EXAMPLES = 4
SHAPES = CLASSES[:2]


@dataclass(frozen=True)
class Condition:
    """A network to train: filters of the first and of the second layer, and whether its labels are shuffled."""

    filters: int
    second: int
    shuffled: bool = False


CONDITIONS = {
    "two layers": Condition(8, 8),
    "one layer": Condition(32, 0),
    "shuffled labels": Condition(8, 8, shuffled=True),
}


@dataclass(frozen=True)
class EdgesRequest(Request):
    """How many networks of each kind are trained, and for how long."""

    experiment: ClassVar[str] = "edges"

    seeds: int = option(5, "networks of each kind, each from its own random start", least=2, most=50)
    epochs: int = option(8, "times each training drawing is seen", least=1, most=100)

    def title(self) -> str:
        """Return what is looked at."""
        return f"Edges become shapes, {self.seeds} networks trained here"


def run(
    request: EdgesRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return how well the networks do and what their layers hold."""
    kept = partial_results if partial_results is not None else {}
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("accuracy", "filters", "channels", "combinations", "responses")
    }
    held_out = drawings(HELD_OUT, DRAWN_FOR_TESTS)
    shown = stimuli(STIMULI_EACH, DRAWN_FOR_TESTS)
    for (seed, name), network in _networks(request, kept, progress).items():
        where = {"condition": name, "seed": seed}
        rows["accuracy"].append({**where, **_score(network, held_out)})
        if not CONDITIONS[name].shuffled:
            rows["responses"] += [{**where, **row} for row in _responses(network, shown, held_out)]
        if name == "two layers":
            rows["filters"] += _filters(network, seed)
            channels, combined = _taken_apart(network, seed, held_out)
            rows["channels"] += channels
            rows["combinations"] += combined
    tables = {name: pd.DataFrame(found) for name, found in rows.items()} | {"examples": _examples(held_out)}
    return result_with_findings(request, tables, findings(tables), drawings=[TRAINING, HELD_OUT])


def _networks(
    request: EdgesRequest, partial_results: PartialResults, progress: Progress
) -> dict[tuple[int, str], TwoLayers]:
    """Return every network by seed and condition; those that are not in the pieces are trained, one on each core.

    Each is put into the pieces when it is done, so that an interruption loses only what is under way.
    """
    from lab.experiments.building.two_layers import batches, beginning, train

    every = {(seed, name): f"{name}-{seed}" for seed in range(request.seeds) for name in CONDITIONS}
    missing = {at: key for at, key in every.items() if key not in partial_results}
    steps = request.epochs * batches(TRAINING)
    left = Event()
    tell = unless(left, counted(progress, "Training small networks", steps * len(missing), "batches"))

    def work(start: tuple[tuple[int, str], TwoLayers]) -> None:
        (seed, name), network = start
        images, labels = _training(seed)
        if CONDITIONS[name].shuffled:
            labels = np.random.default_rng(seed).permutation(labels)
        train(network, images, labels, seed=seed, epochs=request.epochs, step=tell)
        partial_results[every[seed, name]] = {name: values.numpy() for name, values in network.state_dict().items()}

    # Such small products gain nothing from several threads each.
    with one_thread():
        starts = [(at, beginning(CONDITIONS[at[1]].filters, CONDITIONS[at[1]].second, at[0])) for at in missing]
        for _ in in_threads(work, starts, left=left):
            pass
    return {at: _network(CONDITIONS[at[1]], partial_results[key]) for at, key in every.items()}


def _network(condition: Condition, weights: Arrays) -> TwoLayers:
    import torch

    from lab.experiments.building.two_layers import beginning

    network = beginning(condition.filters, condition.second, 0)
    network.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    return network.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def _training(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep the drawings that the networks of one seed share."""
    return drawings(TRAINING, seed)


def _score(network: TwoLayers, held_out: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    from lab.experiments.building.two_layers import accuracy

    return {"parameters": parameters_in(network), "accuracy": accuracy(network, *held_out)}


def _filters(network: TwoLayers, seed: int) -> list[dict[str, Any]]:
    import torch

    from lab.experiments.building.two_layers import TwoLayers, group_of, orientation, random_selectivity

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = TwoLayers(network.first.out_channels, network.classify.in_features)
    rows = []
    for when, one in ((BEFORE, start), (AFTER, network)):
        kernels = one.first.weight[:, 0].detach().double().numpy()
        angles, selectivity = orientation(kernels)
        rows += [
            {
                "seed": seed, "when": when, "filter": index, "angle": float(angles[index]),
                "group": group_of(float(angles[index])), "selectivity": float(selectivity[index]),
                "beyond_random": bool(selectivity[index] > random_selectivity()),
                **_array(kernels[index]),
            }
            for index in range(len(kernels))
        ]  # fmt: skip
    return rows


def _speaker(network: TwoLayers, held_out: tuple[np.ndarray, np.ndarray], label: int) -> dict[str, Any] | None:
    """Return the last channel that speaks most for a class, its means on it and on the rest, and its part.

    The part is how much the channel moves the logit of the class against the mean of the others' between drawings of
    the class and the rest. None when no channel speaks for the class.
    """
    import torch

    images, labels = held_out
    found = network.channels(torch.from_numpy(images)[:, None]).double().numpy()
    own, rest = found[labels == label].mean(0), found[labels != label].mean(0)
    weight = network.classify.weight.double().numpy()
    vote = weight[label] - np.delete(weight, label, axis=0).mean(0)
    part = np.where(own > rest, vote * (own - rest), -np.inf)
    best = int(part.argmax())
    if part[best] <= 0:
        return None
    return {"channel": best, "part": float(part[best]), "on_own": float(own[best]), "on_others": float(rest[best])}


def _taken_apart(
    network: TwoLayers, seed: int, held_out: tuple[np.ndarray, np.ndarray]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    from lab.experiments.building.two_layers import combination, group_of, orientation, template

    images, labels = held_out
    angles, _ = orientation(network.first.weight[:, 0].double().numpy())
    channels, combined = [], []
    for label, name in enumerate(SHAPES):
        speaker = _speaker(network, held_out, label)
        if speaker is None or network.second is None:
            continue
        channel = speaker["channel"]
        own, others = (combination(network, channel, images[mask]) for mask in (labels == label, labels != label))
        where = {"seed": seed, "class": name}
        exact = {"bias": own.bias, "difference": max(own.difference, others.difference)}
        channels.append({**where, **speaker, **exact, **_array(template(network, channel))})
        slices = network.second.weight[channel].double().numpy()
        combined += [
            {
                **where, "channel": channel, "filter": index, "group": group_of(float(angles[index])),
                "on_own": float(own.added[:, index].mean()), "on_others": float(others.added[:, index].mean()),
                **_array(slices[index]),
            }
            for index in range(len(slices))
        ]  # fmt: skip
    return channels, combined


def _responses(
    network: TwoLayers, shown: dict[str, np.ndarray], held_out: tuple[np.ndarray, np.ndarray]
) -> list[dict[str, Any]]:
    import torch

    speaker = _speaker(network, held_out, 0)
    if speaker is None:
        return []
    channel = speaker["channel"]
    means = {
        name: float(network.channels(torch.from_numpy(images)[:, None])[:, channel].double().mean())
        for name, images in shown.items()
    }
    whole = next(iter(means.values()))
    return [{"stimulus": name, "response": value, "share": value / max(whole, 1e-12)} for name, value in means.items()]


def _examples(held_out: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
    images, labels = held_out
    return pd.DataFrame(
        [
            {"class": CLASSES[labels[index]], "thumbnail": png((np.clip(images[index], 0, 1) * 255).astype(np.uint8))}
            for index in range(len(CLASSES) * EXAMPLES)
        ]
    )


def _array(values: np.ndarray) -> dict[str, Any]:
    return {"height": values.shape[0], "width": values.shape[1], "array": values.astype("<f8").tobytes()}
