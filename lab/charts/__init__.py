"""Charts: pure functions from a run's tables to Altair charts, and the tables that stand beside them.

No function reads a file, a clock or a global setting. A chart can be asked for by its name alone, which a page can
keep: `lab.charts.NAME` imports its file when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# file -> the charts (and what pages and charts share) in it
HOMES = {
    "accuracy": ("LAYER_PICK", "accuracy_by_depth"),
    "ablation": (
        "adapter_forest",
        "agreement_bars",
        "intervention_curves",
        "intervention_forest",
        "linear_curves",
        "linear_depths",
        "concatenation_forest",
        "single_layers",
    ),
    "attributions": ("insertion_deletion", "randomisation", "share_matrix", "shares_by_layer"),
    "checks": ("checks_forest", "fold_strip"),
    "comparison": ("cost_and_quality", "gaps_by_depth"),
    "curves": ("METRICS", "curve_rows"),
    "receptive_field": ("field_by_depth",),
    "filter_sum": ("contribution_steps", "response_map"),
    "decoding": ("factor_map", "inverted_by_depth", "rebuilt_by_depth"),
    "shapes": ("orientation_sums", "part_responses", "tuning_by_depth", "tuning_curve"),
    "channels": (
        "class_histogram",
        "contributions_to_channel",
        "reached_by_target",
        "selectivity_by_depth",
        "ablation_effects",
    ),
    "decisions": ("confusion_matrix", "depth_of_decision", "emergence_by_pair"),
    "map_checks": ("map_quality",),
    "maps": ("DEPTH_SLIDER", "IMAGE_BRUSH", "IMAGE_PICK", "depth_walk", "embedding_maps", "projection_map"),
    "similarity": ("error_consistency", "shared_errors", "similarity_map"),
    "width_vs_depth": ("accuracy_by_budget", "stack_leads"),
    "sizes": ("map_sizes", "weight_counts"),
    "tables": ("confusion", "gallery", "layer_table", "whole_controls"),
    "theme": ("themed",),
    "training": ("checkpoint_layers", "checkpoint_maps", "checkpoint_probes", "learning_curve"),
}


def __getattr__(name: str) -> Any:
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(f"lab.charts.{home}"), name)
    raise AttributeError(f"module 'lab.charts' has no attribute {name!r}")
