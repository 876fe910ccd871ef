"""The search for the image: Adam on a batch of parametrised images, each for an objective of its own.

Everything random of an image comes from its own seed, so what it becomes does not depend on who is optimised beside
it (up to the rounding of a batch of another size).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lab.progress import Progress, silent
from lab.shortages import in_parts
from lab.visualization.objectives import Objective, likeness, values
from lab.visualization.parametrisation import PARAMETRISATIONS, Parametrisation
from lab.visualization.transforms import Motion, moved
from lab.visualization.truncation import TruncatedNetwork

if TYPE_CHECKING:
    from torch import Generator, Tensor

LENIENT_STEPS = 16  # as Lucid: afterwards gradients are the network's own
POINTS = 32  # of the course that is kept
FIRST_GLIMPSE, GLIMPSES = 4, 16  # the step after which unfinished images are first handed out, and how often in all


@dataclass(frozen=True)
class Settings:
    """How images are searched: `size` in pixels, `steps` of Adam at `rate`, the parametrisation and the motion.

    `diversity` weighs how unlike each other images of one group have to be, against the objective in units of `scale`.
    """

    size: int = 128
    steps: int = 256
    rate: float = 0.05
    parametrisation: str = "fourier"
    motion: Motion = Motion()  # noqa: RUF009 - frozen
    diversity: float = 0.0


@dataclass(frozen=True, eq=False)
class Rendered:
    """`images` float32 `(N, 3, S, S)` in 0..1, as 8-bit pixels show them; `course` `(N, P)` at steps `at` `(P,)`."""

    images: Tensor
    course: np.ndarray
    at: np.ndarray

    def pixels(self) -> np.ndarray:
        """Return the images as uint8 `(N, S, S, 3)`."""
        return np.asarray((self.images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())


def render(
    network: TruncatedNetwork,
    objectives: Sequence[Objective],
    settings: Settings = Settings(),
    *,
    seeds: Sequence[int],
    scales: Sequence[float] | None = None,
    groups: Sequence[int] = (),
    spectrum: np.ndarray | None = None,
    progress: Progress = silent,
    stage: str = "Optimising images",
    glimpse: Callable[[np.ndarray], None] = lambda pixels: None,
) -> Rendered:
    """Return the images that raise the objectives, one each; `seeds` are as many.

    `scales` (what counts as one unit of each objective) and `groups` (images of one number are to be unlike each
    other; without any all are) matter for diversity only. `spectrum` is what phases need. `glimpse` gets the images
    on their way, uint8 `(N, S, S, 3)`.
    When memory runs out, fewer are searched at once (and not handed out on their way), unless they have to be unlike
    each other.
    """
    import torch

    def some(numbers: Sequence[int]) -> Rendered:
        chosen, own = [objectives[k] for k in numbers], [seeds[k] for k in numbers]
        units = [scales[k] for k in numbers] if scales else None
        show = glimpse if len(numbers) == len(objectives) else lambda pixels: None
        return _render(network, chosen, settings, own, units, groups, spectrum, progress, stage, show)

    if settings.diversity and len(objectives) > 1:
        return some(range(len(objectives)))
    parts = in_parts(range(len(objectives)), some, stage)
    images, courses = torch.cat([part.images for part in parts]), np.concatenate([part.course for part in parts])
    return Rendered(images, courses, parts[0].at)


def _render(
    network: TruncatedNetwork,
    objectives: Sequence[Objective],
    settings: Settings,
    seeds: Sequence[int],
    scales: Sequence[float] | None,
    groups: Sequence[int],
    spectrum: np.ndarray | None,
    progress: Progress,
    stage: str,
    glimpse: Callable[[np.ndarray], None],
) -> Rendered:
    import torch

    generators = [generator_of(seed) for seed in seeds]
    image = PARAMETRISATIONS[settings.parametrisation].begin(generators, settings.size, spectrum)
    motion = torch.stack([settings.motion.draw(one, settings.steps) for one in generators])
    units = torch.tensor(scales or [1.0] * len(objectives), dtype=torch.float32).clamp_min(1e-6)
    optimiser = torch.optim.Adam([image.parameters], lr=settings.rate)
    device = network.model.device
    course, at, work = [], [], len(seeds) * settings.steps
    with _no_denormals():
        for step in range(settings.steps):
            progress(stage, step * len(seeds), work, "steps")
            seen = moved(image.images(), motion[:, step], network.side).to(device)
            maps = network(seen, lenient=step < LENIENT_STEPS)
            reached = values(maps, objectives)
            loss = -(reached / units.to(device)).sum()
            if settings.diversity and len(objectives) > 1:
                loss = loss + settings.diversity * likeness(maps, groups).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if step % max(1, settings.steps // POINTS) == 0 or step == settings.steps - 1:
                course.append(reached.detach().cpu().numpy())
                at.append(step)
            if step + 1 == FIRST_GLIMPSE or (step + 1) % max(FIRST_GLIMPSE, settings.steps // GLIMPSES) == 0:
                glimpse(_as_shown(image).pixels())
    progress(stage, work, work, "steps")
    return replace(_as_shown(image), course=np.stack(course, axis=1), at=np.array(at))


def _as_shown(image: Parametrisation) -> Rendered:
    import torch

    with torch.no_grad():
        return Rendered((image.images() * 255).round() / 255, np.empty((0, 0)), np.empty(0))


@contextmanager
def _no_denormals() -> Iterator[None]:
    """Within the block numbers too small for full precision count as 0: gradients hold many, and each costs much."""
    import torch

    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def generator_of(seed: int) -> Generator:
    """Return a generator of its own for an image."""
    import torch

    return torch.Generator().manual_seed(seed)


def seed_of(seed: int, *about: object) -> int:
    """Return the seed of one image, from the request's and what tells the image from others (layer, target, copy)."""
    text = "\0".join(map(str, (seed, *about)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
