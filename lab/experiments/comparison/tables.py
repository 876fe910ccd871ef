"""The tables of a comparison that have a row per network or layer; those of pairs are in `pair_tables`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.experiments.comparison.costs import NetworkSize, Speed
from lab.experiments.comparison.evidence import Comparison, ModelCurve
from lab.layers import Layer
from lab.stats.differences import simultaneous
from lab.stats.intervals import Interval, accuracy_interval, chance

Row = dict[str, Any]
GIGA, MEGA = 1e9, 1e6


def cuts(field: Comparison) -> pd.DataFrame:
    """Return every layer of every network as a place to cut it: accuracy, cost, how far behind the best of all.

    `within` says that the best is not clearly better, with intervals that hold for all layers at once; `chosen` is
    the one of these that takes the fewest operations, if any is such of those clearly above every reference.
    """
    correct = np.concatenate([curve.correct for curve in field.curves])
    best = correct[int(field.boot.mean(correct).argmax())]
    table = pd.DataFrame([_cut(curve, layer) for curve in field.curves for layer in curve.layers])
    table["accuracy"] = field.boot.mean(correct)
    table[["ci_low", "ci_high"]] = [accuracy_interval(share, field.boot.groups) for share in table["accuracy"]]
    table["accuracy_per_gflop"] = table["accuracy"] / table["gflops"].where(table["gflops"] > 0)
    _add(table, "behind", simultaneous(field.boot, best - correct))
    for name, reference in _references(field).items():
        _add(table, name, simultaneous(field.boot, correct - reference))
    table["within"] = table["behind_low"] <= 0
    order = above_every_reference(table[table["within"]]).sort_values(["gflops", "behind"], kind="stable")
    table["chosen"] = table.index == order.index[0]
    return table


def smallest_cuts(field: Comparison, table: pd.DataFrame) -> dict[str, Layer]:
    """Return per network the layer with the fewest operations that is not clearly behind its own best layer.

    If any is such, only of those that are clearly above every reference; `table` is what `cuts` returned.
    """
    found = {}
    for curve in field.curves:
        correct = curve.correct
        behind = simultaneous(field.boot, correct[int(field.boot.mean(correct).argmax())] - correct)
        within = {layer.name: layer for layer, gap in zip(curve.layers, behind, strict=True) if gap.low <= 0}
        own = above_every_reference(table[(table["model"] == curve.model) & table["layer"].isin(set(within))])
        found[curve.model] = min((within[name] for name in own["layer"]), key=lambda layer: (layer.flops, layer.depth))
    return found


def above_every_reference(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows clearly above every reference there is, or all when none is: few images leave wide intervals,
    within which a layer at chance may be as good as the best."""
    above = _is_above(rows)
    return rows[above] if above.any() else rows


def _is_above(rows: pd.DataFrame) -> pd.Series:
    lows = rows.filter(regex="^above_.*_low$")
    return ((lows > 0) | lows.isna()).all(axis=1)


def models(
    field: Comparison,
    emergence: pd.DataFrame,
    table: pd.DataFrame,
    chosen: Mapping[str, Layer],
    sizes: Mapping[str, NetworkSize],
    speed: Mapping[str, Speed],
) -> pd.DataFrame:
    """Return one row per network: what it reads at best, from where on, what it costs, and its smallest good cut.

    A network without a speed has none in the table, one whose cut is not clearly above every reference has no cut.
    """
    rows = (_model(field, curve, emergence, table, chosen[curve.model], sizes[curve.model]) for curve in field.curves)
    found = pd.DataFrame([{**row, **_speed_columns(speed.get(row["model"]))} for row in rows])
    places = list(zip(found["model"], found["cut_layer"], strict=True))
    good = _is_above(table.set_index(["model", "layer"]).loc[places]).to_numpy()
    return found.assign(
        **{
            str(name): values.where(good, "" if name == "cut_layer" else np.nan)
            for name, values in found.filter(regex="^cut_").items()
        }
    )


def speeds(speed: Mapping[str, Speed]) -> pd.DataFrame:
    """Return one row per network, part (whole or cut) and round."""
    rows = [
        (model, part, number, float(value), each.measured_as)
        for model, each in speed.items()
        for part, values in (("whole", each.whole), ("cut", each.cut))
        for number, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["model", "part", "round", "images_per_second", "measured_as"])


def _model(
    field: Comparison, curve: ModelCurve, emergence: pd.DataFrame, table: pd.DataFrame, cut: Layer, size: NetworkSize
) -> Row:
    right, last = curve.choice.correct, curve.layers[-1]
    accuracy = float(field.boot.mean(right))
    low, high = accuracy_interval(accuracy, field.boot.groups)
    own = table[table["model"] == curve.model].set_index("layer")
    best_row = own.loc[curve.layers[curve.choice.layer].name]
    return {
        "model": curve.model,
        "best_layer": best_row.name,
        "accuracy": accuracy,
        "ci_low": low,
        "ci_high": high,
        **_emergence_of(emergence, curve.model),
        "parameters": size.parameters,
        "gflops": last.flops / GIGA,
        "weights_mb": size.weights / MEGA,
        "activations_mb": size.activations / MEGA,
        "accuracy_per_gflop": best_row["accuracy_per_gflop"],
        "cut_layer": cut.name,
        "cut_depth": cut.depth,
        "cut_accuracy": own.loc[cut.name, "accuracy"],
        "cut_parameters": cut.parameters,
        "cut_gflops": cut.flops / GIGA,
    }


def _speed_columns(speed: Speed | None) -> Row:
    nothing = np.array([np.nan])
    return {
        **_pace("images_per_second", nothing if speed is None else speed.whole),
        **_pace("cut_images_per_second", nothing if speed is None else speed.cut),
    }


def _pace(name: str, rounds: np.ndarray) -> Row:
    """Return the median of the rounds and the range that the middle half of them spans."""
    low, middle, high = np.quantile(rounds, (0.25, 0.5, 0.75))
    return {name: float(middle), f"{name}_low": float(low), f"{name}_high": float(high)}


def _emergence_of(emergence: pd.DataFrame, model: str) -> Row:
    """Return the mean emergence depth over the pairs of classes that come apart; an interval when there is one pair."""
    own = emergence[emergence["model"] == model]
    reached = own[own["reached"].astype(bool)]
    single = len(own) == 1 and len(reached) == 1
    return {
        "emergence": float(reached["depth"].mean()) if len(reached) else np.nan,
        "emergence_low": float(reached["ci_low"].iloc[0]) if single else np.nan,
        "emergence_high": float(reached["ci_high"].iloc[0]) if single else np.nan,
        "pairs_apart": len(reached),
        "pairs": len(own),
    }


def _cut(curve: ModelCurve, layer: Layer) -> Row:
    cost = {"gflops": layer.flops / GIGA, "parameters": layer.parameters}
    return {"model": curve.model, "layer": layer.name, "depth": layer.depth, **cost}


def _references(field: Comparison) -> dict[str, np.ndarray]:
    """Return what a layer has to beat, correctness `(C, N)` or `(N,)`: guessing, raw pixels, its untrained twin."""
    count = len(field.labels)
    found = {"above_chance": np.full(count, chance(field.labels, field.boot.members))}
    if field.pixels is not None:
        found["above_pixels"] = field.pixels
    if any(curve.twin is not None for curve in field.curves):
        blank = [curve.twin if curve.twin is not None else curve.correct * np.nan for curve in field.curves]
        twins = np.concatenate(blank)
        found["above_twin"] = twins
    return found


def _add(table: pd.DataFrame, name: str, found: Sequence[Interval]) -> None:
    table[name] = [gap.value for gap in found]
    table[f"{name}_low"], table[f"{name}_high"] = [gap.low for gap in found], [gap.high for gap in found]
