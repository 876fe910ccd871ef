"""What the networks of *side by side* learn: three drawn sets, and one task that a single layer can solve.

pixels(task, per_class, size, seed, progress) -> uint8 (N, 3, S, S), labels (N,): classes one after the other
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.errors import LabError, nearest
from lab.images.synthetic import draw_set
from lab.models import Preprocessing
from lab.progress import Progress
from lab.training.pixels import load_pixels

if TYPE_CHECKING:
    from torch import Tensor

ORIENTATION = "orientation"
# task -> what is to be told apart
TASKS = {
    ORIENTATION: "lying from standing stripes",
    "shapes": "rectangles from diamonds",
    "faces": "faces from scrambled ones",
    "pets": "cats from dogs",
}


def tasks_named(text: str) -> tuple[str, ...]:
    """Return the tasks that a text with commas names, each once; raises LabError for one that is not there."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in TASKS:
            raise LabError(f"there is no task {name!r}{nearest(name, TASKS)}; known: {', '.join(TASKS)}")
    if not names:
        raise LabError(f"no task is named in {text!r}; known: {', '.join(TASKS)}")
    return names


def pixels(task: str, per_class: int, size: int, seed: int, progress: Progress) -> tuple[Tensor, np.ndarray]:
    """Return the images of a task and their labels; drawn ones are kept in the cache."""
    import torch

    if task == ORIENTATION:
        drawn = [stripes(per_class, label, size, seed) for label in (0, 1)]
        return torch.from_numpy(np.concatenate(drawn)), np.repeat([0, 1], per_class)
    images = draw_set(task, per_class, seed=seed, size=size)
    how = Preprocessing(size, size, "bicubic", 1.0, "center", (0.5,) * 3, (0.5,) * 3)
    return load_pixels(images, how, progress), images.labels


def stripes(count: int, label: int, size: int, seed: int) -> np.ndarray:
    """Return `count` images of stripes, lying (label 0) or standing, uint8 `(count, 3, size, size)`.

    Two random colours, 3 to 6 stripes at a random phase, tilted by up to 10 degrees, under noise: no single pixel and
    no mean colour tells the classes apart, but one layer of oriented filters does.
    """
    rng = np.random.default_rng((seed, label, 0x57121))
    angle = np.deg2rad(rng.uniform(-10, 10, count)) + label * np.pi / 2
    waves, phase = rng.uniform(3, 6, count), rng.uniform(0, 2 * np.pi, count)
    colours = rng.uniform(40, 215, (2, count, 3, 1, 1))
    place = (np.arange(size) + 0.5) / size
    across = np.cos(angle)[:, None, None] * place[None, :, None] + np.sin(angle)[:, None, None] * place[None, None, :]
    share = 0.5 + 0.5 * np.sin(2 * np.pi * waves[:, None, None] * across + phase[:, None, None])
    images = colours[0] * share[:, None] + colours[1] * (1 - share[:, None])
    noisy = images + rng.normal(0, 30, images.shape)
    return noisy.clip(0, 255).astype(np.uint8)
