"""How fast a network and its cuts run on this machine, and how much memory they hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lab.activations import Extractor
from lab.activations.partial_forward import forward_to
from lab.layers import Layer
from lab.layers.costs import costs
from lab.models import load_model
from lab.partial_results import Arrays, PartialResults
from lab.progress import Progress
from lab.settings import Compute

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 8
ROUNDS = 7
PATIENCE = 6.0  # seconds a network; a slow one gets fewer rounds
WHOLE, CUT, MEMORY = "whole", "cut", "memory"


def measured(
    model: str, cut: Layer, last: Layer, partial_results: PartialResults, compute: Compute, progress: Progress
) -> Arrays:
    """Return images per second of a network up to its `last` layer and up to `cut`, one value a round, and its memory.

    Rounds of the two alternate, so that whatever else the machine does meets both. "memory" is bytes of weights, and
    of what one image holds on its way at most.
    """
    key = f"speed/{model}/{cut.name}/{last.name}"
    if key not in partial_results:
        progress(f"{model}: measuring its speed", 0, ROUNDS, "rounds")
        partial_results[key] = _measure(model, cut, last, compute, progress)
    return partial_results[key]


def _measure(model: str, cut: Layer, last: Layer, compute: Compute, progress: Progress) -> Arrays:
    import torch

    loaded = load_model(model, device=compute.device)
    how = loaded.preprocessing
    weights = sum(parameter.numel() * parameter.element_size() for parameter in loaded.module.parameters())
    _, whole = costs(loaded.module, (3, how.height, how.width))
    module = Extractor(loaded, [cut, last]).module
    noise = torch.randn((BATCH, 3, how.height, how.width), generator=torch.Generator().manual_seed(0))
    images = noise.to(loaded.device).contiguous(memory_format=torch.channels_last)
    passes: dict[str, Callable[[Tensor], Tensor]] = {
        WHOLE: lambda batch: forward_to(module, last.name, batch),
        CUT: lambda batch: forward_to(module, cut.name, batch),
    }
    speeds: dict[str, list[float]] = {name: [] for name in passes}
    began = time.perf_counter()
    with torch.inference_mode():
        for done in range(-1, ROUNDS):  # the first round warms up
            for name, run in passes.items():
                seconds = _seconds(run, images)
                if done >= 0:
                    speeds[name].append(BATCH / seconds)
            progress(f"{model}: measuring its speed", done + 1, ROUNDS, "rounds")
            if speeds[CUT] and time.perf_counter() - began > PATIENCE:
                break
    return {
        WHOLE: np.array(speeds[WHOLE]),
        CUT: np.array(speeds[CUT]),
        MEMORY: np.array([weights, whole.peak_bytes], dtype=np.float64),
    }


def _seconds(run: Callable[[Tensor], Tensor], images: Tensor) -> float:
    began = time.perf_counter()
    run(images).sum().item()  # the sum waits for a device that computes on its own
    return max(time.perf_counter() - began, 1e-9)
