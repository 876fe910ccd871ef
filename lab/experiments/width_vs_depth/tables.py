"""From trainings to the tables of *side by side*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.width_vs_depth.networks import ARRANGEMENTS, width_for
from lab.experiments.width_vs_depth.request import WidthVsDepthRequest
from lab.layers.modules import parameters_in
from lab.partial_results import Arrays
from lab.stats.intervals import Z95, Interval
from lab.stats.simultaneous import mean_of_many, stretched

STACK = "stack"


def tables_of(
    found: Mapping[tuple[str, str, int], Arrays], tasks: tuple[str, ...], request: WidthVsDepthRequest
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
    leads = [_lead(found, task, name, request.seeds, len(tasks)) for task in tasks for name in _others(found)]
    networks = pd.DataFrame(_networks(request))
    return {"curve": curve, "summary": pd.DataFrame(rows), "leads": pd.DataFrame(leads), "networks": networks}


def half_width(values: np.ndarray, error: float, tests: int = 1) -> float:
    """Return half a 95 % interval of the mean of `values` over seeds, with the standard `error` of the test images.

    `tests` such intervals hold at once (Bonferroni).
    """
    over_seeds = mean_of_many(values, tests)
    images = stretched(Interval(0.0, -Z95 * error, Z95 * error), tests)
    return float(np.hypot(over_seeds.high - over_seeds.value, images.high))


def _others(found: Mapping[tuple[str, str, int], Arrays]) -> list[str]:
    return [name for name in dict.fromkeys(name for _, name, _ in found) if name != STACK]


def _lead(found: Mapping[tuple[str, str, int], Arrays], task: str, name: str, seeds: int, tests: int) -> dict[str, Any]:
    """Return by how much the stack is ahead of another network, paired over seeds and test images, for all tasks at
    once (within a task the stack must lead every single-layer network, which needs no further allowance)."""
    stack, other = (np.stack([found[task, n, seed]["correct"] for seed in range(seeds)]) for n in (STACK, name))
    each = stack.astype(float) - other
    per_image = np.append(each.mean(axis=0), [1.0, -1.0])  # one imaginary image each way
    half = half_width(each.mean(axis=1), float(per_image.std(ddof=1) / np.sqrt(len(per_image))), tests)
    lead = float(each.mean())
    return {"task": task, "network": name, "lead": lead, "ci_low": lead - half, "ci_high": lead + half}


def _networks(request: WidthVsDepthRequest) -> Iterator[dict[str, Any]]:
    import torch

    for name, row in ARRANGEMENTS.items():
        width = width_for(name, request.parameters, request.size)
        with torch.device("meta"):
            parameters = parameters_in(row.make(width, request.size, 2))
        yield {"network": name, "title": row.title, "about": row.about, "width": width, "parameters": parameters}
