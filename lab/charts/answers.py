"""The charts of a run of any question that is asked by fields, for exports and reports: one row per experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import altair as alt

from lab.charts.accuracy import accuracy_by_depth
from lab.charts.attributions import insertion_deletion, randomisation, share_matrix, shares_by_layer
from lab.charts.breaking import (
    adapter_forest,
    agreement_bars,
    change_curves,
    change_forest,
    linear_curves,
    linear_depths,
    reader_forest,
    single_layers,
)
from lab.charts.channels import (
    class_histogram,
    contributions_to_channel,
    reached_by_target,
    selectivity_by_depth,
    switched_off,
)
from lab.charts.comparing import cost_and_quality, gaps_by_depth
from lab.charts.fields import field_by_depth
from lab.charts.filter_sum import contribution_steps, response_cells, response_map
from lab.charts.left import factor_map, inverted_by_depth, rebuilt_by_depth
from lab.charts.overlays import overlay_sheet
from lab.charts.shapes import orientation_sums, part_responses, tuning_by_depth
from lab.charts.sharing import error_consistency, shared_errors, similarity_map
from lab.charts.side_by_side import accuracy_by_budget, stack_leads
from lab.charts.sizes import map_sizes, weight_counts
from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes, learning_curve
from lab.experiments.building.filter_terms import FilterLayer

if TYPE_CHECKING:
    from lab.experiments.base import Result

Charts = dict[str, alt.TopLevelMixin]


def answer_charts(result: Result) -> Charts:
    """Return the charts of a run by file name; a question without charts has none."""
    draw = DRAWN.get(result.request.experiment)
    return draw(result) if draw else {}


def _filter(result: Result) -> Charts:
    layer = FilterLayer.from_tables(result.tables)
    channel, row, column = result.manifest["at"]
    found = layer.at(channel, row, column)
    response = {"response": response_cells(layer.outputs[channel])}
    return {
        "contributions": contribution_steps(result.tables, bias=found.bias, total=found.total),
        "response": response_map(response, layer=layer.name, channel=channel, row=row, column=column),
    }


def _sizes(result: Result) -> Charts:
    charts: Charts = {"sizes": map_sizes(result.tables)}
    return charts | ({"weights": weight_counts(result.tables)} if len(result["weights"]) else {})


def _field(result: Result) -> Charts:
    return {"fields": field_by_depth(result.tables)}


def _compare(result: Result) -> Charts:
    tables = result.tables
    return {
        "accuracy": accuracy_by_depth(tables, labels="legend"),
        "differences": gaps_by_depth(tables),
        "cost": cost_and_quality(tables),
        "similarity": similarity_map(tables),
        "errors": shared_errors(tables),
        "error-consistency": error_consistency(tables),
    }


def _attribute(result: Result) -> Charts:
    methods = result["maps"].groupby("method", sort=False)
    charts: Charts = {f"maps-{name}": overlay_sheet(result.tables, method=str(name)) for name, _ in methods}
    for method, maps in methods if "randomised" in result.tables else ():
        last = maps.iloc[-1]
        at = str(last["score_at"])
        charts[f"random-weights-{method}"] = randomisation(result.tables, method=str(method), score_at=at)
        charts[f"places-{method}"] = insertion_deletion(
            result.tables, method=str(method), layer=str(last["layer"]), score_at=at
        )
    return charts


def _attribution_score(result: Result) -> Charts:
    methods = [str(method) for method in result["summary"]["method"].unique()]
    by_layer = {f"shares-{method}": shares_by_layer(result.tables, method=method) for method in methods}
    return {"matrix": share_matrix(result.tables), **by_layer}


def _side(result: Result) -> Charts:
    return {"budget": accuracy_by_budget(result.tables), "leads": stack_leads(result.tables)}


def _train(result: Result) -> Charts:
    return {"learning": learning_curve(result.tables)}


def _watch(result: Result) -> Charts:
    tables = result.tables
    return {
        "probes": checkpoint_probes(tables),
        "layers": checkpoint_layers(tables),
        "maps": checkpoint_maps(tables),
    }


def _edges(result: Result) -> Charts:
    charts: Charts = {"parts": part_responses(result.tables)} if len(result["responses"]) else {}
    return charts | ({"sums": orientation_sums(result.tables)} if len(result["combinations"]) else {})


def _tuning(result: Result) -> Charts:
    return {f"tuning-{which}": tuning_by_depth(result.tables, which=which) for which in ("best", "mean")}


def _thumbnail(result: Result) -> Charts:
    return {f"rebuilt-{pooling}": rebuilt_by_depth(result.tables, pooling=pooling) for pooling in ("4x4", "avg")}


def _factors(result: Result) -> Charts:
    return {"factors": factor_map(result.tables)}


def _inversion(result: Result) -> Charts:
    return {"inverted": inverted_by_depth(result.tables)}


def _break(result: Result) -> Charts:
    charts: Charts = {"changes": change_forest(result.tables)}
    for name in result["curve"]["intervention"].unique()[1:]:
        charts[f"curves-{name}"] = change_curves(result.tables, intervention=str(name))
    if "top1" in result["changes"] and result["changes"]["top1"].notna().any():
        charts["agreement"] = agreement_bars(result.tables)
    return charts


def _tail(result: Result) -> Charts:
    return {"adapters": adapter_forest(result.tables)}


def _linear(result: Result) -> Charts:
    return {"depths": linear_depths(result.tables), "curves": linear_curves(result.tables)}


def _together(result: Result) -> Charts:
    return {"readers": reader_forest(result.tables), "layers": single_layers(result.tables)}


def _channels(result: Result) -> Charts:
    tables = result.tables
    return {
        "reached": reached_by_target(tables),
        **({"selectivity": selectivity_by_depth(tables)} if "strip" in tables else {}),
        **({"classes": class_histogram(tables)} if "activations" in tables else {}),
        **({"sources": contributions_to_channel(tables)} if len(tables.get("contributions", ())) else {}),
        **({"switched_off": switched_off(tables)} if len(tables.get("effects", ())) else {}),
    }


DRAWN: dict[str, Callable[[Result], Charts]] = {
    **dict.fromkeys(("visualize", "depth_strip", "channel"), _channels),
    "break": _break,
    "tail": _tail,
    "linear": _linear,
    "together": _together,
    "compare": _compare,
    "filter": _filter,
    "sizes": _sizes,
    "field": _field,
    "edges": _edges,
    "tuning": _tuning,
    "thumbnail": _thumbnail,
    "factors": _factors,
    "inversion": _inversion,
    "side": _side,
    "train": _train,
    "watch": _watch,
    "attribute": _attribute,
    "attribution_score": _attribution_score,
}
