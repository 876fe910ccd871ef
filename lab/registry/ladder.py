"""The ladder: at which depth each level of vision becomes readable."""

from __future__ import annotations

from lab.charts.ladder import emergence_by_rung, fingerprint, ladder_map
from lab.charts.ladder_contrasts import invariance_by_depth, labels_saved_map, layer_differences_map
from lab.experiments.ladder.columns import LADDER
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.ladder.run import run
from lab.registry.row import Experiment, charts_of_tables

ROWS = (
    Experiment(
        "ladder", "At which depth does each level of vision become readable?", LadderRequest, run, LADDER,
        page="ladder", often=True,
        charts=charts_of_tables(
            ("map", "accuracy", ladder_map),
            ("emergence", "emergence", emergence_by_rung),
            ("fingerprint", "accuracy", fingerprint),
            ("labels", "labels", labels_saved_map),
            ("invariance", "invariance", invariance_by_depth),
            ("layer_differences", "layer_differences", layer_differences_map),
        ),
    ),
)  # fmt: skip
