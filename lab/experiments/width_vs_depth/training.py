"""Training one small network of *side by side* on one task: the same images, optimiser and budget for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.experiments.width_vs_depth.networks import build
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.experiments.width_vs_depth.tasks import pixels
from lab.models.devices import placed
from lab.partial_results import Arrays
from lab.progress import Progress

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

BATCH = 32
RATE, DECAY = 5e-3, 0.01  # of Muon, the same for all
MOMENTS = 6  # evaluations in a training, evenly spread over its budget
TEST_SEED = 1000  # of the drawings that are only tested on


@dataclass(frozen=True)
class TaskData:
    """A task's images as floats in -1..1, `(N, 3, S, S)`, and labels, to learn from and to be tested on."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def steps_of(request: WidthVsDepthRequest) -> int:
    """Return how many batches a training takes."""
    return max(MOMENTS, request.seen // BATCH)


def task_data(request: WidthVsDepthRequest, progress: Progress, task: str) -> TaskData:
    """Return a task's images, drawn for learning and, with another seed, for testing."""
    import torch

    parts: list[Any] = []
    for per_class, seed in ((request.per_class, 0), (request.test_per_class, TEST_SEED)):
        images, labels = pixels(task, per_class, request.size, seed, progress)
        parts += [images.float() / 127.5 - 1, torch.from_numpy(labels)]
    return TaskData(*parts)


@dataclass(frozen=True)
class InitialisedModel:
    """A network with its first weights, and what draws its batches; both follow from the seed alone."""

    network: nn.Module
    order: Generator


def initialised_model(request: WidthVsDepthRequest, name: str, seed: int, device: str = "cpu") -> InitialisedModel:
    """Return a network that is about to be trained, on a device; leaves torch's own random numbers as they were."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build(name, request.parameters, request.size).to(memory_format=torch.channels_last)
        order = torch.Generator()
        order.set_state(torch.get_rng_state())
    return InitialisedModel(placed(network, device), order)


def train_one(
    request: WidthVsDepthRequest, start: InitialisedModel, lesson: TaskData, tell: Callable[[], None]
) -> Arrays:
    """Train one network and return its accuracy on new images as it went, and which of them it gets right.

    `tell` is called before each of `steps_of(request)` batches. Several networks may be trained at once, in threads.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from lab.training.muon import Muon

    steps, network = steps_of(request), start.network
    looks = {round(steps * (k + 1) / MOMENTS) for k in range(MOMENTS)}
    optimiser = Muon([{"params": list(network.parameters()), "weight_decay": DECAY}], RATE)
    correct = _correct(network, lesson)
    seen, accuracy = [0], [float(correct.mean())]
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps + 1, pct_start=0.2, cycle_momentum=False
    )
    for step in range(1, steps + 1):
        tell()
        at = torch.randint(0, len(lesson.labels), (BATCH,), generator=start.order)
        images = lesson.images[at]
        images = images.flip(3) if step % 2 else images  # mirrored every other batch
        loss = cross_entropy(network.train()(images), lesson.labels[at])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rates.step()
        if step in looks:
            correct = _correct(network, lesson)
            seen.append(step * BATCH)
            accuracy.append(float(correct.mean()))
    return {"seen": np.array(seen), "accuracy": np.array(accuracy), "correct": correct}


def _correct(network: nn.Module, lesson: TaskData) -> np.ndarray:
    import torch

    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(part).argmax(1) for part in lesson.test_images.split(200)])
    return np.asarray((found == lesson.test_labels).numpy())
