"""Turns what was read on the rungs into tables, and into the resamples that orders and gaps are taken from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.ladder.climb import Climb, likely_again
from lab.experiments.ladder.columns import LADDER
from lab.experiments.ladder.contrasts import (
    ease_rows,
    invariance_rows,
    label_rows,
    layer_rows,
    moved_rows,
    network_rows,
)
from lab.experiments.ladder.measure import LadderNetwork, RungReading
from lab.images import thumbnail
from lab.images.synthetic import RUNGS, DrawnSet
from lab.stats.intervals import Interval
from lab.stats.ordering import LEAST, gaps, order_of, order_of_seeds
from lab.stats.simultaneous import intervals_at_once

Row = dict[str, Any]
POSITIONS = {name: number for number, name in enumerate(RUNGS, start=1)}
SHOWN, SHOWN_SIDE = 3, 112  # drawings of each class that a run keeps, and their size in pixels


def assemble(
    networks: Sequence[LadderNetwork], readings: Sequence[RungReading], climbs: Sequence[Climb], per_class: int
) -> dict[str, pd.DataFrame]:
    """Return all tables."""
    rungs = list(dict.fromkeys(reading.rung for reading in readings))
    by_network = {(n.model, n.twin): [c for c in climbs if c.network == n] for n in networks}
    rows: dict[str, Iterable[Row]] = {
        "rungs": [_rung_row(name, per_class) for name in rungs],
        "layers": [_layer_row(network, number, readings) for network in networks for number in _layers(network)],
        "accuracy": [row for reading in readings for row in _accuracy_rows(reading)],
        "emergence": [row for own in by_network.values() for row in _emergence_rows(own)],
        "order": [_order_row(own, _twins_of(by_network, own)) for own in by_network.values()],
        "pairs": [row for own in by_network.values() for row in _pair_rows(own)],
        "gains": [row for network in networks if network.twin < 0 for row in _gain_rows(network.model, by_network)],
        "ease": [row for network in networks if network.twin < 0 for row in ease_rows(network.model, by_network)],
        "labels": [row for reading in readings for row in label_rows(reading)],
        "moved": [row for reading in readings for row in moved_rows(reading)],
        "invariance": [row for network in networks for row in invariance_rows(network, readings)],
        "networks": list(network_rows([own for (_, twin), own in by_network.items() if twin < 0])),
        "layer_differences": list(layer_rows([own for (_, twin), own in by_network.items() if twin < 0])),
        "predictions": [row for r in readings if r.network and r.network.twin < 0 for row in _prediction_rows(r)],
        "examples": [row for reading in readings if not reading.network for row in _example_rows(reading)],
    }
    return {name: pd.DataFrame(list(found), columns=list(LADDER[name].columns)) for name, found in rows.items()}


def _who(network: LadderNetwork | None) -> Row:
    return {"model": network.model, "twin": network.twin} if network else {"model": "", "twin": -1}


def _layers(network: LadderNetwork) -> range:
    return range(len(network.layers))


def _rung_row(name: str, per_class: int) -> Row:
    rung = RUNGS[name]
    return {
        "rung": name, "position": POSITIONS[name], "title": rung.family.title, "description": rung.family.description,
        "data": rung.spec, "difficulty": rung.difficulty, "images": per_class * len(rung.family.classes),
    }  # fmt: skip


def _layer_row(network: LadderNetwork, number: int, readings: Sequence[RungReading]) -> Row:
    layer = network.layers[number]
    dims = next(reading.dims for reading in readings if reading.network == network)
    columns = ("kind", "depth", "layout", "channels", "height", "width", "stride", "receptive_field")
    described = {name: getattr(layer, name) for name in (*columns, "receptive_field_status")}
    return {**_who(network), "layer": layer.name, "dim": int(dims[number]), **described}


def _accuracy_rows(reading: RungReading) -> Iterator[Row]:
    layers = reading.network.layers if reading.network else (None,)
    kinds = {"probe": reading.probe, "matched": reading.matched} if reading.network else {"pixels": reading.probe}
    for control, found in kinds.items():
        for layer, probabilities, dim in zip(layers, found, reading.dims, strict=True):
            place = {"layer": layer.name if layer else "", "depth": layer.depth if layer else 0.0}
            yield {
                **_who(reading.network), "rung": reading.rung, **place, "dim": int(dim), "control": control,
                **reading.accuracy(probabilities).columns("accuracy", "ci"),
            }  # fmt: skip


def _emergence_rows(climbs: Sequence[Climb]) -> Iterator[Row]:
    declines, reached = _declines(climbs), sum(climb.emergence.reached for climb in climbs)
    for climb, decline in zip(climbs, declines, strict=True):
        found, layers = climb.emergence, climb.network.layers
        low, high = likely_again(climb, reached) if found.reached else (np.nan, np.nan)
        yield {
            **_who(climb.network), "rung": climb.rung, "position": POSITIONS[climb.rung], "depth": found.depth,
            "ci_low": found.ci_low, "ci_high": found.ci_high,
            "again_low": low, "again_high": high,
            "layer": layers[found.layer].name if found.reached else "", "reached": bool(found.reached),
            "best": float(climb.accuracy[climb.best]), "best_layer": layers[climb.best].name,
            "last": float(climb.accuracy[-1]), **decline.columns("decline"), "declines": decline.high < 0,
        }  # fmt: skip


def _declines(climbs: Sequence[Climb]) -> list[Interval]:
    """Return accuracy at the last layer minus that at the best one, for all rungs at once.

    The best layer was picked by the same images; resamples pick their own, so what picking adds is in the spread.
    """
    values = np.array([climb.accuracy[-1] - climb.accuracy.max() for climb in climbs])
    curves = [climb.boot.means(climb.correct) for climb in climbs]
    return intervals_at_once(values, np.stack([curve[:, -1] - curve.max(axis=1) for curve in curves], axis=1))


def _twins_of(by_network: Mapping[tuple[str, int], list[Climb]], own: Sequence[Climb]) -> list[list[Climb]]:
    """Return the climbs of each untrained twin of a network; a twin has none."""
    network = own[0].network
    return [other for (model, twin), other in by_network.items() if model == network.model and network.twin < 0 <= twin]


def _order_row(climbs: Sequence[Climb], twins: Sequence[Sequence[Climb]]) -> Row:
    depths, draws = _placed(climbs)
    order, pairs = order_of(depths, draws), gaps(depths, draws)
    placed = [_placed(twin) for twin in twins]
    return {
        **_who(climbs[0].network), "rungs": order.things, **order.tau.columns("tau"), "p": order.p,
        "pairs": len(pairs), "as_expected": sum(pair.as_expected for pair in pairs),
        "reversed": sum(pair.reversed for pair in pairs),
        "twins": sum(len(own) >= LEAST for own, _ in placed), **order_of_seeds(placed).columns("twins_tau"),
    }  # fmt: skip


def _pair_rows(climbs: Sequence[Climb]) -> Iterator[Row]:
    reached = [climb.rung for climb in climbs if climb.emergence.reached]
    for pair in gaps(*_placed(climbs)):
        yield {
            **_who(climbs[0].network), "lower": reached[pair.first], "higher": reached[pair.second],
            **pair.difference.columns("later"), "reversed": pair.reversed,
        }  # fmt: skip


def _placed(climbs: Sequence[Climb]) -> tuple[list[float], np.ndarray]:
    """Return the depths of the rungs that are reached `(P,)`, and their resamples `(B, P)`."""
    reached = [climb for climb in climbs if climb.emergence.reached]
    draws = np.stack([climb.draws for climb in reached], axis=1) if reached else np.zeros((1, 0))
    return [climb.emergence.depth for climb in reached], draws


def _gain_rows(model: str, by_network: dict[tuple[str, int], list[Climb]]) -> Iterator[Row]:
    """Yield a row a rung, nothing where there are no twins."""
    twins = [climbs for (name, twin), climbs in by_network.items() if name == model and twin >= 0]
    if not twins:
        return
    own = by_network[model, -1]
    each = [np.stack([twin[number].correct[c.best] for twin in twins]) for number, c in enumerate(own)]
    untrained = [other.mean(axis=0) for other in each]
    gained = [climb.correct[climb.best] - other for climb, other in zip(own, untrained, strict=True)]
    draws = np.stack([c.boot.means(values[None])[:, 0] for c, values in zip(own, gained, strict=True)], axis=1)
    starts = -np.stack([other.mean(axis=1) for other in each], axis=1)
    found = intervals_at_once(np.array([values.mean() for values in gained]), draws, starts)
    for climb, other, gain in zip(own, untrained, found, strict=True):
        layer = climb.network.layers[climb.best]
        yield {
            "model": model, "rung": climb.rung, "layer": layer.name, "depth": layer.depth,
            "accuracy": float(climb.accuracy[climb.best]), "untrained": float(other.mean()), **gain.columns("gain"),
        }  # fmt: skip


def _prediction_rows(reading: RungReading) -> Iterator[Row]:
    assert reading.network is not None
    classes, labels = reading.images.classes, reading.images.labels
    for layer, probabilities in zip(reading.network.layers, reading.probe, strict=True):
        mean = probabilities.mean(axis=0)
        for record, label, given in zip(reading.images.records, labels, mean, strict=True):
            yield {
                "model": reading.network.model, "rung": reading.rung, "layer": layer.name, "image": record.id,
                "class": classes[label], "predicted": classes[int(given.argmax())], "p_true": float(given[label]),
            }  # fmt: skip


def _example_rows(reading: RungReading) -> Iterator[Row]:
    images = reading.images
    assert isinstance(images, DrawnSet)
    per_class = len(images) // len(images.classes)
    for number in range(SHOWN):
        for label, name in enumerate(images.classes):
            index = label * per_class + number
            small = thumbnail(images.pixels(index), SHOWN_SIDE)
            yield {"rung": reading.rung, "class": name, "image": images.records[index].id, "thumbnail": small}
