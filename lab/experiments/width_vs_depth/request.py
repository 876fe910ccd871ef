"""What *side by side* is asked: tasks, size of the networks, amount of training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from lab.experiments.base import Request, option
from lab.experiments.width_vs_depth.tasks import TASKS, tasks_named


@dataclass(frozen=True)
class WidthVsDepthRequest(Request):
    """Which tasks, how large the networks are, and how much training each gets."""

    experiment: ClassVar[str] = "width_vs_depth"

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

    def canonical(self) -> Self:
        """Return the request with its tasks in the order of `TASKS`, each once and without spaces."""
        named = tasks_named(self.tasks)
        return replace(super().canonical(), tasks=",".join(task for task in TASKS if task in named))

    def title(self) -> str:
        """Return what is compared."""
        return f"Side by side or stacked, {self.parameters:,} parameters"
