"""Maps of all methods at all layers, as rows and arrays; slow ones are kept in `pieces` as they are finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.attributions.capability import capability
from lab.attributions.methods import METHODS, Method
from lab.attributions.sanity_checks import incompleteness, trouble
from lab.attributions.task import PICTURE, AttributionMaps, AttributionTask
from lab.experiments.base import PartialResults
from lab.layers import Layer
from lab.progress import Progress
from lab.shortages import in_smaller_batches

Key = tuple[str, str, str]  # method, layer of the map, layer of the score


@dataclass(frozen=True)
class Explained:
    """Maps by (method, layer, place of the score), a row for each in the same order, and what is valid."""

    maps: dict[Key, np.ndarray]
    rows: list[dict[str, Any]]
    capability: list[dict[str, Any]]


def explained(
    tasks: Sequence[AttributionTask],
    layers: Sequence[Layer],
    methods: Sequence[Method],
    progress: Progress,
    partial_results: PartialResults,
) -> Explained:
    """Return every valid map of every task."""
    depths = {layer.name: layer.depth for layer in layers}
    out = Explained({}, [], [])
    for number, task in enumerate(tasks):
        progress("Running every layer", number, len(tasks), "scores")
        valid = capability(task, task.layers)
        out.capability.extend(
            {
                "method": row.method, "layer": row.layer, "score_at": task.place, "valid": row.valid,
                "asked": METHODS[row.method] in methods, "reason": row.reason,
            }
            for row in valid
        )  # fmt: skip
        for method in methods:
            names = {row.layer for row in valid if row.valid and row.method == method.name}
            chosen = [layer for layer in task.layers if layer.name in names]
            if names:
                _add(out, method, task.at(chosen), depths, progress, partial_results)
    return out


def maps_of(method: Method, task: AttributionTask, progress: Progress, stage: str = "") -> AttributionMaps:
    """Return a method's maps, telling how far it is."""

    def tick(done: int, total: int) -> None:
        progress(stage or method.title, done, total, "images")

    told = task.but(tick=tick)
    return in_smaller_batches(told.chunk, lambda chunk: method.explain(told.but(chunk=chunk)), method.title)


def plain(values: Any) -> np.ndarray:
    """Return one image's map of a batch as float64 `(h, w)`."""
    return np.asarray(values.detach().cpu().double().numpy(), dtype=np.float64)


def _add(
    out: Explained,
    method: Method,
    task: AttributionTask,
    depths: dict[str, float],
    progress: Progress,
    partial_results: PartialResults,
) -> None:
    key = f"{method.name}/{task.place}"
    if method.fast:
        arrays = _arrays(maps_of(method, task, progress))
    else:
        if key not in partial_results:
            partial_results[key] = _arrays(maps_of(method, task, progress))
        arrays = dict(partial_results[key])
    for place in [PICTURE] if method.where == "picture" else [layer.name for layer in task.layers]:
        values = arrays[f"map:{place}"]
        out.maps[method.name, place, task.place] = values
        out.rows.append(_row(method, place, task, depths, values, arrays))


def _arrays(found: AttributionMaps) -> dict[str, np.ndarray]:
    arrays = {f"map:{place}": plain(values[0]) for place, values in found.maps.items()}
    arrays |= {f"sum:{place}": plain(values[0]) for place, values in found.sums.items()}
    return arrays | {f"owed:{place}": plain(values[0]) for place, values in found.owed.items()}


def _row(
    method: Method,
    place: str,
    task: AttributionTask,
    depths: dict[str, float],
    values: np.ndarray,
    arrays: dict[str, np.ndarray],
) -> dict[str, Any]:
    total, owed = (float(arrays.get(f"{kind}:{place}", np.nan)) for kind in ("sum", "owed"))
    return {
        "method": method.name,
        "layer": place,
        "score_at": task.place,
        "depth": depths.get(place, 0.0),
        "height": values.shape[0],
        "width": values.shape[1],
        "signed": method.signed,
        "problem": trouble(values),
        "sum": total,
        "owed": owed,
        "incompleteness": incompleteness(total, owed) if method.complete else float("nan"),
        "array": values.astype(np.float32).tobytes(),
    }
