"""The question about numbers: at which layer can one be read?"""

from __future__ import annotations

from lab.charts.checks import checks_forest
from lab.charts.numbers import predicted_by_value, r2_by_depth
from lab.experiments.regression import run
from lab.experiments.regression.columns import REGRESS
from lab.experiments.regression.request import RegressRequest
from lab.registry.row import Experiment, charts_of_tables

ROWS = (
    Experiment(
        "regress", "At which layer can a number of each image be read?", RegressRequest, run.run, REGRESS,
        page="numbers", tab="Numbers",
        charts=charts_of_tables(
            ("r2", "summary", r2_by_depth),
            ("predicted", "predictions", predicted_by_value),
            ("checks", "checks", checks_forest),
        ),
    ),
)  # fmt: skip
