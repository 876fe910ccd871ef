"""Checks of maps: edges of the picture, randomised weights, insertion and deletion, parts that differ.

Every check has its comparison beside it: maps of two random networks, random orders of squares, edges first, middle
first, the area of the parts. Verdicts are in `maps_told`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lab.attributions.insertion_deletion import ImportanceCurve, blurred, curve_of, random_order
from lab.attributions.methods import METHODS
from lab.attributions.part_overlap import differing, share_on
from lab.attributions.sanity_checks import centre_map, edge_map, resized, similarity
from lab.attributions.task import AttributionTask
from lab.attributions.weight_randomisation import RandomisationStep, cascade, groups
from lab.experiments.attribution.maps import Explained, Key, maps_of, plain
from lab.experiments.attribution.request import AttributeRequest
from lab.experiments.model_and_picture import ModelAndPicture, random_weights
from lab.experiments.picture import set_of_picture
from lab.images.synthetic import DrawnSet
from lab.progress import Progress, silent
from lab.stats.intervals import mean_interval

Rows = list[dict[str, Any]]

RANDOM_NETWORKS = 5
FIRST_SEED = 101  # away from the seeds people give untrained networks
RANDOM_ORDERS = 5
EDGES, CENTRE, RANDOM = "edges first", "middle first", "random squares"


def check(
    request: AttributeRequest,
    subject: ModelAndPicture,
    tasks: Sequence[AttributionTask],
    found: Explained,
    progress: Progress,
) -> dict[str, Rows]:
    """Return the tables `maps` (with a column per check), `randomised`, `curves` and `orders`."""
    pixels = subject.pixels.cpu().numpy()
    edges = edge_map(pixels)
    columns: dict[Key, dict[str, Any]] = {
        key: {"edges": similarity(values, resized(edges, *values.shape))} for key, values in found.maps.items()
    }
    _parts(request, subject, found, columns)
    tables: dict[str, Rows] = {"randomised": [], "curves": [], "orders": []}
    if request.checks:
        tables["randomised"] = _randomised(request, subject, tasks, found, columns, progress)
        for task in tasks:
            _curves(request, task, edges, found, columns, tables, progress)
    keys = list(found.maps)
    tables["maps"] = [{**row, **columns[key]} for row, key in zip(found.rows, keys, strict=True)]
    return tables


def _parts(
    request: AttributeRequest, subject: ModelAndPicture, found: Explained, columns: dict[Key, dict[str, Any]]
) -> None:
    """Add each map's share on the parts that differ, where the picture is a drawn one."""
    mask = parts_of(request.picture, subject)
    for key, values in found.maps.items():
        if mask is None:
            columns[key] |= dict.fromkeys(("share", "area", "ideal"), float("nan"))
        else:
            of = share_on(values, mask)
            columns[key] |= {"share": of.share, "area": of.area, "ideal": of.ideal}


def parts_of(picture: str, subject: ModelAndPicture) -> np.ndarray | None:
    """Return where a drawn picture differs from its counterpart, bool `(H, W)`, None for any other picture."""
    name, mark, which = picture.rpartition("#")
    if not mark or not name.startswith("drawn:"):
        return None
    images = set_of_picture(name, which)
    assert isinstance(images, DrawnSet)
    ids = [record.id for record in images.records]
    return differing(images, int(which) if which.isdecimal() else ids.index(which), subject.model.preprocessing)


def _randomised(
    request: AttributeRequest,
    subject: ModelAndPicture,
    tasks: Sequence[AttributionTask],
    found: Explained,
    columns: dict[Key, dict[str, Any]],
    progress: Progress,
) -> Rows:
    """Return similarities to maps of networks made random step by step; add the last step's to `columns`."""
    rows: Rows = []
    last: dict[Key, list[np.ndarray]] = {key: [] for key in found.maps}
    for key, seed, step, steps, values in _random_maps(request, subject, tasks, found, progress):
        method, layer, place = key
        rows.append(
            {
                "method": method, "layer": layer, "score_at": place, "seed": seed, "step": step.number,
                "upto": step.upto, "share": step.share, "similarity": similarity(found.maps[key], values),
            }
        )  # fmt: skip
        if step.number == steps - 1:
            last[key].append(values)
    for key, maps in last.items():
        pairs = [similarity(one, other) for k, one in enumerate(maps) for other in maps[:k]]
        own = mean_interval([similarity(found.maps[key], values) for values in maps])
        low, high = max(-1.0, own.low), min(1.0, own.high)  # no correlation lies further out
        columns[key] |= {"random": own.value, "random_low": low, "random_high": high}
        columns[key]["random_pair"] = float(np.mean(pairs))
    return rows


def _random_maps(
    request: AttributeRequest,
    subject: ModelAndPicture,
    tasks: Sequence[AttributionTask],
    found: Explained,
    progress: Progress,
) -> Iterator[tuple[Key, int, RandomisationStep, int, np.ndarray]]:
    """Yield the maps of networks that are random from some layer on; slow methods only where all weights are."""
    module = subject.model.module
    steps = len(groups(module))
    slow_only = not any(METHODS[method].fast for method, _, _ in found.maps)
    only = (steps - 1,) if slow_only else (0, steps // 2, steps - 1) if len(tasks) > 1 else ()
    for number in range(RANDOM_NETWORKS):
        seed = FIRST_SEED + request.seed * RANDOM_NETWORKS + number
        for step in cascade(module, random_weights(subject.model, seed), only):
            done = number * steps + step.number
            progress("Comparing with random weights", done, RANDOM_NETWORKS * steps, "networks")
            for task in tasks:
                yield from (
                    (key, seed, step, steps, values)
                    for key, values in _maps_in(step, task, found, step.number == steps - 1, progress)
                )


def _maps_in(
    step: RandomisationStep, task: AttributionTask, found: Explained, whole: bool, progress: Progress
) -> Iterator[tuple[Key, np.ndarray]]:
    """Yield the maps of a task in another network; of slow methods only when it is random as a whole."""
    keys = [key for key in found.maps if key[2] == task.place and (whole or METHODS[key[0]].fast)]
    other = replace(task, module=step.module)
    if any(METHODS[name].fast for name, _, _ in keys):
        _ = other.seen  # one pass serves all methods that are read off it
    for name in dict.fromkeys(key[0] for key in keys):
        places = {key[1]: key for key in keys if key[0] == name}
        method = METHODS[name]
        told = silent if method.fast else progress
        chosen = other.at([layer for layer in task.layers if layer.name in places])
        maps = maps_of(method, chosen, told, f"{method.title} with random weights").maps
        yield from ((key, plain(maps[place][0])) for place, key in places.items())


def _curves(
    request: AttributeRequest,
    task: AttributionTask,
    edges: np.ndarray,
    found: Explained,
    columns: dict[Key, dict[str, Any]],
    tables: dict[str, Rows],
    progress: Progress,
) -> None:
    """Add insertion and deletion: of every map whose score is this task's, and of orders that know no network."""
    import torch

    from lab.attributions.shared_pass import scored

    keys = [key for key in found.maps if key[2] == task.place]
    blank = blurred(task.images)
    with torch.no_grad(), scored(task.module, task.target, probability=True) as predict:
        first, last = predict(torch.cat([blank, task.images])).tolist()

        def curve(values: np.ndarray) -> ImportanceCurve:
            return curve_of(predict, task.images, blank, values, (first, last))

        ranked = [*_orders(request, task, edges), *((key, 0, found.maps[key]) for key in keys)]
        for number, (key, draw, values) in enumerate(ranked):
            progress("Taking positions away and putting them back", number, len(ranked), "maps")
            drawn = curve(values)
            tables["curves"] += _points(drawn, key, draw)
            if key in columns:
                columns[key]["gain"] = drawn.gain
            else:
                tables["orders"].append({"order": key[0], "score_at": key[2], "draw": draw, "gain": drawn.gain})


def _orders(
    request: AttributeRequest, task: AttributionTask, edges: np.ndarray
) -> Iterator[tuple[Key, int, np.ndarray]]:
    """Yield orders that know no network, named as maps are; there are several random ones, by number."""
    for number in range(RANDOM_ORDERS):
        yield (RANDOM, "", task.place), number, random_order(request.seed + number)
    yield (EDGES, "", task.place), 0, edges
    yield (CENTRE, "", task.place), 0, centre_map(*edges.shape)


def _points(curve: ImportanceCurve, key: Key, draw: int) -> Rows:
    shares = np.linspace(0, 1, len(curve.deletion))
    return [
        {
            "method": key[0], "layer": key[1], "score_at": key[2], "draw": draw, "share": float(share),
            "deletion": float(gone), "insertion": float(back),
        }
        for share, gone, back in zip(shares, curve.deletion, curve.insertion, strict=True)
    ]  # fmt: skip
