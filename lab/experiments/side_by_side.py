"""Side by side instead of stacked: the same number of parameters, arranged in five ways, trained alike.

    tables   curve    one row per task, network, seed and moment of training: images seen so far, accuracy on new images
             summary  one row per task, network and moment: the mean over seeds with interval, and chance
             leads    one row per task and other network: by how much the stack is ahead at the end, with interval
             networks one row per network: its parameters, width and what it is

An interval is over both what varies: the seeds (first weights and order; Student's t) and the test images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from lab.experiments.asking import AskRequest, option
from lab.experiments.base import Arrays, Pieces, Result
from lab.experiments.side_by_side_tasks import TASKS, tasks_named
from lab.progress import Progress, silent
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor, nn

STACK, LINEAR = "stack", "linear"
BATCH = 32
RATE, DECAY = 5e-3, 0.01  # of Muon, the same for all
MOMENTS = 6  # evaluations in a training, evenly spread over its budget
TEST_SEED = 1000  # of the drawings that are only tested on


@dataclass(frozen=True)
class SideRequest(AskRequest):
    """Which tasks, how large the networks are, and how much training each gets."""

    experiment: ClassVar[str] = "side"

    tasks: str = option(",".join(TASKS), "tasks with commas between them")
    parameters: int = option(24_000, "parameters of each network, at most", least=500, most=2_000_000)
    size: int = option(48, "side of the images in pixels", least=32, most=128)
    per_class: int = option(500, "training images a class", least=10, most=20_000)
    test_per_class: int = option(150, "test images a class", least=10, most=20_000)
    seen: int = option(9_600, "images each training goes through, repeats counted", least=100, most=2_000_000)
    seeds: int = option(3, "trainings of each network on each task", least=2, most=20)

    def __post_init__(self) -> None:
        super().__post_init__()
        tasks_named(self.tasks)

    def title(self) -> str:
        """Return what is compared."""
        return f"Side by side or stacked, {self.parameters:,} parameters"


@dataclass(frozen=True)
class Lesson:
    """A task's images as floats in -1..1, `(N, 3, S, S)`, and labels, to learn from and to be tested on."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def run(
    request: SideRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    pieces: Pieces | None = None,
) -> Result:
    """Return how well each arrangement learns each task; raises LabError when a network cannot be made that small."""
    from lab.experiments.side_by_side_networks import ARRANGEMENTS, width_for
    from lab.experiments.side_by_side_telling import told
    from lab.experiments.subject import made
    from lab.tuning import tune_allocator

    tune_allocator()
    tasks = tasks_named(request.tasks)
    for name in ARRANGEMENTS:
        width_for(name, request.parameters, request.size)
    pieces = pieces if pieces is not None else {}
    found: dict[tuple[str, str, int], Arrays] = {}
    for task in tasks:
        names = [(name, seed) for name in ARRANGEMENTS for seed in range(request.seeds)]
        missing = [f"{task}/{name}/{seed}" for name, seed in names if f"{task}/{name}/{seed}" not in pieces]
        lesson = _lesson(task, request, progress) if missing else None
        for name, seed in names:
            key = f"{task}/{name}/{seed}"
            if lesson is not None and key in missing:
                at = tasks.index(task) * len(names) + names.index((name, seed))
                tell = _teller(progress, at, len(tasks) * len(names), request)
                pieces[key] = _trained(name, seed, lesson, request, tell)
            found[task, name, seed] = pieces[key]
    tables = tables_of(found, tasks, request)
    return made(request, tables, told(tables, request.parameters), chance=0.5)


def tables_of(
    found: Mapping[tuple[str, str, int], Arrays], tasks: tuple[str, ...], request: SideRequest
) -> dict[str, pd.DataFrame]:
    """Return the tables of trainings: each has `seen` and `accuracy` `(M,)`, and `correct` `(n,)` at the end."""
    curve = pd.DataFrame(
        {"task": task, "network": name, "seed": seed, "seen": int(seen), "accuracy": float(accuracy)}
        for (task, name, seed), arrays in found.items()
        for seen, accuracy in zip(arrays["seen"], arrays["accuracy"], strict=True)
    )
    images = 2 * request.test_per_class
    rows = []
    for (task, name, seen), part in curve.groupby(["task", "network", "seen"], sort=False):
        mean = float(part["accuracy"].mean())
        share = (mean * images + 1) / (images + 2)  # so that an accuracy of 1 does not claim certainty
        half = half_width(part["accuracy"].to_numpy(), np.sqrt(share * (1 - share) / images))
        rows.append(
            {
                "task": task,
                "network": name,
                "seen": seen,
                "accuracy": mean,
                "ci_low": max(0.0, mean - half),
                "ci_high": min(1.0, mean + half),
                "chance": 0.5,
            }
        )
    leads = [_lead(found, task, name, request.seeds) for task in tasks for name in _others(found)]
    networks = pd.DataFrame(_networks(request))
    return {"curve": curve, "summary": pd.DataFrame(rows), "leads": pd.DataFrame(leads), "networks": networks}


def half_width(values: np.ndarray, error: float) -> float:
    """Return half a 95 % interval of the mean of `values` over seeds, with the standard `error` of the test images."""
    from scipy.stats import t

    seeds = len(values)
    over_seeds = float(np.std(values, ddof=1) / np.sqrt(seeds) * t.ppf(0.975, seeds - 1))
    return float(np.hypot(over_seeds, 1.96 * error))


def _others(found: Mapping[tuple[str, str, int], Arrays]) -> list[str]:
    return [name for name in dict.fromkeys(name for _, name, _ in found) if name != STACK]


def _lead(found: Mapping[tuple[str, str, int], Arrays], task: str, name: str, seeds: int) -> dict[str, Any]:
    """Return by how much the stack is ahead of another network, paired over seeds and test images."""
    stack, other = (np.stack([found[task, n, seed]["correct"] for seed in range(seeds)]) for n in (STACK, name))
    each = stack.astype(float) - other
    per_image = np.append(each.mean(axis=0), [1.0, -1.0])  # one imaginary image each way
    half = half_width(each.mean(axis=1), float(per_image.std(ddof=1) / np.sqrt(len(per_image))))
    lead = float(each.mean())
    return {"task": task, "network": name, "lead": lead, "ci_low": lead - half, "ci_high": lead + half}


def _networks(request: SideRequest) -> Iterator[dict[str, Any]]:
    import torch

    from lab.experiments.side_by_side_networks import ARRANGEMENTS, count, width_for

    for name, row in ARRANGEMENTS.items():
        width = width_for(name, request.parameters, request.size)
        with torch.device("meta"):
            parameters = count(row.make(width, request.size, 2))
        yield {"network": name, "title": row.title, "about": row.about, "width": width, "parameters": parameters}


def _lesson(task: str, request: SideRequest, progress: Progress) -> Lesson:
    import torch

    from lab.experiments.side_by_side_tasks import pixels

    parts: list[Any] = []
    for per_class, seed in ((request.per_class, 0), (request.test_per_class, TEST_SEED)):
        images, labels = pixels(task, per_class, request.size, seed, progress)
        parts += [images.float() / 127.5 - 1, torch.from_numpy(labels)]
    return Lesson(*parts)


def _teller(progress: Progress, at: int, total: int, request: SideRequest) -> Any:
    steps = max(1, request.seen // BATCH)
    return lambda step: progress("Training small networks", at * steps + step, total * steps, "batches")


def _trained(name: str, seed: int, lesson: Lesson, request: SideRequest, tell: Any) -> Arrays:
    """Train one network and return its accuracy on new images as it went, and which of them it gets right."""
    import torch
    from torch.nn.functional import cross_entropy

    from lab.experiments.side_by_side_networks import build
    from lab.training.muon import Muon

    steps = max(MOMENTS, request.seen // BATCH)
    looks = {round(steps * (k + 1) / MOMENTS) for k in range(MOMENTS)}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build(name, request.parameters, request.size)
        network = network.to(memory_format=torch.channels_last)
        optimiser = Muon([{"params": list(network.parameters()), "weight_decay": DECAY}], RATE)
        correct = _correct(network, lesson)
        seen, accuracy = [0], [float(correct.mean())]
        rates = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, RATE, total_steps=steps + 1, pct_start=0.2, cycle_momentum=False
        )
        for step in range(1, steps + 1):
            tell(step)
            at = torch.randint(0, len(lesson.labels), (BATCH,))
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


def _correct(network: nn.Module, lesson: Lesson) -> np.ndarray:
    import torch

    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(part).argmax(1) for part in lesson.test_images.split(200)])
    return np.asarray((found == lesson.test_labels).numpy())
