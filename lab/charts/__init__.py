"""Charts: pure functions from a run's tables to Altair charts, and the tables that stand beside them.

    accuracy    accuracy_by_depth
    checks      checks_forest, fold_strip
    decisions   confusion_matrix, depth_of_decision, emergence_by_pair
    maps        embedding_maps, projection_map, depth_walk
    tables      layer_table, whole_controls, gallery, confusion

No function reads a file, a clock or a global setting. Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.charts.accuracy import LAYER_PICK, accuracy_by_depth
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
    from lab.charts.checks import checks_forest, fold_strip
    from lab.charts.comparing import cost_and_quality, gaps_by_depth
    from lab.charts.curves import METRICS, curve_rows
    from lab.charts.decisions import confusion_matrix, depth_of_decision, emergence_by_pair
    from lab.charts.fields import field_by_depth
    from lab.charts.filter_sum import contribution_steps, response_map
    from lab.charts.left import factor_map, inverted_by_depth, rebuilt_by_depth
    from lab.charts.maps import DEPTH_SLIDER, IMAGE_BRUSH, IMAGE_PICK, depth_walk, embedding_maps, projection_map
    from lab.charts.shapes import orientation_sums, part_responses, tuning_by_depth, tuning_curve
    from lab.charts.sharing import error_consistency, shared_errors, similarity_map
    from lab.charts.side_by_side import accuracy_by_budget, stack_leads
    from lab.charts.sizes import map_sizes, weight_counts
    from lab.charts.tables import confusion, gallery, layer_table, whole_controls
    from lab.charts.theme import themed
    from lab.charts.training import checkpoint_layers, checkpoint_maps, checkpoint_probes, learning_curve

__all__ = [
    "DEPTH_SLIDER",
    "IMAGE_BRUSH",
    "IMAGE_PICK",
    "LAYER_PICK",
    "METRICS",
    "accuracy_by_budget",
    "accuracy_by_depth",
    "adapter_forest",
    "agreement_bars",
    "change_curves",
    "change_forest",
    "checkpoint_layers",
    "checkpoint_maps",
    "checkpoint_probes",
    "checks_forest",
    "confusion",
    "confusion_matrix",
    "contribution_steps",
    "cost_and_quality",
    "curve_rows",
    "depth_of_decision",
    "depth_walk",
    "embedding_maps",
    "emergence_by_pair",
    "error_consistency",
    "factor_map",
    "field_by_depth",
    "fold_strip",
    "gallery",
    "gaps_by_depth",
    "insertion_deletion",
    "inverted_by_depth",
    "layer_table",
    "learning_curve",
    "linear_curves",
    "linear_depths",
    "map_sizes",
    "orientation_sums",
    "part_responses",
    "projection_map",
    "randomisation",
    "reader_forest",
    "rebuilt_by_depth",
    "response_map",
    "share_matrix",
    "shared_errors",
    "shares_by_layer",
    "similarity_map",
    "single_layers",
    "stack_leads",
    "themed",
    "tuning_by_depth",
    "tuning_curve",
    "weight_counts",
    "whole_controls",
]

_HOMES = {
    "accuracy": ("LAYER_PICK", "accuracy_by_depth"),
    "breaking": (
        "adapter_forest",
        "agreement_bars",
        "change_curves",
        "change_forest",
        "linear_curves",
        "linear_depths",
        "reader_forest",
        "single_layers",
    ),
    "attributions": ("insertion_deletion", "randomisation", "share_matrix", "shares_by_layer"),
    "checks": ("checks_forest", "fold_strip"),
    "comparing": ("cost_and_quality", "gaps_by_depth"),
    "curves": ("METRICS", "curve_rows"),
    "fields": ("field_by_depth",),
    "filter_sum": ("contribution_steps", "response_map"),
    "left": ("factor_map", "inverted_by_depth", "rebuilt_by_depth"),
    "shapes": ("orientation_sums", "part_responses", "tuning_by_depth", "tuning_curve"),
    "channels": (
        "class_histogram",
        "contributions_to_channel",
        "reached_by_target",
        "selectivity_by_depth",
        "switched_off",
    ),
    "decisions": ("confusion_matrix", "depth_of_decision", "emergence_by_pair"),
    "maps": ("DEPTH_SLIDER", "IMAGE_BRUSH", "IMAGE_PICK", "depth_walk", "embedding_maps", "projection_map"),
    "sharing": ("error_consistency", "shared_errors", "similarity_map"),
    "side_by_side": ("accuracy_by_budget", "stack_leads"),
    "sizes": ("map_sizes", "weight_counts"),
    "tables": ("confusion", "gallery", "layer_table", "whole_controls"),
    "theme": ("themed",),
    "training": ("checkpoint_layers", "checkpoint_maps", "checkpoint_probes", "learning_curve"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"lab.charts.{home}"), name)
    raise AttributeError(f"module 'lab.charts' has no attribute {name!r}")
