"""The charts of a run of any question by file name, for exports and reports: one row per chart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import altair as alt

from lab.charts.ablation import (
    adapter_forest,
    agreement_bars,
    concatenation_forest,
    intervention_curves,
    intervention_forest,
    linear_curves,
    linear_depths,
    single_layers,
)
from lab.charts.accuracy import accuracy_by_depth
from lab.charts.attributions import insertion_deletion, randomisation, share_matrix, shares_by_layer
from lab.charts.channels import (
    ablation_effects,
    class_histogram,
    contributions_to_channel,
    reached_by_target,
    selectivity_by_depth,
)
from lab.charts.comparison import cost_and_quality, gaps_by_depth
from lab.charts.decoding import factor_map, inverted_by_depth, rebuilt_by_depth
from lab.charts.filter_sum import contribution_steps, response_cells, response_map
from lab.charts.overlays import overlay_sheet
from lab.charts.pictures import standard_charts
from lab.charts.receptive_field import field_by_depth
from lab.charts.shapes import orientation_sums, part_responses, tuning_by_depth
from lab.charts.similarity import error_consistency, shared_errors, similarity_map
from lab.charts.sizes import map_sizes, weight_counts
from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes, learning_curve
from lab.charts.width_vs_depth import accuracy_by_budget, stack_leads
from lab.experiments.base import Result
from lab.experiments.building.filter_terms import FilterLayer

Charts = dict[str, alt.TopLevelMixin]
Draw = Callable[..., Any]


def charts_of(result: Result) -> Charts:
    """Return the charts of a run by file name; a question without charts has none."""
    question, tables = result.request.experiment, result.tables
    charts: Charts = {
        file: draw(tables) for file, needed, draw in ROWS.get(question, ()) if len(tables.get(needed, ()))
    }
    return charts | (BY_RESULT[question](result) if question in BY_RESULT else {})


def _filter(result: Result) -> Charts:
    layer = FilterLayer.from_tables(result.tables)
    channel, row, column = result.manifest["at"]
    found = layer.at(channel, row, column)
    response = {"response": response_cells(layer.outputs[channel])}
    return {
        "contributions": contribution_steps(result.tables, bias=found.bias, total=found.total),
        "response": response_map(response, layer=layer.name, channel=channel, row=row, column=column),
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


def _break(result: Result) -> Charts:
    charts: Charts = {"changes": intervention_forest(result.tables)}
    for name in result["curve"]["intervention"].unique()[1:]:
        charts[f"curves-{name}"] = intervention_curves(result.tables, intervention=str(name))
    if "top1" in result["changes"] and result["changes"]["top1"].notna().any():
        charts["agreement"] = agreement_bars(result.tables)
    return charts


_REACHED = ("reached", "visualizations", reached_by_target)
# question -> file, the table that must hold something, what draws it from the tables
ROWS: dict[str, tuple[tuple[str, str, Draw], ...]] = {
    "visualize": (_REACHED,),
    "depth_strip": (_REACHED, ("selectivity", "strip", selectivity_by_depth)),
    "channel": (
        _REACHED,
        ("classes", "activations", class_histogram),
        ("sources", "contributions", contributions_to_channel),
        ("switched_off", "effects", ablation_effects),
    ),
    "tail": (("adapters", "adapters", adapter_forest),),
    "linear": (("depths", "depths", linear_depths), ("curves", "curve", linear_curves)),
    "together": (("readers", "readers", concatenation_forest), ("layers", "layers", single_layers)),
    "compare": (
        ("accuracy", "summary", partial(accuracy_by_depth, labels="legend")),
        ("differences", "matched", gaps_by_depth),
        ("cost", "cuts", cost_and_quality),
        ("similarity", "similarity", similarity_map),
        ("errors", "agreement", shared_errors),
        ("error-consistency", "agreement", error_consistency),
    ),
    "sizes": (("sizes", "windows", map_sizes), ("weights", "weights", weight_counts)),
    "field": (("fields", "fields", field_by_depth),),
    "edges": (("parts", "responses", part_responses), ("sums", "combinations", orientation_sums)),
    "tuning": tuple((f"tuning-{which}", "tuning", partial(tuning_by_depth, which=which)) for which in ("best", "mean")),
    "thumbnail": tuple(
        (f"rebuilt-{pooling}", "rebuilt", partial(rebuilt_by_depth, pooling=pooling)) for pooling in ("4x4", "avg")
    ),
    "factors": (("factors", "readings", factor_map),),
    "inversion": (("inverted", "summary", inverted_by_depth),),
    "side": (("budget", "summary", accuracy_by_budget), ("leads", "leads", stack_leads)),
    "train": (("learning", "history", learning_curve),),
    "watch": (
        ("probes", "probes", checkpoint_probes),
        ("layers", "probes", checkpoint_layers),
        ("maps", "maps", checkpoint_maps),
    ),
}
# Questions whose charts depend on more than that.
BY_RESULT: dict[str, Callable[[Result], Charts]] = {
    "probe": standard_charts,
    "filter": _filter,
    "attribute": _attribute,
    "attribution_score": _attribution_score,
    "break": _break,
}
CHARTED = frozenset({*ROWS, *BY_RESULT})
